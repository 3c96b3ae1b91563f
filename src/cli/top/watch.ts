import type { Clock } from '../../clock.ts'
import { Unreachable } from './get.ts'
import { type Pages, readPages } from './pages.ts'

/** What the screen shows: the pages that were read last, and whether the proxy still answers. */
export interface TopState {
  readonly url: string
  /** Undefined before the first answer. */
  readonly pages: Pages | undefined
  /** Milliseconds since `pages` were read. */
  readonly ageMs: number
  /** Why the last attempt failed; undefined when it did not. */
  readonly lost: string | undefined
}

export interface Watching {
  readonly url: string
  readonly clock: Clock
  readonly intervalMs: number
}

/** Milliseconds for one round of questions. A proxy that takes longer is as good as gone. */
export const POLL_TIMEOUT_MS = 3_000

/** Reads and shows at the interval, whether the proxy is there or not, until the signal. */
export async function watch(
  { url, clock, intervalMs }: Watching,
  signal: AbortSignal,
  show: (state: TopState) => void,
): Promise<void> {
  let pages: Pages | undefined
  let readAt = 0
  while (!signal.aborted) {
    const begun = clock.now()
    let lost: string | undefined
    try {
      pages = await readPages({ url, timeoutMs: POLL_TIMEOUT_MS, signal })
      readAt = clock.now()
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      lost = error.message
    }
    if (signal.aborted) return
    show({ url, pages, ageMs: clock.now() - readAt, lost })
    await pause(clock, intervalMs - (clock.now() - begun), signal)
  }
}

/** Resolves after so many milliseconds, or at the signal. */
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
