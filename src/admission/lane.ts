import type { Call, CallReport, EffectiveLimit, ForcedReason, LaneView, Limits } from './contract.ts'
import type { LaneLimits } from './lane-limit.ts'
import { LaneLine } from './lane-line.ts'
import { LaneOutlook } from './lane-outlook.ts'
import type { LaneParts } from './lane-parts.ts'
import { LaneRefusals } from './lane-refusals.ts'
import { LaneSlots } from './lane-slots.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { ModelCalls } from './model-calls.ts'
import type { Outcome } from './observer.ts'
import type { Refusal, RefusalCode } from './refusal.ts'

type LaneModel = ModelCalls<Lane>
type LaneTicket = LocalTicket<LaneModel>
type LanePermit = LocalPermit<LaneModel>

/** The slots and the line of one runner. A lane is pure and synchronous: callers tell it the time. */
export class Lane extends LaneOutlook implements LaneView {
  /** For LocalAdmission alone to change: undefined while the runner is not known. */
  runnerId: string | undefined
  /** The names of the runner that were called or have limits of their own. */
  models: readonly LaneModel[] = []
  readonly #slots: LaneSlots
  readonly #refusals: LaneRefusals
  readonly #parts: LaneParts
  /** Made for the first call that waits: a lane for a made-up name never needs a line. */
  #line: LaneLine<LaneModel> | undefined
  /** A loop that grants slots is running. */
  #granting = false
  /** The lane that has taken over the slots and the line of this one. */
  #successor: Lane | undefined

  constructor(runnerId: string | undefined, limits: LaneLimits, parts: LaneParts) {
    super()
    this.runnerId = runnerId
    this.#slots = new LaneSlots(parts.slot, limits)
    this.#refusals = new LaneRefusals(this, parts)
    this.#parts = parts
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
    return this.#line?.living ?? 0
  }

  get line(): LaneLine<LaneModel> {
    this.#line ??= new LaneLine(this, this.#parts.waiting, this.#refusals)
    return this.#line
  }

  /** While a lane is paused, no call in line gets a slot. Running calls go on. */
  get paused(): boolean {
    return this.#slots.paused
  }

  /** Slots that may be taken now: none while the lane is paused. */
  get open(): number {
    return this.#slots.open
  }

  waiting(): Iterable<LaneTicket> {
    return this.#line ?? []
  }

  /** A slot at once, or a place in line. Throws a Refusal when there is neither. `model`: one of the lane's names. */
  arrive(model: LaneModel, call: Call, now: number): LanePermit | LaneTicket {
    model.lastUsed = now
    if (call.deadline <= now) throw this.refuse(model, 'timeout', now)
    if (this.queued === 0 && this.#slots.hasRoomFor(call, now)) {
      const permit = this.#grant(model, call, now, 0)
      model.observer.granted(0)
      return permit
    }
    const refusal = this.#refusals.ofArrival(call, now)
    if (refusal === undefined) return this.line.enqueue(model, call, now)
    model.observer.refused(refusal.code)
    throw refusal
  }

  /** For LocalPermit alone, which calls this once. */
  release(permit: LanePermit, outcome: Outcome, now: number, report?: CallReport): void {
    if (this.#successor) {
      this.#successor.release(permit, outcome, now, report)
      return
    }
    const { model } = permit
    const heldMs = now - permit.grantedAt
    const measured = this.#slots.giveBack(permit, outcome, now, report)
    model.ended(now, report)
    if (this.open > 0) this.#refusals.movedAt(now)
    // A call that failed says nothing about how long the next one takes.
    if (outcome !== 'failed') this.estimate.learn(Math.max(0, heldMs - (report?.loadMs ?? 0)))
    model.observer.released(outcome, heldMs)
    if (measured) this.#parts.measured(this)
    this.#grantWaiting(now)
    if (!model.served && model.idle) this.#parts.unserved(model.model)
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
    this.#refusals.movedAt(now)
    other.#successor = this
    for (const model of other.models) this.adopt(model)
    other.models = []
    this.line.take(other.line.give(() => true))
  }

  /** One name stands for other weights now. Its running calls end here. Grants nothing: `setLimits` must follow. */
  handOver(model: LaneModel, to: Lane): void {
    this.drop(model)
    to.adopt(model)
    to.line.take(this.line.give((ticket) => ticket.model === model))
  }

  /** For LocalTicket alone. False when the ticket was settled before. */
  cancel(ticket: LaneTicket, now: number): boolean {
    if (!ticket.waiting) return false
    this.line.dismiss(ticket, 'cancelled', now)
    // The call that left may have needed more slots than the next one.
    this.#grantWaiting(now)
    this.line.sweep()
    return true
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    if (this.queued === 0) return Number.POSITIVE_INFINITY
    const earliest = this.line.expire(now)
    this.#grantWaiting(now)
    this.line.sweep()
    return earliest
  }

  /** The Refusal of a call that does not come to the line. */
  refuse(model: LaneModel, code: RefusalCode, now: number): Refusal {
    model.observer.refused(code)
    return this.#refusals.of(code, model.model, now)
  }

  /** `change`: changes the number of slots that may be taken. */
  #change(change: () => void, now: number): void {
    const before = this.open
    change()
    if (this.open === 0 && before > 0) this.#refusals.movedAt(now)
    this.#grantWaiting(now)
  }

  #grantWaiting(now: number): void {
    // A grant callback may release its permit at once. That inner call returns here, and the outer loop grants the slot.
    if (this.queued === 0 || this.#granting) return
    this.#granting = true
    try {
      for (;;) {
        const ticket = this.line.first()
        if (ticket === undefined || !this.#slots.hasRoomFor(ticket.call, now)) break
        this.line.takeFirst()
        this.#settle(ticket, now)
      }
    } finally {
      this.#granting = false
    }
    this.line.sweep()
  }

  /** The only place that gives a slot to a ticket. */
  #settle(ticket: LaneTicket, now: number): void {
    const { call, model } = ticket
    const waitMs = now - ticket.enqueuedAt
    if (call.deadline <= now) {
      model.observer.left('timeout', waitMs)
      ticket.settle(this.#refusals.of('timeout', model.model, now))
      return
    }
    const permit = this.#grant(model, call, now, waitMs)
    model.observer.granted(waitMs)
    ticket.settle(permit)
  }

  #grant(model: LaneModel, call: Call, now: number, waitMs: number): LanePermit {
    this.#refusals.movedAt(now)
    model.active++
    return this.#slots.take(this, model, call, now, waitMs)
  }
}
