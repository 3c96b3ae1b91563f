import type { Call, Ticket } from './contract.ts'
import type { LocalPermit } from './local-permit.ts'
import type { Refusal } from './refusal.ts'

/** The lane in whose line a ticket stands. */
interface TicketOwner {
  cancel(ticket: LocalTicket, now: number): boolean
}

/** A place in the line of a lane in this process. */
export class LocalTicket implements Ticket {
  readonly call: Call
  /** Clock milliseconds. */
  readonly enqueuedAt: number
  readonly #owner: TicketOwner
  #result: LocalPermit | Refusal | undefined
  #settled: ((result: LocalPermit | Refusal) => void) | undefined

  constructor(owner: TicketOwner, call: Call, enqueuedAt: number) {
    this.#owner = owner
    this.call = call
    this.enqueuedAt = enqueuedAt
  }

  get waiting(): boolean {
    return this.#result === undefined
  }

  /** For the lane alone, which settles a ticket once. */
  settle(result: LocalPermit | Refusal): void {
    this.#result = result
    this.#settled?.(result)
    this.#settled = undefined
  }

  onSettled(listener: (result: LocalPermit | Refusal) => void): void {
    if (this.#result === undefined) this.#settled = listener
    else listener(this.#result)
  }

  cancel(now: number): boolean {
    return this.#owner.cancel(this, now)
  }
}
