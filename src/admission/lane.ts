import type { Call, LaneView, Limits, Upstream } from './contract.ts'
import { Estimate } from './estimate.ts'
import { Line } from './line.ts'
import { LocalPermit } from './local-permit.ts'
import { LocalTicket } from './local-ticket.ts'
import type { LaneObserver, Outcome } from './observer.ts'
import { Refusal, type RefusalCode, type RefusalFacts } from './refusal.ts'
import { Slots } from './slots.ts'
import type { Waiting } from './waiting.ts'

/** How many standard deviations of the predicted wait must fit before the deadline. */
const DEADLINE_MARGIN = 1

export interface LaneParts {
  readonly observer: LaneObserver
  /** The Ollama that the slots are on. */
  readonly upstream: Upstream
  /** Shared by all lanes. */
  readonly waiting: Waiting
  /** 0 ≤ x < 1. */
  readonly random: () => number
}

/** The slots and the line of one model. A lane is pure and synchronous: callers tell it the time. */
export class Lane implements LaneView {
  readonly model: string
  readonly observer: LaneObserver
  readonly estimate = new Estimate()
  readonly line = new Line<LocalTicket>()
  readonly #waiting: Waiting
  readonly #random: () => number
  readonly #slots: Slots
  #limits: Limits
  #paused = false
  /** Slots that may be taken now: none while the lane is paused. */
  #open: number
  /** A loop that grants slots is running. */
  #granting = false
  #lastUsed = Number.NEGATIVE_INFINITY
  #served = false
  /** Clock milliseconds of the last grant or release. For a lane without open slots: of the moment it lost them. */
  #stillSince = Number.NEGATIVE_INFINITY

  constructor(model: string, limits: Limits, { observer, upstream, waiting, random }: LaneParts) {
    this.model = model
    this.#limits = limits
    this.#open = limits.parallel
    this.#slots = new Slots(upstream)
    this.observer = observer
    this.#waiting = waiting
    this.#random = random
  }

  get limits(): Limits {
    return this.#limits
  }

  get active(): number {
    return this.#slots.taken
  }

  get queued(): number {
    return this.line.living
  }

  waiting(): Iterable<LocalTicket> {
    return this.line
  }

  /** While a lane is paused, no call in line gets a slot. Running calls go on. */
  get paused(): boolean {
    return this.#paused
  }

  get idle(): boolean {
    return this.active === 0 && this.queued === 0
  }

  /** Clock milliseconds of the last arrival or release. */
  get lastUsed(): number {
    return this.#lastUsed
  }

  /** Whether Ollama has ever answered a call of this lane without an error, so that the model exists. */
  get served(): boolean {
    return this.#served
  }

  /** A slot at once, or a place in line. Throws a Refusal when there is neither. */
  arrive(call: Call, now: number): LocalPermit | LocalTicket {
    this.#lastUsed = now
    if (call.deadline <= now) throw this.refuse('timeout', now)
    if (this.active < this.#open && this.queued === 0) {
      const permit = this.#grant(call, now, 0)
      this.observer.granted(0)
      return permit
    }
    this.#checkLine(call, now)
    const ticket = new LocalTicket(this, call, now)
    this.line.join(ticket)
    this.#waiting.calls++
    this.#waiting.bytes += call.bytes
    this.observer.queued()
    return ticket
  }

  /** For LocalPermit alone, which calls this once. */
  release(permit: LocalPermit, outcome: Outcome, now: number, loadMs: number, served: boolean): void {
    const heldMs = now - permit.grantedAt
    this.#slots.giveBack(permit.slot)
    this.#lastUsed = now
    if (served) this.#served = true
    if (this.#open > 0) this.#stillSince = now
    // A call that failed says nothing about how long the next one takes.
    if (outcome !== 'failed') this.estimate.learn(Math.max(0, heldMs - loadMs))
    this.observer.released(outcome, heldMs)
    this.#grantWaiting(now)
  }

  /** Higher limits start waiting calls at once. Lower limits let running calls finish and keep the line. */
  setLimits(limits: Limits, now: number): void {
    this.#limits = limits
    this.#openSlots(now)
  }

  /** A pause keeps each call in line until its deadline, or until `pause(false, …)` starts the calls at once. */
  pause(paused: boolean, now: number): void {
    this.#paused = paused
    this.#openSlots(now)
  }

  /** For LocalTicket alone. False when the ticket was settled before. */
  cancel(ticket: LocalTicket, now: number): boolean {
    if (!ticket.waiting) return false
    this.#dismiss(ticket, 'cancelled', now)
    this.line.sweep()
    return true
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const ticket of this.line) {
      const { deadline } = ticket.call
      if (deadline <= now) this.#dismiss(ticket, 'timeout', now)
      else if (deadline < earliest) earliest = deadline
    }
    this.line.sweep()
    return earliest
  }

