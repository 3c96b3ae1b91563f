import type { CallerAccount } from './caller-account.ts'
import type { Call, Ticket } from './contract.ts'
import type { LocalPermit } from './local-permit.ts'
import type { Refusal } from './refusal.ts'

/** The line in which a ticket stands. `M`: the calls under one name. */
export interface TicketOwner<M> {
  cancel(ticket: LocalTicket<M>, now: number): boolean
}

/** Tickets of this process so far. */
let tickets = 0

/** A place in the line of a lane in this process. */
export class LocalTicket<M = unknown> implements Ticket {
  readonly call: Call
  readonly account: CallerAccount
  /** Grows with each ticket of the process. */
  readonly number: number
  /** The calls under the name that the call asked for. */
  readonly model: M
  /** Clock milliseconds. */
  readonly enqueuedAt: number
  #owner: TicketOwner<M>
  #result: LocalPermit | Refusal | undefined
  #settled: ((result: LocalPermit | Refusal) => void) | undefined

  constructor(owner: TicketOwner<M>, model: M, call: Call, account: CallerAccount, enqueuedAt: number) {
    tickets++
    this.number = tickets
    this.account = account
    this.#owner = owner
    this.model = model
    this.call = call
    this.enqueuedAt = enqueuedAt
  }

  get waiting(): boolean {
    return this.#result === undefined
  }

  /** The ticket goes to another line, which has taken the ticket. */
  moveTo(owner: TicketOwner<M>): void {
    this.#owner = owner
  }

  /** Whether the ticket stands in this line. */
  standsIn(owner: TicketOwner<M>): boolean {
    return this.#owner === owner
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
