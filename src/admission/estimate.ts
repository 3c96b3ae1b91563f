/** Completions after which an old one weighs half. */
const HALF_LIFE = 20
const WEIGHT = 1 - 2 ** (-1 / HALF_LIFE)

/** Completions that must have been seen before anybody is refused on a prediction. */
const SAMPLES_BEFORE_PREDICTING = 8

const RETRY_FLOOR_MS = 1_000
/** Clients ignore a Retry-After over a minute; the jitter of a quarter goes on top of this. */
const RETRY_CEILING_MS = 48_000
const RETRY_JITTER = 0.25

/**
 * What a lane has learnt of its service times, and what it tells from them.
 * With P slots busy and k calls ahead, a call starts after about (k+1)·S/P, give or take cv·S·√(k+1)/P,
 * whatever the distribution of service times (renewal theory); S is the mean time a slot is held.
 */
export class Estimate {
  #samples = 0
  #mean = 0
  #variance = 0
  /** The time at which the client refused last was asked to return. */
  #lastReturn = Number.NEGATIVE_INFINITY

  /** `serviceMs`: how long a slot was held, without the time a model took to load. */
  learn(serviceMs: number): void {
    this.#samples++
    const weight = Math.max(WEIGHT, 1 / this.#samples)
    const delta = serviceMs - this.#mean
    this.#mean += weight * delta
    this.#variance = (1 - weight) * (this.#variance + weight * delta * delta)
  }

  /** Mean milliseconds a slot is held; undefined before the first completion. */
  get meanMs(): number | undefined {
    return this.#samples === 0 ? undefined : this.#mean
  }

  /** Expected milliseconds in line behind `ahead` calls; undefined while too little is known. */
  waitMs(ahead: number, slots: number): number | undefined {
    if (this.#samples < SAMPLES_BEFORE_PREDICTING || slots < 1) return undefined
    return ((ahead + 1) * this.#mean) / slots
  }

  /** One standard deviation of that wait. */
  spreadMs(ahead: number, slots: number): number {
    return (Math.sqrt(this.#variance) * Math.sqrt(ahead + 1)) / slots
  }

  /**
   * When the next refused client should come back, in milliseconds from now, 1 s to 60 s, and not before `atLeastMs`.
   * Each refusal takes the next place one service time later, so that refused clients return
   * at the pace at which places become free, not together.
   */
  retryAfterMs(now: number, slots: number, random: () => number, atLeastMs = 0): number {
    const pace = this.#mean / Math.max(slots, 1)
    const ideal = Math.max(now, this.#lastReturn) + pace
    this.#lastReturn = Math.min(ideal, now + RETRY_CEILING_MS)
    const delay = Math.min(Math.max(ideal - now, atLeastMs, RETRY_FLOOR_MS), RETRY_CEILING_MS)
    return delay * (1 + RETRY_JITTER * random())
  }
}
