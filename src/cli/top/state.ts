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
