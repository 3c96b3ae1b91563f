import type { Cancel, Clock } from '../clock.ts'

/** Something that must have moved on by `dueAt` (clock milliseconds); Infinity while nothing is due. */
export interface Watched {
  readonly dueAt: number
  /** Where the watcher keeps it; its own. -1 while it is not watched. */
  index: number
  overdue(now: number): void
}

/** How late a deadline may be noticed. */
const SWEEP_MS = 250

/**
 * Watches many deadlines with one timer, which exists only while something is watched.
 *
 * A list whose places are filled from its end, not a Set: a Set that sees every call come and go throws its table
 * away again and again, and each old table kept the calls of its time from being collected young.
 */
export class Deadlines<W extends Watched = Watched> {
  readonly #clock: Clock
  readonly #watched: W[] = []
  #sweep: Cancel | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whatever is watched now, in no order. */
  get watched(): Iterable<W> {
    return this.#watched
  }

  watch(watched: W): void {
    watched.index = this.#watched.length
    this.#watched.push(watched)
    if (this.#sweep === undefined) this.#arm(watched.dueAt - this.#clock.now())
  }

  forget(watched: W): void {
    if (watched.index < 0) return
    const last = this.#watched.pop()
    if (last !== undefined && last !== watched) {
      this.#watched[watched.index] = last
      last.index = watched.index
    }
    watched.index = -1
  }

  #arm(dueMs: number): void {
    this.#sweep = this.#clock.after(Math.min(Math.max(dueMs, 1), SWEEP_MS), () => {
      this.#sweep = undefined
      const now = this.#clock.now()
      let earliest = Number.POSITIVE_INFINITY
      // From the end, where those that are forgotten meanwhile leave no place that is yet to be seen.
      for (let slot = this.#watched.length - 1; slot >= 0; slot--) {
        const watched = this.#watched[slot]
        if (watched === undefined) continue
        if (watched.dueAt <= now) watched.overdue(now)
        else if (watched.dueAt < earliest) earliest = watched.dueAt
      }
      if (this.#watched.length > 0 && this.#sweep === undefined) this.#arm(earliest - now)
    })
  }
}
