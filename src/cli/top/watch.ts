import type { Clock } from '../../clock.ts'
import { Unreachable } from './get.ts'
import type { Pages } from './pages.ts'

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
  /** Rejects with Unreachable when there is nothing to read. */
  readonly read: () => Promise<Pages>
  readonly show: (state: TopState) => void
  /** Ends the watching. */
  readonly signal: AbortSignal
}

/** Reads and shows at the interval, whether the proxy is there or not, until the signal. */
export async function watch({ url, clock, intervalMs, read, show, signal }: Watching): Promise<void> {
  let pages: Pages | undefined
  let readAt = 0
  while (!signal.aborted) {
    const begun = clock.now()
    let lost: string | undefined
    try {
      pages = await read()
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
