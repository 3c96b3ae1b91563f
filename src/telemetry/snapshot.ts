import type { LaneView, Limits } from '../admission/contract.ts'
import type { Percentiles, Spread } from '../admission/observer.ts'

/** One model's figures, under the names and in the order in which every page shows them. */
export interface ModelSnapshot {
  readonly model: string
  readonly parallel_limit: number
  readonly queue_limit: number
  readonly active_requests: number
  readonly queued_requests: number
  readonly available_slots: number
  readonly queue_available: number
  readonly paused: boolean
  readonly total_processed: number
  readonly total_rejected: number
  readonly total_timed_out: number
  readonly total_cancelled: number
  readonly total_failed: number
  readonly avg_wait_time_ms: number
  readonly avg_processing_time_ms: number
  readonly wait_time_ms: Percentiles
  readonly processing_time_ms: Percentiles
  readonly uptime_seconds: number
}

export interface Snapshot<M = ModelSnapshot> {
  readonly default_parallel: number
  readonly default_queue_limit: number
  readonly total_models: number
  readonly models: Readonly<Record<string, M>>
}

export interface Totals {
  readonly default_parallel: number
  readonly default_queue_limit: number
  readonly total_models: number
  readonly active_requests: number
  readonly queued_requests: number
}

/** One model within one interval: counts, what stood at its end, and percentiles in milliseconds. */
export interface ModelSample {
  readonly active: number
  readonly queued: number
  readonly arrived: number
  readonly done: number
  readonly refused: number
  readonly tokens_out: number
  /** Over what ended within the interval; null when nothing did. */
  readonly wait_ms: Spread | null
  readonly processing_ms: Spread | null
}

export interface Sample {
  /** ISO 8601. */
  readonly at: string
  readonly models: Readonly<Record<string, ModelSample>>
  readonly memory_percent: number | null
}

export interface HistoryPage {
  readonly interval_seconds: number
  /** The oldest first. */
  readonly samples: readonly Sample[]
}

/** One model over the window that ended with the last sample. */
export interface WindowFigures {
  /** Length of the window. */
  readonly seconds: number
  /** Calls that came within the window: below a handful of them the rate says little. */
  readonly arrived: number
  /** Calls that found no place, of those that came. */
  readonly rejection_rate_percent: number
  /**
   * The larger of two means: how long those had waited that got a slot or left the line within the window, and
   * how long those have waited who stand in line now. In a line that is stuck nobody gets a slot, and only the
   * second grows.
   */
  readonly avg_wait_seconds: number
  /** Of the line as it stood at the last sample; 0 where nobody may wait. */
  readonly queue_depth_percent: number
  readonly tokens_per_second: number
}

/** The part of a lane that counts. */
type CountedLane = Omit<LaneView, 'estimate' | 'waiting'>

interface AllLanes<L extends CountedLane = CountedLane> {
  readonly defaults: Limits
  lanes(): Iterable<L>
}

/** `show`: what is told of each lane. */
export function takeSnapshot<L extends CountedLane, M>(
  admission: AllLanes<L>,
  show: (lane: L) => M,
): Snapshot<M> {
  const models = Array.from(admission.lanes(), (lane) => [lane.model, show(lane)] as const)
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models.length,
    models: Object.fromEntries(models),
  }
}

export function snapshotOf(lane: CountedLane): ModelSnapshot {
  const figures = lane.observer.figures()
  return {
    model: lane.model,
    parallel_limit: lane.limits.parallel,
    queue_limit: lane.limits.queue,
    active_requests: lane.active,
    queued_requests: lane.queued,
    available_slots: Math.max(0, lane.limits.parallel - lane.active),
    queue_available: Math.max(0, lane.limits.queue - lane.queued),
    paused: lane.paused,
    total_processed: figures.processed,
    total_rejected: figures.rejected,
    total_timed_out: figures.timedOut,
    total_cancelled: figures.cancelled,
    total_failed: figures.failed,
    avg_wait_time_ms: hundredths(figures.averageWaitMs),
    avg_processing_time_ms: hundredths(figures.averageProcessingMs),
    wait_time_ms: roundAll(figures.waitMs),
    processing_time_ms: roundAll(figures.processingMs),
    uptime_seconds: hundredths(figures.countedForMs / 1_000),
  }
}

/** The sums over all lanes, without the cost of their percentiles. */
export function takeTotals(admission: AllLanes): Totals {
  let models = 0
  let active = 0
  let queued = 0
  for (const lane of admission.lanes()) {
    models++
    active += lane.active
    queued += lane.queued
  }
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models,
    active_requests: active,
    queued_requests: queued,
  }
}

/** Rounded to 0.01. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}

function roundAll({ p50, p95, p99 }: Percentiles): Percentiles {
  return { p50: hundredths(p50), p95: hundredths(p95), p99: hundredths(p99) }
}
