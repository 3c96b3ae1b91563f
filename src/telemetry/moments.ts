import type { Clock } from '../clock.ts'

/** The two clocks of a machine may drift apart by this much before a moment is told otherwise than before. */
const DRIFT_MS = 100

/**
 * Times of the clock as moments for people, ISO 8601. One time always gives the same text, though the distance between
 * the monotonic clock and the wall clock varies a little: /queue/events sends a page again when its text has changed.
 */
export class Moments {
  readonly #clock: Clock
  #distance = Number.NaN

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `time`: clock milliseconds. */
  of(time: number): string {
    const distance = this.#clock.wallTime() - this.#clock.now()
    // Also true for the first time, when nothing is known.
    if (!(Math.abs(distance - this.#distance) <= DRIFT_MS)) this.#distance = distance
    return new Date(Math.round(this.#distance + time)).toISOString()
  }
}
