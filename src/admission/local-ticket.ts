import type { Lane } from './lane.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LaneObserver } from './observer.ts'
import type { Refusal } from './refusal.ts'

/** A call in line. It is settled once: with a permit, or with the refusal that ended its wait. */
export class LocalTicket<L extends LaneObserver = LaneObserver> {
  readonly enqueuedAt: number
  /** Clock time past which it is of no use to be served. */
  readonly deadline: number
  /** Bytes of the body that is kept while the call waits. */
  readonly bytes: number
  readonly #lane: Lane<L>
  #result: LocalPermit<L> | Refusal | undefined
  #settled: ((result: LocalPermit<L> | Refusal) => void) | undefined

  constructor(lane: Lane<L>, enqueuedAt: number, deadline: number, bytes: number) {
    this.#lane = lane
    this.enqueuedAt = enqueuedAt
    this.deadline = deadline
    this.bytes = bytes
  }

  get waiting(): boolean {
    return this.#result === undefined
  }

  /** For the lane alone, which calls it once. */
  settle(result: LocalPermit<L> | Refusal): void {
    this.#result = result
    this.#settled?.(result)
    this.#settled = undefined
  }

  /** Calls back once, at once when it is settled already. A later listener replaces an earlier one. */
  onSettled(listener: (result: LocalPermit<L> | Refusal) => void): void {
    if (this.#result === undefined) this.#settled = listener
    else listener(this.#result)
  }

  /** The client left: gives the place in line up. False when the ticket was settled before. */
  cancel(now: number): boolean {
    return this.#lane.cancel(this, now)
  }
}
