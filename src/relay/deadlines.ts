import { type Clock, Sweep } from '../clock.ts'

/** A thing that must have moved on by `dueAt`, in clock milliseconds; Infinity while nothing is due. */
export interface Watched {
  readonly dueAt: number
  /** Index in the list of Deadlines, which alone changes the index. -1: not watched. */
  index: number
  overdue(now: number): void
}

/** The longest time after a deadline until it is noticed. */
const SWEEP_MS = 250

/**
 * Watches many deadlines with one timer.
 *
 * The list is an array whose gaps are filled from its end, not a Set. A Set that sees every call come and go discards
 * its table again and again, and each old table kept the calls of its time from being collected young.
 */
export class Deadlines<W extends Watched = Watched> {
  readonly #clock: Clock
  readonly #watched: W[] = []
  readonly #looked: ((now: number) => void) | undefined
  readonly #sweep: Sweep
  readonly #mostOverdue: number

  /**
   * `mostOverdue`: in one turn of the event loop. `looked`: called after each look, so again and again while something is
   * watched. `now`: clock milliseconds.
   */
  constructor(clock: Clock, mostOverdue = Number.POSITIVE_INFINITY, looked?: (now: number) => void) {
    this.#clock = clock
    this.#mostOverdue = mostOverdue
    this.#looked = looked
    this.#sweep = new Sweep(clock, SWEEP_MS, (now) => this.#look(now))
  }

  /** All that is watched now, in no order. */
  get watched(): Iterable<W> {
    return this.#watched
  }

  watch(watched: W): void {
    watched.index = this.#watched.length
    this.#watched.push(watched)
    if (!this.#sweep.planned) this.#sweep.plan(watched.dueAt - this.#clock.now())
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

  #look(now: number): number | undefined {
    let earliest = Number.POSITIVE_INFINITY
    let room = this.#mostOverdue
    // From the end: an entry that is forgotten meanwhile is replaced by one that was looked at already.
    for (let index = this.#watched.length - 1; index >= 0; index--) {
      const watched = this.#watched[index]
      if (watched === undefined) continue
      if (watched.dueAt <= now) {
        if (room-- <= 0) return now
        watched.overdue(now)
      } else if (watched.dueAt < earliest) earliest = watched.dueAt
    }
    this.#looked?.(now)
    return this.#watched.length > 0 ? earliest : undefined
  }
}
