import type { CallerAccount } from './caller-account.ts'
import type { Call } from './contract.ts'
import { FairLine } from './fair/fair-line.ts'
import type { LineOwner } from './fair/members.ts'
import { owedOver } from './fair/owed.ts'
import type { ServedLine } from './fair/progress.ts'
import type { FairRules } from './fair/rules.ts'
import type { LaneRefusals } from './lane-refusals.ts'
import { LocalTicket, type TicketOwner } from './local-ticket.ts'
import type { LaneObserver } from './observer.ts'
import type { RefusalCode, RefusalFacts } from './refusal.ts'
import type { Waiting } from './waiting.ts'

/** The longest time that a ticket stays in line past its deadline while no slot becomes free. */
export const SWEEP_MS = 250

/** The calls under one name, as far as a line has to know them. */
export interface NamedCalls {
  readonly model: string
  readonly observer: LaneObserver
  queued: number
}

/** The calls in one line of a lane, and the count of what they hold together. */
export class LaneLine<M extends NamedCalls> extends FairLine<LocalTicket<M>> implements TicketOwner<M> {
  readonly #waiting: Waiting
  readonly #refusals: LaneRefusals
  /** No call in line has an earlier deadline. Clock milliseconds. */
  #earliest = Number.POSITIVE_INFINITY

  constructor(lane: LineOwner, rules: FairRules, waiting: Waiting, refusals: LaneRefusals) {
    super(lane, rules)
    this.#waiting = waiting
    this.#refusals = refusals
  }

  enqueue(model: M, call: Call, account: CallerAccount, now: number): LocalTicket<M> {
    const ticket = new LocalTicket<M>(this, model, call, account, now)
    account.joined()
    this.join(ticket)
    this.#earliest = Math.min(this.#earliest, call.deadline)
    model.queued++
    this.#waiting.calls++
    this.#waiting.bytes += call.bytes
    model.observer.queued()
    return ticket
  }

  /** Takes the call that `first` returned last out of the line. For its account, the call waits until `left`. */
  override takeFirst(): LocalTicket<M> | undefined {
    const ticket = super.takeFirst()
    if (ticket) this.#uncount(ticket)
    return ticket
  }

  /** For LocalTicket alone: the client has left. False when the ticket was settled before. */
  cancel(ticket: LocalTicket<M>, now: number): boolean {
    if (!ticket.waiting) return false
    this.#dismiss(ticket, 'cancelled', now)
    this.lane.lineMoved(now)
    this.sweep()
    return true
  }

  /** Refuses one call in line. `sweep` comes after the last one. */
  #dismiss(ticket: LocalTicket<M>, code: RefusalCode, now: number, facts?: Partial<RefusalFacts>): void {
    const { model, enqueuedAt } = ticket
    this.leave(ticket)
    this.#uncount(ticket)
    ticket.account.left(now)
    model.observer.left(code, now - enqueuedAt)
    ticket.settle(this.#refusals.of(code, ticket.call, now, facts))
  }

  /** The caller of the next call. */
  get nextCaller(): object | string | undefined {
    return this.nextClass()?.order.next()?.whose
  }

  /**
   * By how many of its own calls the caller of the next call is behind the callers that `other` has served since that
   * caller began to wait here. Below 0: ahead; -Infinity: not known, or calls go in the order of their arrival.
   * `otherMs`: mean milliseconds of the calls of `other`.
   */
  owedOver(other: ServedLine, otherMs: number | undefined): number {
    return owedOver(this, other, { meanMs: this.lane.estimate.meanMs ?? otherMs })
  }

  /** A call gives its place to another caller's call. */
  giveWay(ticket: LocalTicket<M>, now: number): void {
    this.#dismiss(ticket, 'queue_full', now, this.#refusals.whose(ticket.call))
    // The call may have been the first, and have waited for more slots than are free.
    this.lane.lineMoved(now)
    this.sweep()
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    // Most looks find nothing that is due until the next look, and a line can be long.
    if (now + SWEEP_MS < this.#earliest) return this.#earliest
    this.#earliest = Number.POSITIVE_INFINITY
    let earliest = Number.POSITIVE_INFINITY
    // A listener can move calls to another line meanwhile.
    for (const ticket of [...this]) {
      if (!ticket.waiting || !ticket.standsIn(this)) continue
      const { deadline } = ticket.call
      if (deadline <= now) this.#dismiss(ticket, 'timeout', now)
      else if (deadline < earliest) earliest = deadline
    }
    this.sweep()
    this.#earliest = Math.min(this.#earliest, earliest)
    return earliest
  }

  /** Refuses all calls in line. */
  dismissAll(code: RefusalCode, now: number, facts?: Partial<RefusalFacts>): void {
    for (const ticket of [...this])
      if (ticket.waiting && ticket.standsIn(this)) this.#dismiss(ticket, code, now, facts)
    this.sweep()
  }

  /** Gives up the calls in line that `moves` names, in their order. The other calls keep their order. */
  give(moves: (ticket: LocalTicket<M>) => boolean): LocalTicket<M>[] {
    const all = this.takeAll()
    for (const ticket of all) if (!moves(ticket)) this.join(ticket)
    return all.filter(moves)
  }

  /** Takes calls that another line has given. They stand where their arrival puts them. */
  take(tickets: readonly LocalTicket<M>[]): void {
    if (tickets.length === 0) return
    const all = [...this.takeAll(), ...tickets]
    for (const ticket of all.sort((a, b) => a.number - b.number)) {
      ticket.moveTo(this)
      this.join(ticket)
      this.#earliest = Math.min(this.#earliest, ticket.call.deadline)
    }
  }

  #uncount({ model, call }: LocalTicket<M>): void {
    model.queued--
    this.#waiting.calls--
    this.#waiting.bytes -= call.bytes
  }
}
