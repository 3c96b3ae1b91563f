import { Histogram } from '../../telemetry/histogram.ts'
import type { LoadOutcome } from './outcome.ts'

/** Most different reasons that are counted separately. More would mean that every answer has its own text. */
const MOST_REASONS = 20
const OTHERS = 'others'

/** Milliseconds; null when nothing was measured. */
export interface TimeSpread {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** A histogram that knows its largest value exactly. */
export class Distribution {
  readonly #histogram = new Histogram()
  #max = 0

  record(ms: number): void {
    this.#histogram.record(ms)
    this.#max = Math.max(this.#max, ms)
  }

  read(): TimeSpread | null {
    const { total } = this.#histogram
    if (total === 0) return null
    const [p50 = 0, p95 = 0, p99 = 0] = [50, 95, 99].map((percent) => this.#histogram.percentile(percent))
    return { p50, p95, p99, max: this.#max }
  }
}

/** Counts the outcomes of the calls. */
export class Tally {
  /** Calls that were due, sent or not. */
  arrivals = 0
  notSent = 0
  /** Calls by their outcome. */
  readonly count: Record<LoadOutcome['kind'], number> = {
    answered: 0,
    refused: 0,
    timed_out: 0,
    failed: 0,
    aborted: 0,
  }
  tokens = 0
  readonly refusals = new Map<string, number>()
  readonly failures = new Map<string, number>()
  /** Of answered calls. */
  readonly firstByte = new Distribution()
  readonly total = new Distribution()
  /** Of refused calls. */
  readonly refusal = new Distribution()
  readonly gap = new Distribution()
  /** Delay between the due time and the sending of each call. */
  readonly late = new Distribution()

  get sent(): number {
    return this.arrivals - this.notSent
  }

  take(outcome: LoadOutcome): void {
    this.count[outcome.kind]++
    if (outcome.kind === 'answered') {
      this.tokens += outcome.tokens
      this.firstByte.record(outcome.firstByteMs)
      this.total.record(outcome.totalMs)
    } else if (outcome.kind === 'refused') {
      addTo(this.refusals, outcome.why)
      this.refusal.record(outcome.totalMs)
    } else if (outcome.kind === 'failed') addTo(this.failures, outcome.why)
  }
}

function addTo(counts: Map<string, number>, why: string): void {
  const key = counts.has(why) || counts.size < MOST_REASONS ? why : OTHERS
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
