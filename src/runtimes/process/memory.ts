import type { Clock } from '../../clock.ts'
import { recommendParallel } from '../../config/recommend.ts'
import type { Memory } from '../../telemetry/snapshot.ts'

/** Long enough that polling costs nothing, short enough for a page that an operator watches. */
const FRESH_MS = 2_000

/** The memory of the host or the container, whichever is smaller. Null when the system does not tell. Never rejects. */
export async function readMemory(): Promise<Memory> {
  try {
    const { default: systeminformation } = await import('systeminformation')
    const host = await systeminformation.mem()
    return withinContainer(
      { totalBytes: host.total, availableBytes: host.available },
      { limitBytes: process.constrainedMemory(), availableBytes: process.availableMemory() },
    )
  } catch {
    return null
  }
}

/**
 * Applies the limit of the container, which systeminformation does not know. A limit of 0 or above the host's memory
 * means no limit. The runtime's own figure of available memory counts only with a limit: outside Linux the figure
 * leaves the page cache out.
 */
export function withinContainer(
  host: NonNullable<Memory>,
  container: { readonly limitBytes: number; readonly availableBytes: number },
): Memory {
  if (!(host.totalBytes > 0) || !(host.availableBytes >= 0)) return null
  const limited = container.limitBytes > 0 && container.limitBytes < host.totalBytes
  const totalBytes = limited ? container.limitBytes : host.totalBytes
  const availableBytes = limited
    ? Math.min(host.availableBytes, container.availableBytes)
    : host.availableBytes
  return { totalBytes, availableBytes: Math.min(Math.max(0, availableBytes), totalBytes) }
}

/**
 * Returns a function that reads the memory at most once in two seconds, and never twice at the same time. On some
 * systems a reading starts other programs, which a polled page must not do. Never rejects if `read` does not.
 */
export function sampleMemory(clock: Clock, read: () => Promise<Memory> = readMemory): () => Promise<Memory> {
  let latest: Promise<Memory> | undefined
  let staleAt = 0
  return () => {
    if (latest && clock.now() < staleAt) return latest
    staleAt = Number.POSITIVE_INFINITY
    latest = read().finally(() => {
      staleAt = clock.now() + FRESH_MS
    })
    return latest
  }
}

/** Slots per model. For `auto`: as many as fit into the memory that is available now. */
export async function slotsPerModel(configured: number | 'auto'): Promise<number> {
  return configured === 'auto' ? recommendParallel((await readMemory())?.availableBytes ?? null) : configured
}
