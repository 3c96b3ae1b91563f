import type { Call, CallReport, EffectiveLimit, ForcedReason, LaneView, Limits } from './contract.ts'
import { Estimate } from './estimate.ts'
import { ended, settle } from './fair/charge.ts'
import { standIn } from './lane-arrivals.ts'
import type { LaneLimits } from './lane-limit.ts'
import { LaneLine } from './lane-line.ts'
import type { LaneParts } from './lane-parts.ts'
import { LaneRefusals } from './lane-refusals.ts'
import { LaneSlots } from './lane-slots.ts'
import { LaneTurn } from './lane-turn.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { ModelCalls } from './model-calls.ts'
import type { Outcome } from './observer.ts'
import type { Refusal, RefusalCode } from './refusal.ts'
import type { WaitingFor } from './turns/contract.ts'

type LaneModel = ModelCalls<Lane>
type LaneTicket = LocalTicket<LaneModel>
type LanePermit = LocalPermit<LaneModel>

/** The slots and the lines of one runner. A lane is pure and synchronous: callers tell it the time. */
export class Lane implements LaneView {
  /** For LocalAdmission alone to change: undefined while the runner is not known. */
  runnerId: string | undefined
  readonly estimate = new Estimate()
  /** The names of the runner that were called or have limits of their own. */
  models: readonly LaneModel[] = []
  /** For LocalAdmission alone. */
  readonly turn: LaneTurn<LaneModel>
  readonly #slots: LaneSlots
  /** For the lane's turn alone. */
  readonly refusals: LaneRefusals
  readonly #parts: LaneParts
  /** The lane that has taken over the slots and the line of this one. */
  #successor: Lane | undefined

