import { Returns } from './returns.ts'

/** An observation weighs half after this many further completions. */
const HALF_LIFE = 20
const WEIGHT = 1 - 2 ** (-1 / HALF_LIFE)

/** Completions that a lane needs before it refuses a call because of a prediction. */
const SAMPLES_BEFORE_PREDICTING = 8

const RETRY_FLOOR_MS = 1_000
/** Clients ignore a Retry-After over a minute. The jitter of a quarter comes on top of this. */
const RETRY_CEILING_MS = 48_000
const RETRY_JITTER = 0.25

/**
 * Learns the service times of a lane and predicts waits.
 * With P busy slots and k calls ahead, a call starts after about (k+1)·S/P, with a standard deviation of cv·S·√(k+1)/P.
 * S is the mean time that a slot is held, cv its coefficient of variation. This holds for every distribution of service
 * times (renewal theory).
 */
export class Estimate {
  #samples = 0
  #mean = 0
  #variance = 0
  readonly #returns = new Returns(RETRY_CEILING_MS)

  /** `serviceMs`: the time that a slot was held, without the time that the model took to load. */
  learn(serviceMs: number): void {
    this.#samples++
    const weight = Math.max(WEIGHT, 1 / this.#samples)
    const delta = serviceMs - this.#mean
    this.#mean += weight * delta
    this.#variance = (1 - weight) * (this.#variance + weight * delta * delta)
  }

  /** Mean milliseconds that a slot is held; undefined before the first completion. */
  get meanMs(): number | undefined {
    return this.#samples === 0 ? undefined : this.#mean
  }

  /** Expected milliseconds in line behind `ahead` calls; undefined while too little is known. */
  waitMs(ahead: number, slots: number): number | undefined {
    if (this.#samples < SAMPLES_BEFORE_PREDICTING || slots < 1) return undefined
    return ((ahead + 1) * this.#mean) / slots
  }

  /** One standard deviation of `waitMs`, in milliseconds. */
  spreadMs(ahead: number, slots: number): number {
    return (Math.sqrt(this.#variance) * Math.sqrt(ahead + 1)) / slots
  }

  /**
   * Milliseconds from now after which a refused client should come back: 1 s to 60 s, and not before `atLeastMs`. Refused
   * clients return at the pace at which slots become free for them, and not together. `caller`: Caller.id. `callers`:
   * those that share the slots with this one, itself included.
   */
  retryAfterMs(
    now: number,
    slots: number,
    random: () => number,
    atLeastMs = 0,
    caller = '',
    callers = 1,
  ): number {
    const ideal = this.#returns.next(caller, callers, this.#mean / Math.max(slots, 1), now)
    const delay = Math.min(Math.max(ideal - now, atLeastMs, RETRY_FLOOR_MS), RETRY_CEILING_MS)
    return delay * (1 + RETRY_JITTER * random())
  }
}
