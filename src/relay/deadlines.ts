import type { Cancel, Clock } from '../clock.ts'

/** Something that must have moved on by `dueAt` (clock milliseconds); Infinity while nothing is due. */
export interface Watched {
  readonly dueAt: number
  overdue(now: number): void
}

/** How late a deadline may be noticed. */
const SWEEP_MS = 250

/** Watches many deadlines with one timer, which exists only while something is watched. */
export class Deadlines {
  readonly #clock: Clock
  readonly #watched = new Set<Watched>()
  #sweep: Cancel | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  watch(watched: Watched): void {
    this.#watched.add(watched)
    if (this.#sweep === undefined) this.#arm(watched.dueAt - this.#clock.now())
  }

  forget(watched: Watched): void {
    this.#watched.delete(watched)
  }

  #arm(dueMs: number): void {
    this.#sweep = this.#clock.after(Math.min(Math.max(dueMs, 1), SWEEP_MS), () => {
      this.#sweep = undefined
      const now = this.#clock.now()
      let earliest = Number.POSITIVE_INFINITY
      for (const watched of this.#watched) {
        if (watched.dueAt <= now) watched.overdue(now)
        else if (watched.dueAt < earliest) earliest = watched.dueAt
      }
      if (this.#watched.size > 0 && this.#sweep === undefined) this.#arm(earliest - now)
    })
  }
}
