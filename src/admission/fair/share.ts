/** How far the members of one order have been served, in slot-milliseconds for each unit of weight. */
export interface ServiceLevel {
  v: number
}

/** A place of a share in a line: calls of the share wait there. */
export interface SharePlace {
  /** The oldest call. */
  readonly oldest: { readonly number: number } | undefined
  /** What the share has got has changed. */
  charged(): void
  /** The room of the caller has changed. */
  recount(): void
  /** Other calls than before may be the next to go. */
  moved(now: number): void
}

/** The weight of the last call in what is expected of the next one. */
const LAST_CALL = 0.3
/** How much longer or shorter than those of others the calls of one share are taken to be, at most. */
const MOST_SIZE = 64

/**
 * What one party has got of the slots, in all lines together: a caller in one class, or a person behind a key. Those that
 * wait are served in the order of `v`, so each gets slot-time in proportion to its weight.
 *
 * Lines advance at paces of their own, so `v` counts from the level of the line in which the share was served last. What
 * a share has got beyond that level is its lead. The share brings its lead to the next line: who used one model for long
 * does not start even on another one. Who comes back after a pause starts at the level of the line, so no credit is saved.
 */
export class Share {
  weight: number
  v = 0
  /** Lines in which calls of the share wait. */
  readonly places: SharePlace[] = []
  /** Calls that hold slots. */
  running = 0
  /** How long the calls of the share are, compared with all calls of their models. */
  size = 1
  #home: ServiceLevel | undefined

  constructor(weight: number) {
    this.weight = weight
  }

  /** What the share has got beyond what others have that wait. */
  get lead(): number {
    return this.#home === undefined ? 0 : Math.max(0, this.v - this.#home.v)
  }

  get idle(): boolean {
    return this.running === 0 && this.places.length === 0
  }

  /** The share comes to a line. Returns its `v` as that line counts. */
  enter(level: ServiceLevel): number {
    const key = level.v + this.lead
    if (this.places.length === 0) {
      this.v = key
      this.#home = level
    }
    return key
  }

  /**
   * A call of the share goes at once, in a line where the share does not wait. Returns its `v` as that line counts. While
   * the share waits elsewhere, its lead counts there, and would be added here anew with each call.
   */
  pass(level: ServiceLevel): number {
    return this.places.length > 0 && this.#home !== level ? level.v : this.enter(level)
  }

  /** `slotMs` can be negative: a prediction was too high. */
  charge(slotMs: number): void {
    this.v += slotMs / this.weight
    for (const place of this.places) place.charged()
  }

  /** A call held its slot `times` as long as calls of its model do. */
  learn(times: number): void {
    const size = this.size + LAST_CALL * (times - this.size)
    this.size = Math.min(Math.max(size, 1 / MOST_SIZE), MOST_SIZE)
  }

  /** Nobody waits any more, so the lead delays nobody. */
  forgive(): void {
    this.#home = undefined
  }
}
