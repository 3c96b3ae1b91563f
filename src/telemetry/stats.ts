import type {
  AdmissionObserver,
  LaneFigures,
  LaneInterval,
  LaneObserver,
  Outcome,
  Percentiles,
} from '../admission/observer.ts'
import type { RefusalCode } from '../admission/refusal.ts'
import type { Clock } from '../clock.ts'
import { Histogram } from './histogram.ts'

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

/** Counts events of all lanes: while the number stays the same, no figure of a call has changed. */
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
  #intervalStart: Counts = NOTHING

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

  figures(): LaneFigures {
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

  get untouched(): boolean {
    const { waited, turnedAway, ran } = this.#intervalStart
    return waited === this.#waited && turnedAway === this.#turnedAway && ran === this.#ran
  }

  takeInterval(): LaneInterval {
    const before = this.#intervalStart
    this.#intervalStart = {
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
      waitMs: this.#waits.takeInterval(),
      processingMs: this.#runs.takeInterval(),
    }
  }

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
    this.#intervalStart = NOTHING
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
export class Stats implements AdmissionObserver {
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
