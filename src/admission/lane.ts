import type { Call, Limits } from './contract.ts'
import { Estimate } from './estimate.ts'
import { Line } from './line.ts'
import { LocalPermit } from './local-permit.ts'
import { LocalTicket } from './local-ticket.ts'
import type { LaneObserver, Outcome } from './observer.ts'
import { Refusal, type RefusalCode, type RefusalFacts } from './refusal.ts'
import type { Waiting } from './waiting.ts'

/** How many standard deviations of the predicted wait must fit before the deadline. */
const DEADLINE_MARGIN = 1

/** One model's slots and its line: pure and synchronous, told the time, telling its observer. */
export class Lane<L extends LaneObserver = LaneObserver> {
  readonly model: string
  readonly observer: L
  readonly estimate = new Estimate()
  readonly #waiting: Waiting
  readonly #random: () => number
  readonly #line = new Line<LocalTicket<L>>()
  #limits: Limits
  #active = 0
  #paused = false
  /** Slots that may be taken: none while paused. */
  #slots: number
  #handingOver = false
  #lastUsed = Number.NEGATIVE_INFINITY
  #served = false
  /** Clock time of the last slot that was given or came back; without slots, of when they were taken away. */
  #stillSince = Number.NEGATIVE_INFINITY

  constructor(model: string, limits: Limits, observer: L, waiting: Waiting, random: () => number) {
    this.model = model
    this.#limits = limits
    this.#slots = limits.parallel
    this.observer = observer
    this.#waiting = waiting
    this.#random = random
  }

  get limits(): Limits {
    return this.#limits
  }

  /** Slots taken. */
  get active(): number {
    return this.#active
  }

  /** Calls in line. */
  get queued(): number {
    return this.#line.living
  }

  /** The calls in line, the next to run first. */
  waiting(): Iterable<LocalTicket<L>> {
    return this.#line
  }

  /** Nodes of the line, tombstones included. */
  get nodes(): number {
    return this.#line.nodes
  }

  /** Nodes moved by sweeping since the lane was opened: what leaving early has cost. */
  get nodesMoved(): number {
    return this.#line.nodesMoved
  }

  /** While it is, nobody in line gets a slot; what runs goes on. */
  get paused(): boolean {
    return this.#paused
  }

  get idle(): boolean {
    return this.#active === 0 && this.queued === 0
  }

  /** Clock time of the last arrival or release. */
  get lastUsed(): number {
    return this.#lastUsed
  }

  /** Whether Ollama has ever answered a call of this lane without an error: the model is no made-up name. */
  get served(): boolean {
    return this.#served
  }

  /** A slot at once, or a place in line. Throws a Refusal when there is neither. */
  arrive(call: Call, now: number): LocalPermit<L> | LocalTicket<L> {
    this.#lastUsed = now
    if (call.deadline <= now) throw this.refuse('timeout', now)
    if (this.#active < this.#slots && this.queued === 0) {
      const permit = this.#grant(now, 0)
      this.observer.granted(0)
      return permit
    }
    this.#admitToLine(call, now)
    const ticket = new LocalTicket(this, now, call.deadline, call.bytes)
    this.#line.join(ticket)
    this.#waiting.calls++
    this.#waiting.bytes += call.bytes
    this.observer.queued()
    return ticket
  }

