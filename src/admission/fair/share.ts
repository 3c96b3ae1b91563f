/** How far the members of one order have been served, in slot-milliseconds for each unit of weight. */
export interface ServiceLevel {
  v: number
}

/** A place of a share in a line: calls of the share wait there. */
export interface SharePlace {
  /** Of its line. */
  readonly lane: object
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

/** Lines in which a share keeps its lead while it is served elsewhere. */
const MOST_LEADS = 8

/**
 * What one party has got of the slots, in all lines together: a caller in one class, or a person behind a key. Those that
 * wait are served in the order of `v`, so each gets slot-time in proportion to its weight.
 *
 * Lines advance at paces of their own, so each line counts from its own level. What a share has got beyond the level of
 * the line that served it last is its lead. The share brings its lead to the next line: who used one model for long does
 * not start even on another one. In the line that it leaves, the lead stays until the others there have got as much: a
 * call of an idle model in between does not make up for it. Who comes back after a pause starts at the level of the line,
 * so no credit is saved.
 */
export class Share {
  weight: number
  /** What the share has got, as the line counts to which it came first of those in which it waits. */
  v = 0
  /** Lines in which calls of the share wait. */
  readonly places: SharePlace[] = []
  /** Calls that hold slots. */
  running = 0
  /** How long the calls of the share are, compared with all calls of their models. */
  size = 1
  /** Level of the line that served the share last. */
  #home: ServiceLevel | undefined
  /** `v` and this are what the share has got, as that line counts. */
  #offset = 0
  /** What the share has got in other lines, as those count, where that was more than others have got. */
  #elsewhere: Map<ServiceLevel, number> | undefined

  constructor(weight: number) {
    this.weight = weight
  }

  /** What the share has got beyond what others have that wait. */
  get lead(): number {
    return this.#home === undefined ? 0 : Math.max(0, this.v + this.#offset - this.#home.v)
  }

  /** Whether the share has got more in any line than others have that wait there. */
  get leads(): boolean {
    if (this.lead > 0) return true
    if (this.#elsewhere === undefined) return false
    for (const [level, key] of this.#elsewhere) if (key > level.v) return true
    return false
  }

  get idle(): boolean {
    return this.running === 0 && this.places.length === 0
  }

  /** The share comes to a line. Returns what it has got, as that line counts; `v`, too, unless the share waits elsewhere. */
  enter(level: ServiceLevel): number {
    const key = this.keyAt(level)
    if (this.places.length === 0) {
      this.#offset -= key - this.v
      this.v = key
    }
    return key
  }

  /** What the share has got, as a line counts to which it would come. */
  keyAt(level: ServiceLevel): number {
    return this.#keyAbove(level, level.v + this.lead)
  }

  /** A line has served the share. `key`: what the share had got, as that line counts. */
  served(level: ServiceLevel, key: number): void {
    if (level !== this.#home) {
      if (this.#home !== undefined && this.lead > 0) this.#leadAt(this.#home, this.v + this.#offset)
      this.#elsewhere?.delete(level)
      this.#home = level
    }
    this.#offset = key - this.v
  }

  /**
   * A call of the share goes at once, in a line where the share does not wait. Returns what it has got, as that line
   * counts. While the share waits elsewhere, its lead counts there, and would be added here anew with each call.
   */
  pass(level: ServiceLevel): number {
    const isElsewhere = this.places.length > 0 && this.#home !== level
    return isElsewhere ? this.#keyAbove(level, level.v) : this.enter(level)
  }

  /** `slotMs` can be negative: a prediction was too high. */
  charge(slotMs: number): void {
    this.v += slotMs / this.weight
    for (const place of this.places) place.charged()
  }

  /** A call of a line held its slots for `slotMs` more than was predicted. Negative: for less. */
  correct(level: ServiceLevel, slotMs: number): void {
    if (level !== this.#home && this.#home !== undefined) {
      const key = this.#elsewhere?.get(level)
      if (key !== undefined || slotMs > 0)
        this.#leadAt(level, Math.max(level.v, key ?? level.v) + slotMs / this.weight)
    }
    this.charge(slotMs)
  }

  /** A call held its slot `times` as long as calls of its model do. */
  learn(times: number): void {
    const size = this.size + LAST_CALL * (times - this.size)
    this.size = Math.min(Math.max(size, 1 / MOST_SIZE), MOST_SIZE)
  }

  /** Nobody waits any more, so the lead delays nobody. */
  forgive(): void {
    this.#home = undefined
    this.#elsewhere = undefined
  }

  /** `key`, or what the share has got too much of in this line before. */
  #keyAbove(level: ServiceLevel, key: number): number {
    return Math.max(key, this.#elsewhere?.get(level) ?? key)
  }

  #leadAt(level: ServiceLevel, key: number): void {
    this.#elsewhere ??= new Map()
    this.#elsewhere.set(level, key)
    if (this.#elsewhere.size <= MOST_LEADS) return
    let [least, leastLead] = [level, key - level.v]
    for (const [each, own] of this.#elsewhere)
      if (own - each.v < leastLead) [least, leastLead] = [each, own - each.v]
    this.#elsewhere.delete(least)
  }
}
