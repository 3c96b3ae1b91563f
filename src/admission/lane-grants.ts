import type { CallerAccount } from './caller-account.ts'
import type { Call } from './contract.ts'
import type { LaneContenders } from './lane-contenders.ts'
import type { NamedCalls } from './lane-line.ts'
import type { LaneRefusals } from './lane-refusals.ts'
import type { LaneSlots } from './lane-slots.ts'
import type { LocalPermit, PermitOwner } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { Turns } from './turns/turns.ts'

/** The calls under one name, as far as a grant has to know them. */
export interface GrantedCalls extends NamedCalls {
  /** A call has got its permit. */
  began(slots: number): void
}

/** A lane, as its grants need the lane. */
export interface GrantingLane<M extends NamedCalls> extends PermitOwner<M> {
  readonly refusals: LaneRefusals
  /** Milliseconds for which a call of the lane holds its slots. */
  readonly estimate: { readonly meanMs: number | undefined }
}

/** The part of a lane in the turns, as its grants need the part. */
interface GrantingTurn<M extends NamedCalls> {
  readonly contenders: Pick<LaneContenders<M>, 'current' | 'lineOf'>
  /** Its calls wait for a turn. */
  readonly isOrdered: boolean
}

/** Gives the slots of one lane to its calls. */
export class LaneGrants<M extends GrantedCalls> {
  readonly #turn: GrantingTurn<M>
  readonly #lane: GrantingLane<M>
  readonly #slots: LaneSlots
  readonly #turns: Turns
  /** The loop that grants slots is running. */
  #granting = false

  constructor(turn: GrantingTurn<M>, lane: GrantingLane<M>, slots: LaneSlots, turns: Turns) {
    this.#turn = turn
    this.#lane = lane
    this.#slots = slots
    this.#turns = turns
  }

  /** Gives a slot to a call that needs no place in line. */
  atOnce(model: M, call: Call, account: CallerAccount, now: number): LocalPermit<M> {
    const permit = this.#grant(model, call, account, now, 0)
    if (permit.slots === 0) return permit
    model.observer.granted(0)
    account.passOn(now, this.#turn)
    return permit
  }

  /** Gives slots to as many calls in line as there is room for. */
  toLine(now: number): void {
    // A grant callback may release its permit at once. That inner call returns here, and the outer loop grants the slot.
    if (this.#turn.contenders.current.eligible === 0 || this.#granting) return
    this.#granting = true
    try {
      for (;;) {
        const { line } = this.#turn.contenders.current
        const ticket = line?.first()
        if (ticket === undefined || !this.mayRun(ticket.call, ticket.account, now)) break
        line?.takeFirst()
        this.#settleNext(ticket, now)
      }
    } finally {
      this.#granting = false
    }
    this.#turn.contenders.current.line?.sweep()
  }

  mayRun(call: Call, account: CallerAccount, now: number): boolean {
    return account.mayRun(call) && !this.isHeldBack(call) && this.#slots.hasRoomFor(call, now)
  }

  /**
   * Ollama chooses a runner to leave before it loads another one. A call with a keep_alive would undo this, and Ollama
   * would wait until that time is over (server/sched.go, useLoadedRunner).
   */
  isHeldBack({ keepsLoaded }: Call): boolean {
    const { contenders, isOrdered } = this.#turn
    return keepsLoaded === true && isOrdered && this.#turns.loadsBeside(contenders.current)
  }

  /** The only place that gives a slot to a ticket. */
  #settleNext(ticket: LocalTicket<M>, now: number): void {
    const { account, call, model } = ticket
    const waitMs = now - ticket.enqueuedAt
    if (call.deadline <= now) {
      account.left(now)
      model.observer.left('timeout', waitMs)
      ticket.settle(this.#lane.refusals.of('timeout', call, now))
      return
    }
    const permit = this.#grant(model, call, account, now, waitMs, true)
    account.left(now)
    model.observer.granted(waitMs)
    ticket.settle(permit)
    account.passOn(now, this.#turn)
  }

  #grant(
    model: M,
    call: Call,
    account: CallerAccount,
    now: number,
    waitMs: number,
    fromLine = false,
  ): LocalPermit<M> {
    this.#lane.refusals.movedAt(now)
    const permit = this.#slots.take(this.#lane, model, call, now, waitMs)
    model.began(permit.slots)
    const { contenders } = this.#turn
    if (permit.slots > 0) {
      permit.account = account
      account.began()
      contenders.lineOf(contenders.current).served(permit, this.#lane.estimate.meanMs, fromLine)
    }
    permit.contender = contenders.current
    this.#granted(call)
    return permit
  }

  /** A call has got its permit. What an unload asks for counts when Ollama has answered it. */
  #granted({ keepsLoaded, work }: Call): void {
    if (keepsLoaded === undefined || work === 'unload' || !this.#turn.isOrdered) return
    const { current } = this.#turn.contenders
    current.notes.unloadsWhenIdle = !keepsLoaded
    this.#slots.overlaps = !keepsLoaded
    // A runner that leaves after its first call would be loaded again for the second one.
    if (!keepsLoaded && current.state === 'loading') this.#slots.admits = 'all'
  }
}
