import type { Clock } from '../../clock.ts'

/** Long enough that nobody's polling matters, short enough for a page that is watched. */
const FRESH_MS = 2_000

export interface MemoryReading {
  readonly totalBytes: number
  /** What programs can still get, page cache counted in. */
  readonly availableBytes: number
}

/** The host's memory or the container's, whichever is smaller. Never rejects: null when it cannot be told. */
export async function readMemory(): Promise<MemoryReading | null> {
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
 * systeminformation knows the host only. A limit of 0 or beyond the host's memory means that there is none, and
 * then the runtime's own figure for available memory is not used: outside Linux it leaves the page cache out.
 */
export function withinContainer(
  host: MemoryReading,
  container: { readonly limitBytes: number; readonly availableBytes: number },
): MemoryReading | null {
  if (!(host.totalBytes > 0) || !(host.availableBytes >= 0)) return null
  const limited = container.limitBytes > 0 && container.limitBytes < host.totalBytes
  const totalBytes = limited ? container.limitBytes : host.totalBytes
  const availableBytes = limited
    ? Math.min(host.availableBytes, container.availableBytes)
    : host.availableBytes
  return { totalBytes, availableBytes: Math.min(Math.max(0, availableBytes), totalBytes) }
}

/**
 * A reader that asks at most once in two seconds and one at a time: on some systems a reading starts other
 * programs, and a page that is polled must not. What it returns never rejects if `read` does not.
 */
export function sampleMemory(
  clock: Clock,
  read: () => Promise<MemoryReading | null> = readMemory,
): () => Promise<MemoryReading | null> {
  let latest: Promise<MemoryReading | null> | undefined
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
