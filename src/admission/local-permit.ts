import type { Call, CallReport, Permit, Slot } from './contract.ts'
import type { Outcome } from './observer.ts'

/** The lane that a slot goes back to. */
export interface PermitOwner<M> {
  /** Called once a permit. */
  release(permit: LocalPermit<M>, outcome: Outcome, now: number, report?: CallReport): void
}

/** How a slot was granted. `M`: the calls under one name. */
interface Grant<M> {
  /** The calls under the name that the call asked for. */
  readonly model: M
  readonly call: Call
  readonly slot: Slot
  /** Slots taken. */
  readonly slots: number
  /** Clock milliseconds. */
  readonly grantedAt: number
  readonly waitMs: number
  /** Grows with each grant of the process. */
  readonly grantNumber: number
  /** Slots of the lane that other calls held at the grant. */
  readonly beside: number
}

/** A slot of a lane in this process. */
export class LocalPermit<M = unknown> implements Permit, Grant<M> {
  readonly model: M
  readonly call: Call
  readonly slot: Slot
  readonly slots: number
  readonly grantedAt: number
  readonly waitMs: number
  readonly grantNumber: number
  readonly beside: number
  #owner: PermitOwner<M> | undefined

  constructor(owner: PermitOwner<M>, grant: Grant<M>) {
    this.#owner = owner
    this.model = grant.model
    this.call = grant.call
    this.slot = grant.slot
    this.slots = grant.slots
    this.grantedAt = grant.grantedAt
    this.waitMs = grant.waitMs
    this.grantNumber = grant.grantNumber
    this.beside = grant.beside
  }

  get released(): boolean {
    return this.#owner === undefined
  }

  release(outcome: Outcome, now: number, report?: CallReport): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.release(this, outcome, now, report)
  }
}
