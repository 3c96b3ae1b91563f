import type { Call, CallReport } from './contract.ts'
import { LaneContenders, type LineMaker } from './lane-contenders.ts'
import type { LaneLine, NamedCalls } from './lane-line.ts'
import type { LaneRefusals } from './lane-refusals.ts'
import type { LaneSlots } from './lane-slots.ts'
import type { LocalPermit, PermitOwner } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { Outcome } from './observer.ts'
import type { Admits, Contender, TurnLane } from './turns/contender.ts'
import type { WaitingFor } from './turns/contract.ts'
import type { Turns } from './turns/turns.ts'

/** The calls under one name, as far as a grant has to know them. */
interface GrantedCalls extends NamedCalls {
  /** A call has got its permit. */
  began(slots: number): void
}

/** A lane, as its part in the turns needs the lane. */
interface OwnLane<M extends NamedCalls>
  extends Pick<TurnLane, 'runner' | 'names' | 'effective' | 'paused' | 'estimate'>,
    LineMaker<M>,
    PermitOwner<M> {
  readonly refusals: LaneRefusals
}

/** The part of one lane in the turns: its lines, whether the runner has the machine, and the grants that follow. */
export class LaneTurn<M extends GrantedCalls> implements TurnLane {
  /** For LocalAdmission alone to change. */
  contends = true
  readonly contenders: LaneContenders<M>
  readonly #lane: OwnLane<M>
  readonly #slots: LaneSlots
  readonly #turns: Turns
  /** The loop that grants slots is running. */
  #granting = false

  constructor(lane: OwnLane<M>, slots: LaneSlots, turns: Turns) {
    this.#lane = lane
    this.#slots = slots
    this.#turns = turns
    this.contenders = new LaneContenders(this, lane)
  }

  get runner(): string {
    return this.#lane.runner
  }
  get names(): readonly string[] {
    return this.#lane.names
  }
  get effective(): TurnLane['effective'] {
    return this.#lane.effective
  }
  get paused(): boolean {
    return this.#lane.paused
  }
  get estimate(): TurnLane['estimate'] {
    return this.#lane.estimate
  }
  get running(): number {
    return this.#slots.running
  }

  get current(): Contender<LaneLine<M>> {
    return this.contenders.current
  }

  /** The runner has its turn, or needs none. */
  get hasTurn(): boolean {
    return this.#slots.admits !== 'none'
  }

