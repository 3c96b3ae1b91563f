import type { Call, Limits } from '../../../src/admission/contract.ts'
import type { Outcome } from '../../../src/admission/observer.ts'

/** A call in line, as the model sees it. */
export interface Waiter {
  readonly id: number
  readonly deadline: number
  readonly bytes: number
}

/** What must have happened to whom: `granted`, or the code of a refusal. */
export interface Fate {
  readonly id: number
  readonly fate: string
}

/** What an arrival may get; two answers where rounding decides between them. */
export type Turn =
  | 'granted'
  | 'queued'
  | 'shutting_down'
  | 'timeout'
  | 'queue_full'
  | 'early'
  | 'queued or early'

/**
 * One lane, told a second time and as plainly as possible: an array for the line, the moments of service times
 * as sums. It shares no code with the lane it is compared with.
 */
export class LineModel {
  limits: Limits
  paused = false
  active = 0
  readonly line: Waiter[] = []
  arrivedGranted = 0
  expiredAtHandOver = 0
  #samples = 0
  #mean = 0
  #meanOfSquares = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  get bytes(): number {
    let bytes = 0
    for (const waiter of this.line) bytes += waiter.bytes
    return bytes
  }

  get slots(): number {
    return this.paused ? 0 : this.limits.parallel
  }

  turnOf(call: Call, now: number, bytesLeft: number): Turn {
    if (call.deadline <= now) return 'timeout'
    if (this.active < this.slots && this.line.length === 0) return 'granted'
    if (this.line.length >= this.limits.queue || call.bytes > bytesLeft) return 'queue_full'
    if (this.#samples < 8 || this.limits.parallel < 1) return 'queued'
    const calls = this.line.length + 1
    const variance = Math.max(0, this.#meanOfSquares - this.#mean ** 2)
    const latestMs = (calls * this.#mean + Math.sqrt(calls * variance)) / this.limits.parallel
    const slackMs = call.deadline - now - latestMs
    // The two ways to the variance agree to about 1e-8 of the square of the mean.
    if (Math.abs(slackMs) < 1e-3 * (1 + latestMs)) return 'queued or early'
    return slackMs < 0 ? 'early' : 'queued'
  }

  grantOnArrival(): void {
    this.active++
    this.arrivedGranted++
  }

  /** One slot comes back; returns who must have been settled by that, in order. */
  release(outcome: Outcome, now: number, servedMs: number): Fate[] {
    this.active--
    if (outcome !== 'failed') this.#learn(Math.max(0, servedMs))
    return this.handOver(now)
  }

  handOver(now: number): Fate[] {
    const fates: Fate[] = []
    while (this.active < this.slots) {
      const waiter = this.line.shift()
      if (!waiter) break
      if (waiter.deadline <= now) {
        this.expiredAtHandOver++
        fates.push({ id: waiter.id, fate: 'timeout' })
      } else {
        this.active++
        fates.push({ id: waiter.id, fate: 'granted' })
      }
    }
    return fates
  }

  /** Takes a waiter out of the line; false when it is not there. */
  remove(id: number): boolean {
    const index = this.line.findIndex((waiter) => waiter.id === id)
    if (index >= 0) this.line.splice(index, 1)
    return index >= 0
  }

  #learn(ms: number): void {
    this.#samples++
    const weight = Math.max(1 / this.#samples, 1 - 0.5 ** (1 / 20))
    this.#mean = this.#mean * (1 - weight) + ms * weight
    this.#meanOfSquares = this.#meanOfSquares * (1 - weight) + ms * ms * weight
  }
}
