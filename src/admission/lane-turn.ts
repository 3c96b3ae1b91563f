import type { CallerAccount } from './caller-account.ts'
import type { Call, CallReport } from './contract.ts'
import { remember } from './fair/owed.ts'
import type { ServedLine } from './fair/progress.ts'
import { LaneContenders, type LineMaker } from './lane-contenders.ts'
import { type GrantedCalls, type GrantingLane, LaneGrants } from './lane-grants.ts'
import type { LaneLine, NamedCalls } from './lane-line.ts'
import type { LaneSlots } from './lane-slots.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { Outcome } from './observer.ts'
import type { Admits, Contender, TurnLane } from './turns/contender.ts'
import type { WaitingFor } from './turns/contract.ts'
import type { Turns } from './turns/turns.ts'

/** A lane, as its part in the turns needs the lane. */
interface OwnLane<M extends NamedCalls>
  extends Pick<TurnLane, 'runner' | 'names' | 'effective' | 'paused' | 'stuck' | 'estimate'>,
    LineMaker<M>,
    GrantingLane<M> {}

/** The part of one lane in the turns: its lines, whether the runner has the machine, and the grants that follow. */
export class LaneTurn<M extends GrantedCalls> implements TurnLane {
  /** For LocalAdmission alone to change. */
  contends = true
  readonly contenders: LaneContenders<M>
  readonly grants: LaneGrants<M>
  readonly #lane: OwnLane<M>
  readonly #slots: LaneSlots
  readonly #turns: Turns

  constructor(lane: OwnLane<M>, slots: LaneSlots, turns: Turns) {
    this.#lane = lane
    this.#slots = slots
    this.#turns = turns
    this.contenders = new LaneContenders(this, lane)
    this.grants = new LaneGrants(this, lane, slots, turns)
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
  get stuck(): boolean {
    return this.#lane.stuck
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

  /** The short way: the runner has its turn, no call is first, and the call asks for nothing of its own. */
  isOpenFor(call: Call, account: CallerAccount, now: number): boolean {
    const { options = '', keepsLoaded } = call
    const { current } = this.contenders
    if (this.#slots.admits !== 'all' || current.eligible > 0) return false
    if (options !== current.options || keepsLoaded !== undefined) return false
    if (account.isFull && call.slots > 0) return false
    if (current.line?.keepsBehind(call) || !this.#slots.hasRoomFor(call, now)) return false
    if (this.#slots.running === 0) current.called(now)
    return true
  }

  /**
   * A call has come, and its runner is asked for unless the call waits for its caller. Returns in which line the call
   * stands unless it may run at once.
   */
  arrives(call: Call, account: CallerAccount, now: number): Contender<LaneLine<M>> {
    const contender = this.contenders.of(call, this.isOrdered)
    if (!account.mayRun(call)) return contender
    if (contender.running === 0) contender.called(now)
    if (contender !== this.current || this.#slots.admits !== 'all') this.#turns.knock(contender, now)
    return contender
  }

  /** Whether a call that arrives needs no place in line. A call that only loads its model passes the calls in line. */
  mayRunAtOnce(contender: Contender<LaneLine<M>>, call: Call, account: CallerAccount, now: number): boolean {
    if (contender !== this.current || (contender.eligible > 0 && call.slots > 0)) return false
    if (contender.line?.keepsBehind(call)) return false
    return this.grants.mayRun(call, account, now)
  }

  /** Milliseconds until the runner has its turn. */
  comesInMs(now: number): number {
    return this.startsInMs(this.current, now)
  }

  /** Milliseconds until the calls of this contender may run. */
  startsInMs(contender: Contender, now: number): number {
    return this.#turns.startsInMs(contender, now)
  }

  /** The call gets a place in line. */
  stand(contender: Contender<LaneLine<M>>, model: M, call: Call, account: CallerAccount, now: number) {
    const line = this.contenders.lineOf(contender)
    const ticket = line.enqueue(model, call, account, now)
    if (this.isOrdered && contender.state !== 'loaded') remember(line, ticket, linesOf(this.#turns.inPlay))
    if (account.mayRun(call)) return ticket
    // Nobody has knocked for a call that waits for its caller.
    if (this.isOrdered) this.#turns.joined(contender)
    else this.admit(contender, 'all', now)
    return ticket
  }

  released(permit: LocalPermit<M>, outcome: Outcome, now: number, report?: CallReport): void {
    if (!this.isOrdered) return
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

  /** Other calls in line may be the next to go: calls have left, the room of a caller or the open slots have changed. */
  lineMoved(now: number): void {
    this.grants.toLine(now)
    if (!this.hasTurn || this.#turns.governs) this.#turns.advance(now)
  }

  isReserved(call: Call, line: object): boolean {
    // Where other options are loaded, their calls are over before those of this line come.
    return line === this.current.line && this.#slots.isReserved(call)
  }

  admit(contender: object, admits: Admits, now: number): void {
    if (!this.isOrdered) this.contenders.merge()
    else if (admits !== 'none') this.contenders.choose(contender)
    else if (contender !== this.current) return
    this.#slots.admits = admits
    this.#slots.overlaps = this.current.history.unloadsWhenIdle
    this.grants.toLine(now)
  }

  unite(contender: object, other: object, now: number): void {
    for (const left of this.contenders.unite(contender, other)) this.#turns.forget(left, now)
    this.grants.toLine(now)
  }

  refuseUnloadable(contender: Contender, retryAfterMs: number, now: number): void {
    for (const each of this.contenders.all)
      if (each === contender) each.line?.dismissAll('load_failed', now, { retryAfterMs })
  }

  /** What a call in line waits for. */
  waitingFor({ call, account }: LocalTicket<M>, now: number): WaitingFor {
    if (this.stuck) return 'stuck'
    if (this.paused) return 'paused'
    if (!account.mayRun(call)) return 'caller'
    if (this.grants.isHeldBack(call)) return 'load'
    return this.#turns.waitingFor(this.contenders.of(call, this.isOrdered), now)
  }

  /** Takes the calls in line of another lane, or some of them. Grants nothing: `lineMoved` must follow. */
  take(tickets: readonly LocalTicket<M>[]): void {
    this.contenders.take(tickets, this.isOrdered)
    if (!this.isOrdered) this.#slots.admits = 'all'
    else for (const each of this.contenders.all) if (each.queued > 0) this.#turns.joined(each)
  }

  /** Takes the place of another lane, whose slots are taken over already. Both have one runner. */
  takeOver(other: LaneTurn<M>, now: number): void {
    this.take(other.contenders.give(() => true))
    other.leave(now)
    if (this.isOrdered && this.current.state === 'absent') this.#turns.adopt(this.current, now)
  }

  /** The lane comes under the order of turns, or nothing of it was known. `contends`: see TurnLane. */
  enter(contends: boolean, now: number): void {
    this.contends = contends
    if (this.isOrdered) {
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

  /** Its calls wait for a turn. */
  get isOrdered(): boolean {
    return this.contends && this.#turns.ordered
  }
}

function linesOf(contenders: Iterable<Contender>): readonly ServedLine[] {
  return Array.from(contenders, ({ line }) => line ?? []).flat()
}
