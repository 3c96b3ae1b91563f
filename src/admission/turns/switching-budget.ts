/**
 * The time that may go into ending the turns of runners that have work, as a share of all time. Without this bound every
 * load would be followed by the next one as soon as all callers are owed, or have waited `max_wait`.
 *
 * What was spent is paid off with time. A switch may begin while no more is unpaid than the switch itself costs, so two
 * switches can be saved up.
 */
export class SwitchingBudget {
  /** The share of time: 0 to 1. With 0 no turn of a runner that has work ends. */
  share: number
  #unpaidMs = 0
  /** Clock milliseconds up to which `#unpaidMs` is paid off. */
  #at = Number.NEGATIVE_INFINITY
  #lastCostMs = 0

  constructor(share: number) {
    this.share = share
  }

  /** Milliseconds of switching that may be spent now, measured by the cost of the last switch. */
  creditMs(now: number): number {
    return 2 * this.#lastCostMs - this.#unpaid(now)
  }

  /** Clock milliseconds at which a switch of this cost may begin. Infinity: never. */
  affordableAt(costMs: number, now: number): number {
    if (this.share <= 0) return Number.POSITIVE_INFINITY
    return now + Math.max(0, this.#unpaid(now) - costMs) / this.share
  }

  spend(costMs: number, now: number): void {
    this.#lastCostMs = costMs
    this.#unpaidMs = this.#unpaid(now) + costMs
  }

  #unpaid(now: number): number {
    // At the first question nothing was spent yet, and the difference would be infinite.
    if (this.#unpaidMs > 0) this.#unpaidMs = Math.max(0, this.#unpaidMs - (now - this.#at) * this.share)
    this.#at = now
    return this.#unpaidMs
  }
}