  /** Refuses all calls in line. Running calls go on. */
  dismissAll(now: number): void {
    for (const ticket of this.line) this.#dismiss(ticket, 'shutting_down', now)
    this.line.sweep()
  }

  #openSlots(now: number): void {
    const open = this.#paused ? 0 : this.#limits.parallel
    if (open === 0 && this.#open > 0) this.#stillSince = now
    this.#open = open
    this.#grantWaiting(now)
  }

  #grantWaiting(now: number): void {
    // A grant callback may release its permit at once. That inner call returns here, and the outer loop grants the slot.
    if (this.queued === 0 || this.#granting) return
    this.#granting = true
    try {
      while (this.active < this.#open) {
        const ticket = this.line.next()
        if (ticket === undefined) break
        this.#settle(ticket, now)
      }
    } finally {
      this.#granting = false
    }
    this.line.sweep()
  }

  /** The only place that gives a slot to a ticket. */
  #settle(ticket: LocalTicket, now: number): void {
    const waitMs = now - ticket.enqueuedAt
    this.#uncount(ticket)
    if (ticket.call.deadline <= now) {
      this.observer.left('timeout', waitMs)
      ticket.settle(new Refusal('timeout', this.#facts('timeout', now)))
      return
    }
    const permit = this.#grant(ticket.call, now, waitMs)
    this.observer.granted(waitMs)
    ticket.settle(permit)
  }

  #grant(call: Call, now: number, waitMs: number): LocalPermit {
    this.#stillSince = now
    return new LocalPermit(this, call, this.#slots.take(), now, waitMs)
  }

  /** Throws a Refusal for a call that may not join the line. */
  #checkLine(call: Call, now: number): void {
    const { bytes, maxBytes } = this.#waiting
    if (this.queued >= this.#limits.queue) throw this.refuse('queue_full', now)
    if (bytes + call.bytes > maxBytes) throw this.refuse('queue_full', now)
    const { parallel } = this.#limits
    const waitMs = this.estimate.waitMs(this.queued, parallel)
    if (waitMs === undefined) return
    const latestMs = waitMs + DEADLINE_MARGIN * this.estimate.spreadMs(this.queued, parallel)
    if (now + latestMs > call.deadline) throw this.refuse('queue_full', now, { estimatedWaitMs: waitMs })
  }

  /** The Refusal of a call that may not join the line. */
  refuse(code: RefusalCode, now: number, facts: Partial<RefusalFacts> = {}): Refusal {
    this.observer.refused(code)
    return new Refusal(code, { ...this.#facts(code, now), ...facts })
  }

  #facts(code: RefusalCode, now: number): RefusalFacts {
    const stillMs = code === 'shutting_down' ? 0 : this.#stillMs(now)
    return {
      model: this.model,
      retryAfterMs: this.estimate.retryAfterMs(now, this.#limits.parallel, this.#random, stillMs),
      ...(this.#paused && { paused: true }),
    }
  }

  /**
   * Milliseconds since the last grant or release; 0 while that is no longer than a slot is usually held. The longer a
   * lane has stood still, the later a client should ask again.
   */
  #stillMs(now: number): number {
    if (this.active < this.#open) return 0
    const stillMs = now - this.#stillSince
    return this.#open === 0 || stillMs > (this.estimate.meanMs ?? 0) ? stillMs : 0
  }

  /** Settles a waiting ticket without a slot. Its tombstone stays in the line. */
  #dismiss(ticket: LocalTicket, code: RefusalCode, now: number): void {
    this.line.leave()
    this.#uncount(ticket)
    this.observer.left(code, now - ticket.enqueuedAt)
    ticket.settle(new Refusal(code, code === 'cancelled' ? { model: this.model } : this.#facts(code, now)))
  }

  #uncount(ticket: LocalTicket): void {
    this.#waiting.calls--
    this.#waiting.bytes -= ticket.call.bytes
  }
}
