/** Callers whose returns are remembered. */
const MOST_REMEMBERED = 1_000

/**
 * When refused clients should come back to one lane. While several callers wait, they are served in rounds: a caller gets
 * a slot once a round, so its refused calls return one round apart, and the first calls of several callers return one
 * after the other within a round.
 */
export class Returns {
  readonly #mostMs: number
  /** Clock milliseconds at which the last refused call of a caller was asked to return, by Caller.id. */
  readonly #last = new Map<string, number>()
  #refused = 0

  /** `mostMs`: nobody is asked to stay away for longer. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs
  }

  /**
   * Clock milliseconds at which the next refused call of this caller should return. `callers`: those that share the
   * slots. `paceMs`: from one free slot to the next.
   */
  next(caller: string, callers: number, paceMs: number, now: number): number {
    const last = this.#last.get(caller)
    const isKnown = last !== undefined && last > now
    const slotsAway = isKnown ? callers : 1 + (this.#refused++ % callers)
    const ideal = (isKnown ? last : now) + slotsAway * paceMs
    this.#last.delete(caller)
    this.#last.set(caller, Math.min(ideal, now + this.#mostMs))
    for (const [each, at] of this.#last) {
      if (at > now && this.#last.size <= MOST_REMEMBERED) break
      this.#last.delete(each)
    }
    return ideal
  }
}