  /** The short way: the runner has its turn, no call waits, and the call asks for nothing of its own. */
  isOpenFor({ options = '', keepsLoaded }: Call, now: number): boolean {
    const { current } = this.contenders
    if (this.#slots.admits !== 'all' || current.queued > 0) return false
    if (options !== current.options || keepsLoaded !== undefined) return false
    if (this.#slots.running === 0) current.called(now)
    return true
  }

  /** A call has come, and its runner is asked for. Returns in which line the call stands unless it may run at once. */
  arrives(call: Call, now: number): Contender<LaneLine<M>> {
    const contender = this.contenders.of(call, this.#isOrdered)
    if (contender.running === 0) contender.called(now)
    if (contender !== this.current || this.#slots.admits !== 'all') this.#turns.knock(contender, now)
    return contender
  }

  /** Whether a call that arrives needs no place in line. A call that only loads its model passes the calls in line. */
  mayRunAtOnce(contender: Contender, call: Call, now: number): boolean {
    if (contender !== this.current || (contender.queued > 0 && call.slots > 0)) return false
    return this.#mayRun(call, now)
  }

  /** A call has got its permit. What an unload asks for counts when Ollama has answered it. */
  #granted({ keepsLoaded, work }: Call): void {
    if (keepsLoaded === undefined || work === 'unload' || !this.#isOrdered) return
    this.current.notes.unloadsWhenIdle = !keepsLoaded
    this.#slots.overlaps = !keepsLoaded
    // A runner that leaves after its first call would be loaded again for the second one.
    if (!keepsLoaded && this.current.state === 'loading') this.#slots.admits = 'all'
  }

  /** Gives a slot to a call that needs no place in line. */
  grantAtOnce(model: M, call: Call, now: number): LocalPermit<M> {
    const permit = this.#grant(model, call, now, 0)
    if (permit.slots > 0) model.observer.granted(0)
    return permit
  }

  /** Gives slots to as many calls in line as there is room for. */
  grantWaiting(now: number): void {
    // A grant callback may release its permit at once. That inner call returns here, and the outer loop grants the slot.
    if (this.contenders.current.queued === 0 || this.#granting) return
    this.#granting = true
    try {
      for (;;) {
        const { line } = this.current
        const ticket = line?.first()
        if (ticket === undefined || !this.#mayRun(ticket.call, now)) break
        line?.takeFirst()
        this.#settleNext(ticket, now)
      }
    } finally {
      this.#granting = false
    }
    this.current.line?.sweep()
  }

  #mayRun(call: Call, now: number): boolean {
    return !this.#isHeldBack(call) && this.#slots.hasRoomFor(call, now)
  }

  /**
   * Ollama chooses a runner to leave before it loads another one. A call with a keep_alive would undo this, and Ollama
   * would wait until that time is over (server/sched.go, useLoadedRunner).
   */
  #isHeldBack({ keepsLoaded }: Call): boolean {
    return keepsLoaded === true && this.#isOrdered && this.#turns.loadsBeside(this.current)
  }

  /** The only place that gives a slot to a ticket. */
  #settleNext(ticket: LocalTicket<M>, now: number): void {
    const { call, model } = ticket
    const waitMs = now - ticket.enqueuedAt
    if (call.deadline <= now) {
      model.observer.left('timeout', waitMs)
      ticket.settle(this.#lane.refusals.of('timeout', model.model, now))
      return
    }
    const permit = this.#grant(model, call, now, waitMs)
    model.observer.granted(waitMs)
    ticket.settle(permit)
  }

  #grant(model: M, call: Call, now: number, waitMs: number): LocalPermit<M> {
    this.#lane.refusals.movedAt(now)
    const permit = this.#slots.take(this.#lane, model, call, now, waitMs)
    model.began(permit.slots)
    permit.contender = this.contenders.current
    this.#granted(call)
    return permit
  }

  released(permit: LocalPermit<M>, outcome: Outcome, now: number, report?: CallReport): void {
    if (!this.#isOrdered) return
    const { call, grantedAt } = permit
    const served = report?.served === true
    // Ollama refuses a call before it reads the call's keep_alive.
    if (call.keepsLoaded === false && outcome === 'done' && !served) {
      this.current.notes.unloadsWhenIdle = false
      this.#slots.overlaps = false
    }
    if (call.work === 'unload') {
      if (!served) return
      this.#turns.presence.unloads(this.current, now)
      this.#slots.overlaps = this.current.history.unloadsWhenIdle
    } else
      this.#turns.presence.released(this.contenders.find(permit.contender), grantedAt, outcome, now, report)
  }

  /** Calls have left the line, or their number has changed otherwise. */
  lineMoved(now: number): void {
    if (!this.hasTurn || this.#turns.governs) this.#turns.advance(now)
  }

  admit(contender: object, admits: Admits, now: number): void {
    if (!this.#isOrdered) this.contenders.merge()
    else if (admits !== 'none') this.contenders.choose(contender)
    else if (contender !== this.current) return
    this.#slots.admits = admits
    this.#slots.overlaps = this.current.history.unloadsWhenIdle
    this.grantWaiting(now)
  }

  unite(contender: object, other: object, now: number): void {
    for (const left of this.contenders.unite(contender, other)) this.#turns.forget(left, now)
    this.grantWaiting(now)
  }

  refuseUnloadable(contender: Contender, retryAfterMs: number, now: number): void {
    for (const each of this.contenders.all)
      if (each === contender) each.line?.dismissAll('load_failed', now, { retryAfterMs })
  }

  /** What a call in line waits for. */
  waitingFor({ call }: LocalTicket<M>, now: number): WaitingFor {
    if (this.paused) return 'paused'
    if (this.#isHeldBack(call)) return 'load'
    return this.#turns.waitingFor(this.contenders.of(call, this.#isOrdered), now)
  }

  /** Takes the calls in line of another lane, or some of them. Grants nothing: `lineMoved` must follow. */
  take(tickets: readonly LocalTicket<M>[]): void {
    this.contenders.take(tickets, this.#isOrdered)
    if (!this.#isOrdered) this.#slots.admits = 'all'
    else for (const each of this.contenders.all) if (each.queued > 0) this.#turns.joined(each)
  }

  /** Takes the place of another lane, whose slots are taken over already. Both have one runner. */
  takeOver(other: LaneTurn<M>, now: number): void {
    this.take(other.contenders.give(() => true))
    other.leave(now)
    if (this.#isOrdered && this.current.state === 'absent') this.#turns.adopt(this.current, now)
  }

  /** The lane comes under the order of turns, or nothing of it was known. `contends`: see TurnLane. */
  enter(contends: boolean, now: number): void {
    this.contends = contends
    if (this.#isOrdered) {
      this.contenders.take(
        this.contenders.give(() => true),
        true,
      )
      for (const each of this.contenders.all) this.#turns.adopt(each, now)
    } else this.admit(this.current, 'all', now)
  }

  /** The lane is no more, or loads nothing here. */
  leave(now: number): void {
    for (const each of this.contenders.all) this.#turns.forget(each, now)
  }

  get #isOrdered(): boolean {
    return this.contends && this.#turns.ordered
  }
}
