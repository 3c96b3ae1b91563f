import type { NextTurn } from './choose.ts'
import type { Contender } from './contender.ts'
import type { LoadReason } from './contract.ts'

/** The machine changes hands: the runners of `from` leave, and `to` comes. */
export class Change {
  readonly to: Contender
  readonly reason: LoadReason
  readonly costMs: number
  from: readonly Contender[]
  /**
   * draining: the last calls of `from` run. loading: calls of `to` are sent. looking: Ollama is asked which runners of
   * `from` are in memory still.
   */
  stage: 'draining' | 'loading' | 'looking' = 'draining'
  /** Clock milliseconds of the decision. */
  readonly begunAt: number
  /** Clock milliseconds up to which the time of the change is taken from the budget. */
  paidUntil: number
  /** Clock milliseconds at which the calls of `to` were sent. */
  sentAt = 0
  /** Clock milliseconds at which the load was over. */
  endedAt = 0
  failed = false
  /** Other runners are in play. Otherwise the runner gets all of its calls at once. */
  isOneOfMany = true
  /** `to` was seen to be absent since its calls were sent. */
  sawAbsence = false

  constructor({ to, from, reason, costMs }: NextTurn, now: number) {
    this.to = to
    this.from = from
    this.reason = reason
    this.costMs = costMs
    this.begunAt = now
    this.paidUntil = now
  }

  /** The same weights are loaded with other options: they are in /api/ps before and afterwards. */
  get reloads(): boolean {
    return this.from.some(({ lane }) => lane === this.to.lane)
  }

  get drainMs(): number {
    return this.sentAt - this.begunAt
  }

  get loadMs(): number {
    return this.endedAt - this.sentAt
  }
}
