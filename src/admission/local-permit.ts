import type { CallerAccount } from './caller-account.ts'
import type { Call, CallReport, Permit, Slot } from './contract.ts'
import type { ChargedClass } from './fair/charge.ts'
import type { Share } from './fair/share.ts'
import type { Outcome } from './observer.ts'

/** The lane that a slot goes back to. */
export interface PermitOwner<M> {
  /** Ollama has begun to answer the call. */
  began(permit: LocalPermit<M>, now: number): void
  /** Called once a permit. */
  release(permit: LocalPermit<M>, outcome: Outcome, now: number, report?: CallReport): void
}

/** A slot of a lane in this process. */
export class LocalPermit<M = unknown> implements Permit {
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
  /** The contender of the lane whose call this is. The lane sets and reads it. */
  contender: object | undefined
  /** The account of the caller. Undefined for a call that takes no slot. The lane sets and reads it. */
  account: CallerAccount | undefined
  /** Who is charged for the slots. Undefined where nobody is. */
  part: ChargedClass | undefined
  share: Share | undefined
  person: Share | undefined
  /** What was charged at the grant, in slot-milliseconds. */
  predicted = 0
  #owner: PermitOwner<M> | undefined

  /** One value for each field, because an object for them would be made for every call. */
  constructor(
    owner: PermitOwner<M>,
    model: M,
    call: Call,
    slot: Slot,
    slots: number,
    grantedAt: number,
    waitMs: number,
    grantNumber: number,
    beside: number,
  ) {
    this.#owner = owner
    this.model = model
    this.call = call
    this.slot = slot
    this.slots = slots
    this.grantedAt = grantedAt
    this.waitMs = waitMs
    this.grantNumber = grantNumber
    this.beside = beside
  }

  get released(): boolean {
    return this.#owner === undefined
  }

  began(now: number): void {
    if (this.call.work !== 'unload') this.#owner?.began(this, now)
  }

  release(outcome: Outcome, now: number, report?: CallReport): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.release(this, outcome, now, report)
  }
}
