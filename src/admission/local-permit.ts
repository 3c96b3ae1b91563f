import type { Call, Permit, Slot } from './contract.ts'
import type { Outcome } from './observer.ts'

/** The lane that a slot goes back to. */
interface PermitOwner {
  /** Called once a permit. */
  release(permit: LocalPermit, outcome: Outcome, now: number, loadMs: number, served: boolean): void
}

/** A slot of a lane in this process. */
export class LocalPermit implements Permit {
  readonly call: Call
  readonly slot: Slot
  /** Clock milliseconds. */
  readonly grantedAt: number
  readonly waitMs: number
  #owner: PermitOwner | undefined

  constructor(owner: PermitOwner, call: Call, slot: Slot, grantedAt: number, waitMs: number) {
    this.#owner = owner
    this.call = call
    this.slot = slot
    this.grantedAt = grantedAt
    this.waitMs = waitMs
  }

  get released(): boolean {
    return this.#owner === undefined
  }

  release(outcome: Outcome, now: number, loadMs = 0, served = false): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.release(this, outcome, now, loadMs, served)
  }
}
