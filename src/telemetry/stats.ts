import type { AdmissionObserver, LaneObserver, Outcome } from '../admission/observer.ts'
import type { RefusalCode } from '../admission/refusal.ts'
import type { Clock } from '../clock.ts'
import { Histogram, type Spread } from './histogram.ts'

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** One lane's figures since it was opened or last reset. Times in milliseconds, unrounded. */
export interface LaneFigures {
  readonly processed: number
  readonly rejected: number
  readonly timedOut: number
  readonly cancelled: number
  readonly failed: number
  /** Mean over calls that got a slot or left the line without one; refused arrivals do not count. */
  readonly averageWaitMs: number
  /** Mean over calls that held a slot and gave it back, however they ended. */
  readonly averageProcessingMs: number
  readonly waitMs: Percentiles
  readonly processingMs: Percentiles
  readonly countedForMs: number
}

/** What happened in a lane between two cuts. */
export interface LaneInterval {
  /** Calls that got a slot or left the line without one, and how long they had waited, together. */
  readonly waited: number
  readonly waitedMs: number
  /** Calls refused on arrival, whatever for; a call that came while the proxy closes is not one. */
  readonly turnedAway: number
  /** Those of them that found no place: a full line, no memory for their bodies, or a wait past their deadline. */
  readonly refused: number
  /** Calls that ran to their end. */
  readonly done: number
  /** Over what ended within the interval; null when nothing did. */
  readonly waitMs: Spread | null
  readonly processingMs: Spread | null
}

/** Where the counters stood. */
interface Counts {
  readonly waited: number
  readonly waitedMs: number
  readonly turnedAway: number
  readonly queueFull: number
  readonly ran: number
  readonly processed: number
}

const NOTHING: Counts = { waited: 0, waitedMs: 0, turnedAway: 0, queueFull: 0, ran: 0, processed: 0 }

/** How often something happened in any lane: while the number stays, no figure of a call has changed. */
interface Seen {
  changes: number
}

/** Counts one lane's calls. Every event is a few additions: it runs inside each grant and each release. */
export class LaneStats implements LaneObserver {
  readonly #clock: Clock
  readonly #seen: Seen
  readonly #waits = new Histogram()
  readonly #runs = new Histogram()
  #since: number
  #processed = 0
  #queueFull = 0
  #dismissed = 0
  #timedOut = 0
  #cancelled = 0
  #failed = 0
  #turnedAway = 0
  #waited = 0
  #waitedMs = 0
  #ran = 0
  #ranMs = 0
  #atCut: Counts = NOTHING

  constructor(clock: Clock, seen: Seen = { changes: 0 }) {
    this.#clock = clock
    this.#seen = seen
    this.#since = clock.now()
  }

  queued(): void {
    this.#seen.changes++
  }

  granted(waitMs: number): void {
    this.#seen.changes++
    this.#waited++
    this.#waitedMs += waitMs
    this.#waits.record(waitMs)
  }

  refused(code: RefusalCode): void {
    this.#seen.changes++
    if (code !== 'shutting_down') this.#turnedAway++
    this.#countRefusal(code)
  }

  left(code: RefusalCode, waitMs: number): void {
    this.#seen.changes++
    this.#waited++
    this.#waitedMs += waitMs
    this.#waits.record(waitMs)
    this.#countRefusal(code)
  }

  released(outcome: Outcome, heldMs: number): void {
    this.#seen.changes++
    this.#ran++
    this.#ranMs += heldMs
    this.#runs.record(heldMs)
    switch (outcome) {
      case 'done':
        this.#processed++
        break
      case 'failed':
        this.#failed++
        break
      case 'cancelled':
        this.#cancelled++
        break
      case 'timed_out':
        this.#timedOut++
    }
  }

  read(): LaneFigures {
    return {
      processed: this.#processed,
      rejected: this.#queueFull + this.#dismissed,
      timedOut: this.#timedOut,
      cancelled: this.#cancelled,
      failed: this.#failed,
      averageWaitMs: this.#waited === 0 ? 0 : this.#waitedMs / this.#waited,
      averageProcessingMs: this.#ran === 0 ? 0 : this.#ranMs / this.#ran,
      waitMs: percentilesOf(this.#waits),
      processingMs: percentilesOf(this.#runs),
      countedForMs: this.#clock.now() - this.#since,
    }
  }

  /** Whether nothing was counted since the last cut. */
  get untouched(): boolean {
    const { waited, turnedAway, ran } = this.#atCut
    return waited === this.#waited && turnedAway === this.#turnedAway && ran === this.#ran
  }

  /** What happened since the cut before, the opening of the lane or a reset; the next interval begins. One reader only. */
  cut(): LaneInterval {
    const before = this.#atCut
    this.#atCut = {
      waited: this.#waited,
      waitedMs: this.#waitedMs,
      turnedAway: this.#turnedAway,
      queueFull: this.#queueFull,
      ran: this.#ran,
      processed: this.#processed,
    }
    return {
      waited: this.#waited - before.waited,
      waitedMs: this.#waitedMs - before.waitedMs,
      turnedAway: this.#turnedAway - before.turnedAway,
      refused: this.#queueFull - before.queueFull,
      done: this.#processed - before.processed,
      waitMs: this.#waits.cut(),
      processingMs: this.#runs.cut(),
    }
  }

  /** Counters and times start again from zero, uptime too, so that rates over it stay right. */
  reset(): void {
    this.#processed = 0
    this.#queueFull = 0
    this.#dismissed = 0
    this.#timedOut = 0
    this.#cancelled = 0
    this.#failed = 0
    this.#turnedAway = 0
    this.#waited = 0
    this.#waitedMs = 0
    this.#ran = 0
    this.#ranMs = 0
    this.#atCut = NOTHING
    this.#waits.reset()
    this.#runs.reset()
    this.#since = this.#clock.now()
  }

  #countRefusal(code: RefusalCode): void {
    switch (code) {
      case 'queue_full':
        this.#queueFull++
        break
      case 'shutting_down':
        this.#dismissed++
        break
      case 'timeout':
        this.#timedOut++
        break
      case 'cancelled':
        this.#cancelled++
    }
  }
}

/** Gives every lane its own counters; they are forgotten along with the lane. */
export class Stats implements AdmissionObserver<LaneStats> {
  readonly #clock: Clock
  readonly #seen: Seen = { changes: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Grows with everything that happens to a call in a lane. */
  get changes(): number {
    return this.#seen.changes
  }

  lane(): LaneStats {
    return new LaneStats(this.#clock, this.#seen)
  }
}

function percentilesOf(histogram: Histogram): Percentiles {
  return {
    p50: histogram.percentile(50),
    p95: histogram.percentile(95),
    p99: histogram.percentile(99),
  }
}
