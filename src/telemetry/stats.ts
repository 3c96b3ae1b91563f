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

/** The counters of a lane. Times in milliseconds. */
const ZERO = {
  /** Calls that got a slot or left the line without a slot, and the sum of their waits. */
  waited: 0,
  waitedMs: 0,
  /** Calls refused on arrival for any reason but a shutdown. */
  turnedAway: 0,
  /** Calls that gave their slot back, and the sum of the times for which they held it. */
  ran: 0,
  ranMs: 0,
  /** Calls by how they ended. */
  processed: 0,
  queueFull: 0,
  dismissed: 0,
  timedOut: 0,
  cancelled: 0,
  failed: 0,
}

const COUNTER_OF_OUTCOME = {
  done: 'processed',
  failed: 'failed',
  cancelled: 'cancelled',
  timed_out: 'timedOut',
} as const satisfies Record<Outcome, keyof typeof ZERO>

const COUNTER_OF_REFUSAL = {
  queue_full: 'queueFull',
  shutting_down: 'dismissed',
  timeout: 'timedOut',
  cancelled: 'cancelled',
  load_failed: 'dismissed',
  model_stuck: 'dismissed',
  model_not_allowed: 'dismissed',
  insufficient_quota: 'dismissed',
} as const satisfies Record<RefusalCode, keyof typeof ZERO>

/** Counts the events of all lanes. While the number stays the same, no figure of a call has changed. */
interface ChangeCount {
  count: number
}

/** Counts one lane's calls. Every event is a few additions, because it runs inside each grant and each release. */
export class LaneStats implements LaneObserver {
  readonly #clock: Clock
  readonly #changes: ChangeCount
  readonly #waits = new Histogram()
  readonly #runs = new Histogram()
  #since: number
  #counts = { ...ZERO }
  /** The counters at the beginning of the current interval. */
  #intervalStart: Readonly<typeof ZERO> = ZERO

  constructor(clock: Clock, changes: ChangeCount = { count: 0 }) {
    this.#clock = clock
    this.#changes = changes
    this.#since = clock.now()
  }

  queued(): void {
    this.#changes.count++
  }

  granted(waitMs: number): void {
    this.#changes.count++
    this.#countWait(waitMs)
  }

  refused(code: RefusalCode): void {
    this.#changes.count++
    if (code !== 'shutting_down') this.#counts.turnedAway++
    this.#counts[COUNTER_OF_REFUSAL[code]]++
  }

  left(code: RefusalCode, waitMs: number): void {
    this.#changes.count++
    this.#countWait(waitMs)
    this.#counts[COUNTER_OF_REFUSAL[code]]++
  }

  released(outcome: Outcome, heldMs: number): void {
    this.#changes.count++
    this.#counts.ran++
    this.#counts.ranMs += heldMs
    this.#counts[COUNTER_OF_OUTCOME[outcome]]++
    this.#runs.record(heldMs)
  }

  figures(): LaneFigures {
    const { processed, queueFull, dismissed, timedOut, cancelled, failed } = this.#counts
    const { waited, waitedMs, ran, ranMs } = this.#counts
    return {
      processed,
      rejected: queueFull + dismissed,
      timedOut,
      cancelled,
      failed,
      averageWaitMs: waited === 0 ? 0 : waitedMs / waited,
      averageProcessingMs: ran === 0 ? 0 : ranMs / ran,
      waitMs: percentilesOf(this.#waits),
      processingMs: percentilesOf(this.#runs),
      countedForMs: this.#clock.now() - this.#since,
    }
  }

  get untouched(): boolean {
    const [now, before] = [this.#counts, this.#intervalStart]
    return now.waited === before.waited && now.turnedAway === before.turnedAway && now.ran === before.ran
  }

  takeInterval(): LaneInterval {
    const [now, before] = [this.#counts, this.#intervalStart]
    this.#intervalStart = { ...now }
    return {
      waited: now.waited - before.waited,
      waitedMs: now.waitedMs - before.waitedMs,
      turnedAway: now.turnedAway - before.turnedAway,
      refused: now.queueFull - before.queueFull,
      done: now.processed - before.processed,
      waitMs: this.#waits.takeInterval(),
      processingMs: this.#runs.takeInterval(),
    }
  }

  reset(): void {
    this.#counts = { ...ZERO }
    this.#intervalStart = ZERO
    this.#waits.reset()
    this.#runs.reset()
    this.#since = this.#clock.now()
  }

  #countWait(waitMs: number): void {
    this.#counts.waited++
    this.#counts.waitedMs += waitMs
    this.#waits.record(waitMs)
  }
}

/** Gives every lane counters of its own. The counters are forgotten together with the lane. */
export class Stats implements AdmissionObserver {
  readonly #clock: Clock
  readonly #changes: ChangeCount = { count: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Grows with every event of a call in a lane. */
  get changes(): number {
    return this.#changes.count
  }

  lane(): LaneStats {
    return new LaneStats(this.#clock, this.#changes)
  }
}

function percentilesOf(histogram: Histogram): Percentiles {
  return {
    p50: histogram.percentile(50),
    p95: histogram.percentile(95),
    p99: histogram.percentile(99),
  }
}
