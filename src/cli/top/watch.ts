import type { Clock } from '../../clock.ts'
import { Unreachable } from './get.ts'
import { type Pages, readPages } from './pages.ts'

/** The content of the screen: the pages that were read last, and whether the proxy still answers. */
export interface TopState {
  readonly url: string
  /** Undefined before the first answer. */
  readonly pages: Pages | undefined
  /** Milliseconds since `pages` were read. */
  readonly ageMs: number
  /** Why the last read failed; undefined after a success. */
  readonly lastError: string | undefined
}

export interface WatchOptions {
  readonly url: string
  readonly clock: Clock
  readonly intervalMs: number
}

/** Milliseconds for one read of all pages. A slower proxy counts as unreachable. */
export const POLL_TIMEOUT_MS = 3_000

/** Reads the pages and calls `show` at the interval until the signal, also while the proxy does not answer. */
export async function watch(
  { url, clock, intervalMs }: WatchOptions,
  signal: AbortSignal,
  show: (state: TopState) => void,
): Promise<void> {
  let pages: Pages | undefined
  let readAt = 0
  while (!signal.aborted) {
    const startedAt = clock.now()
    let lastError: string | undefined
    try {
      pages = await readPages({ url, timeoutMs: POLL_TIMEOUT_MS, signal })
      readAt = clock.now()
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      lastError = error.message
    }
    if (signal.aborted) return
    show({ url, pages, ageMs: clock.now() - readAt, lastError })
    await pause(clock, intervalMs - (clock.now() - startedAt), signal)
  }
}

/** Resolves after `ms` milliseconds, or at the signal. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal.addEventListener('abort', end)
  })
}
