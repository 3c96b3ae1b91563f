import type { RefusalCode } from './refusal.ts'

/** How a call that held a slot ended. */
export type Outcome = 'done' | 'failed' | 'cancelled' | 'timed_out'

/** Percentiles in milliseconds. */
export interface Spread {
  readonly p50: number
  readonly p95: number
}

/** Percentiles in milliseconds. */
export interface Percentiles extends Spread {
  readonly p99: number
}

/** Figures of one lane since the lane was opened or last reset. Times in milliseconds, not rounded. */
export interface LaneFigures {
  readonly processed: number
  readonly rejected: number
  readonly timedOut: number
  readonly cancelled: number
  readonly failed: number
  /** Mean over calls that got a slot or left the line without a slot. Calls refused on arrival do not count. */
  readonly averageWaitMs: number
  /** Mean over calls that gave their slot back, however they ended. */
  readonly averageProcessingMs: number
  readonly waitMs: Percentiles
  readonly processingMs: Percentiles
  readonly countedForMs: number
}

/** Figures of one lane over one interval. */
export interface LaneInterval {
  /** Calls that got a slot or left the line without a slot. */
  readonly waited: number
  /** The sum of the waits of these calls. */
  readonly waitedMs: number
  /** Calls refused on arrival for any reason but a shutdown. */
  readonly turnedAway: number
  /** Calls of `turnedAway` that found no place: a full line, no memory for the body, or a wait past the deadline. */
  readonly refused: number
  /** Calls that ran to their end. */
  readonly done: number
  /** Over the calls that ended their wait in the interval; null when there was none. */
  readonly waitMs: Spread | null
  /** Over the calls that ended in the interval; null when there was none. */
  readonly processingMs: Spread | null
}

/**
 * Hears what happens to the calls under one name in their lane, and keeps their figures. The lane calls the events synchronously, after its own
 * state is settled. An event must not throw.
 */
export interface LaneObserver {
  /** A call took a place in line. */
  queued(): void
  /** A call got its slot after `waitMs` in line; 0 for a slot on arrival. */
  granted(waitMs: number): void
  /** A call was refused on arrival. */
  refused(code: RefusalCode): void
  /** A call left the line without a slot after `waitMs`: for its deadline, its client or our shutdown. */
  left(code: RefusalCode, waitMs: number): void
  /** A slot was given back after `heldMs`. */
  released(outcome: Outcome, heldMs: number): void
  figures(): LaneFigures
  /** Figures since the previous call, the opening of the lane or a reset. Then a new interval begins. One reader only. */
  takeInterval(): LaneInterval
  /** Whether the current interval is empty. */
  readonly untouched: boolean
  /** All figures start again from zero, and so does the time that they are counted for. */
  reset(): void
}

/** Asked once for each model that is opened. The observer lives as long as the model is remembered. */
export interface AdmissionObserver {
  lane(model: string): LaneObserver
}