  constructor(runnerId: string | undefined, limits: LaneLimits, parts: LaneParts) {
    this.runnerId = runnerId
    this.#slots = new LaneSlots(parts.slot, limits, parts.accounts)
    this.refusals = new LaneRefusals(this, parts)
    this.#parts = parts
    this.turn = new LaneTurn(this, this.#slots, parts.turns)
  }

  get runner(): string {
    return this.runnerId ?? this.names[0] ?? ''
  }

  get names(): readonly string[] {
    return this.models.map(({ model }) => model)
  }

  get limits(): Limits {
    return this.#slots.limit.limits
  }

  get effective(): EffectiveLimit {
    return this.#slots.limit.effective
  }

  get forced(): ForcedReason | undefined {
    return this.#slots.limit.forced
  }

  get runsFewer(): number | undefined {
    return this.#slots.limit.runsFewer
  }

  get active(): number {
    return this.#slots.taken
  }

  get queued(): number {
    return this.turn.contenders.queued
  }

  /** While a lane is paused, no call in line gets a slot. Running calls go on. */
  get paused(): boolean {
    return this.#slots.paused
  }

  get stuck(): boolean {
    return this.#slots.stuck
  }

  /** Slots that may be taken now: none while the lane is paused or stuck. */
  get open(): number {
    return this.#slots.open
  }

  waiting(): Iterable<LaneTicket> {
    return this.turn.contenders.waiting()
  }

  /** A slot at once, or a place in line. Throws a Refusal when there is neither. `model`: one of the lane's names. */
  arrive(model: LaneModel, call: Call, now: number): LanePermit | LaneTicket {
    model.lastUsed = now
    if (call.deadline <= now) throw this.refuse(model, call, 'timeout', now)
    let account = this.#parts.accounts.of(call.caller, now)
    // Ollama frees the model when the model's last call is over. The client does not wait for that.
    if (call.work === 'unload') return this.turn.grants.atOnce(model, call, account, now)
    if (this.turn.isOpenFor(call, account, now)) return this.turn.grants.atOnce(model, call, account, now)
    if (this.stuck) throw this.refuse(model, call, 'model_stuck', now)
    const contender = this.turn.arrives(call, account, now)
    // Calls that were granted because of this one may be over.
    account = this.#parts.accounts.of(call.caller, now)
    if (this.turn.mayRunAtOnce(contender, call, account, now))
      return this.turn.grants.atOnce(model, call, account, now)
    return standIn<LaneModel>(this, { contender, model, call, account, now })
  }

  /** For LocalPermit alone: Ollama has begun to answer, so the runner is in memory. */
  began(permit: LanePermit, now: number): void {
    if (this.#successor) this.#successor.began(permit, now)
    else this.#parts.turns.presence.began(this.turn.contenders.find(permit.contender), now)
  }

  /** For LocalPermit alone, which calls this once. */
  release(permit: LanePermit, outcome: Outcome, now: number, report?: CallReport): void {
    if (this.#successor) {
      this.#successor.release(permit, outcome, now, report)
      return
    }
    const { account, model } = permit
    const heldMs = now - permit.grantedAt
    const { meanMs } = this.estimate
    const measured = this.#slots.giveBack(permit, outcome, now, report)
    model.ended(permit.slots, now, report)
    if (this.open > 0) this.refusals.movedAt(now)
    if (permit.slots > 0) {
      // A call that failed says nothing about how long the next one takes.
      if (outcome !== 'failed') this.estimate.learn(Math.max(0, heldMs - (report?.loadMs ?? 0)))
      model.observer.released(outcome, heldMs)
    }
    if (this.#parts.accounts.settings.fair) settle(permit, heldMs, meanMs, outcome !== 'failed')
    ended(permit)
    if (measured) this.#parts.measured(this)
    // Until here the call counts as running: the turns must not take the runner for idle before they hear of the end.
    account?.ended(now)
    this.#slots.ended()
    this.turn.grants.toLine(now)
    this.turn.released(permit, outcome, now, report)
    account?.passOn(now, this.turn)
    if (!model.served && model.idle) this.#parts.unserved(model.model)
  }

  waitingFor(ticket: LaneTicket, now: number): WaitingFor {
    return this.turn.waitingFor(ticket, now)
  }

  startsInMs(ahead: number, now: number, ticket?: LaneTicket): number | undefined {
    if (this.paused || this.stuck || ticket?.account.mayRun(ticket.call) === false) return undefined
    const serviceMs = this.estimate.waitMs(ahead, this.effective.parallel)
    return serviceMs === undefined ? undefined : serviceMs + this.turn.comesInMs(now)
  }

  /** Higher limits start waiting calls at once. Lower limits let running calls finish and keep the line. */
  setLimits(limits: LaneLimits, now: number): void {
    this.#change(() => this.#slots.setLimits(limits), now)
  }

  /**
   * `reason`: why Ollama runs one call at a time on this runner; undefined where Ollama does not. Takes effect with the
   * next `setLimits`.
   */
  force(reason: ForcedReason | undefined): void {
    this.#slots.limit.forced = reason
  }

  /** Ollama was restarted, so what was learned of the runner may be wrong. */
  forgetLearned(now: number): void {
    this.#change(() => this.#slots.forgetLearned() && this.#parts.measured(this), now)
  }

  /** A pause keeps each call in line until its deadline, or until `pause(false, …)` starts the calls at once. */
  pause(paused: boolean, now: number): void {
    this.#change(() => this.#slots.pause(paused), now)
  }

  /** While a lane is stuck, new calls are refused, except those that only unload. The calls in line stay. */
  stick(stuck: boolean, now: number): void {
    this.#change(() => this.#slots.stick(stuck), now)
  }

  /** `model` has the runner of this lane. */
  adopt(model: LaneModel): void {
    this.models = [...this.models, model]
    model.lane = this
  }

  /** `model` is forgotten, or has another runner now. */
  drop(model: LaneModel): void {
    this.models = this.models.filter((each) => each !== model)
  }

  /**
   * Takes over the slots, the line and the names of another lane: both have one runner. No call loses its place, because
   * both lines become one in the order of arrival. Grants nothing: `setLimits` must follow.
   */
  takeOver(other: Lane, now: number): void {
    this.#slots.takeOver(other.#slots)
    this.refusals.movedAt(now)
    other.#successor = this
    for (const model of other.models) this.adopt(model)
    other.models = []
    this.turn.takeOver(other.turn, now)
  }

  /** One name stands for other weights now. Its running calls end here. Grants nothing: `setLimits` must follow. */
  handOver(model: LaneModel, to: Lane): void {
    this.drop(model)
    to.adopt(model)
    to.turn.take(this.turn.contenders.give((ticket) => ticket.model === model))
  }

  /** For the lane's turn alone. */
  newLine(): LaneLine<LaneModel> {
    return new LaneLine(this.turn, this.#parts.accounts, this.#parts.waiting, this.refusals)
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    if (this.queued === 0) return Number.POSITIVE_INFINITY
    const earliest = this.turn.contenders.expire(now)
    this.turn.lineMoved(now)
    return earliest
  }

  /** Refuses all calls in line. */
  dismissAll(now: number): void {
    for (const line of this.turn.contenders.lines()) line.dismissAll('shutting_down', now)
  }

  /** The Refusal of a call that does not come to the line. */
  refuse(model: LaneModel, call: Call, code: RefusalCode, now: number): Refusal {
    model.observer.refused(code)
    return this.refusals.of(code, call, now)
  }

  /** `change`: changes the number of slots that may be taken. */
  #change(change: () => void, now: number): void {
    const before = this.open
    change()
    if (this.open === 0 && (before > 0 || !this.turn.hasTurn)) this.refusals.movedAt(now)
    this.turn.lineMoved(now)
  }
}
