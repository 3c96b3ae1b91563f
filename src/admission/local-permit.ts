import type { Lane } from './lane.ts'
import type { LaneObserver, Outcome } from './observer.ts'

/** A taken slot. Whoever holds it gives it back once; giving it back again does nothing. */
export class LocalPermit<L extends LaneObserver = LaneObserver> {
  readonly grantedAt: number
  /** Milliseconds the call stood in line. */
  readonly waitMs: number
  #lane: Lane<L> | undefined

  constructor(lane: Lane<L>, grantedAt: number, waitMs: number) {
    this.#lane = lane
    this.grantedAt = grantedAt
    this.waitMs = waitMs
  }

  get released(): boolean {
    return this.#lane === undefined
  }

  /**
   * Gives the slot back; the next in line has it before this returns.
   * `loadMs`: the part of the time that went into loading the model, which says nothing about the next call.
   * `served`: Ollama answered the call without an error.
   */
  release(outcome: Outcome, now: number, loadMs = 0, served = false): void {
    const lane = this.#lane
    this.#lane = undefined
    lane?.release(outcome, now, now - this.grantedAt, loadMs, served)
  }
}