  /** Only through Permit.release, which calls it once a slot. */
  release(outcome: Outcome, now: number, heldMs: number, loadMs: number, served: boolean): void {
    this.#active--
    this.#lastUsed = now
    if (served) this.#served = true
    if (this.#slots > 0) this.#stillSince = now
    // A call that failed says nothing about how long the next one takes.
    if (outcome !== 'failed') this.estimate.learn(Math.max(0, heldMs - loadMs))
    this.observer.released(outcome, heldMs)
    this.#handOver(now)
  }

  /** Raising starts waiters at once; lowering lets running calls finish and keeps everybody in line. */
  setLimits(limits: Limits, now: number): void {
    this.#limits = limits
    this.#open(now)
  }

  /** Pausing keeps everybody in line until a deadline or `pause(false, …)`, which starts them at once. */
  pause(paused: boolean, now: number): void {
    this.#paused = paused
    this.#open(now)
  }

  cancel(ticket: LocalTicket<L>, now: number): boolean {
    return this.#remove(ticket, 'cancelled', now)
  }

  /** Refuses whoever is past the deadline. Returns the earliest deadline that is left, Infinity when none. */
  expire(now: number): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const ticket of this.#line) {
      if (ticket.deadline <= now) this.#leave(ticket, 'timeout', now)
      else if (ticket.deadline < earliest) earliest = ticket.deadline
    }
    this.#line.sweep()
    return earliest
  }

  /** Refuses everybody in line; running calls go on. */
  dismiss(now: number): void {
    for (const ticket of this.#line) this.#leave(ticket, 'shutting_down', now)
    this.#line.sweep()
  }

  #open(now: number): void {
    const slots = this.#paused ? 0 : this.#limits.parallel
    if (slots === 0 && this.#slots > 0) this.#stillSince = now
    this.#slots = slots
    this.#handOver(now)
  }

  #handOver(now: number): void {
    // A listener may give its slot back inside the grant: the loop that granted goes on with it, nothing nests.
    if (this.queued === 0 || this.#handingOver) return
    this.#handingOver = true
    try {
      while (this.#active < this.#slots) {
        const ticket = this.#line.next()
        if (ticket === undefined) break
        this.#serve(ticket, now)
      }
    } finally {
      this.#handingOver = false
    }
    this.#line.sweep()
  }

  /** The only place that grants a ticket. */
  #serve(ticket: LocalTicket<L>, now: number): void {
    const waitMs = now - ticket.enqueuedAt
    this.#uncount(ticket)
    if (ticket.deadline <= now) {
      this.observer.left('timeout', waitMs)
      ticket.settle(new Refusal('timeout', this.#facts('timeout', now)))
      return
    }
    const permit = this.#grant(now, waitMs)
    this.observer.granted(waitMs)
    ticket.settle(permit)
  }

  #grant(now: number, waitMs: number): LocalPermit<L> {
    this.#active++
    this.#stillSince = now
    return new LocalPermit(this, now, waitMs)
  }

  #admitToLine(call: Call, now: number): void {
    const { bytes, maxBytes } = this.#waiting
    if (this.queued >= this.#limits.queue) throw this.refuse('queue_full', now)
    if (bytes + call.bytes > maxBytes) throw this.refuse('queue_full', now)
    const { parallel } = this.#limits
    const waitMs = this.estimate.waitMs(this.queued, parallel)
    if (waitMs === undefined) return
    const latestMs = waitMs + DEADLINE_MARGIN * this.estimate.spreadMs(this.queued, parallel)
    if (now + latestMs > call.deadline) throw this.refuse('queue_full', now, { estimatedWaitMs: waitMs })
  }

  /** For a call that may not even stand in line. */
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
   * For how long nobody could be served; 0 while that is no longer than a slot is usually held. The longer a lane has
   * stood still, the later it is worth asking again.
   */
  #stillMs(now: number): number {
    if (this.#active < this.#slots) return 0
    const stillMs = now - this.#stillSince
    return this.#slots === 0 || stillMs > (this.estimate.meanMs ?? 0) ? stillMs : 0
  }

  #remove(ticket: LocalTicket<L>, code: RefusalCode, now: number): boolean {
    if (!ticket.waiting) return false
    this.#leave(ticket, code, now)
    this.#line.sweep()
    return true
  }

  /** Settles a waiting ticket without a slot and leaves its tombstone in the line. */
  #leave(ticket: LocalTicket<L>, code: RefusalCode, now: number): void {
    this.#line.left()
    this.#uncount(ticket)
    this.observer.left(code, now - ticket.enqueuedAt)
    ticket.settle(new Refusal(code, code === 'cancelled' ? { model: this.model } : this.#facts(code, now)))
  }

  #uncount(ticket: LocalTicket<L>): void {
    this.#waiting.calls--
    this.#waiting.bytes -= ticket.bytes
  }
}
