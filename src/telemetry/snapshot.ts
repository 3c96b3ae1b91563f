import type { LaneView, Limits } from '../admission/contract.ts'
import type { Percentiles } from '../admission/observer.ts'
import type { Health } from '../pages/health.ts'
import type { ModelFigures, StatsPage } from '../pages/queue.ts'

/** The memory of the host or of the container, whichever is smaller; null where it is unknown. */
export type Memory = {
  readonly totalBytes: number
  /** Memory that programs can still get, page cache included. */
  readonly availableBytes: number
} | null

/** The part of a lane that has figures. */
type CountedLane = Omit<LaneView, 'estimate' | 'waiting'>

interface AllLanes<L extends CountedLane = CountedLane> {
  readonly defaults: Limits
  lanes(): Iterable<L>
}

/** `show`: returns the figures of one lane for the page. */
export function takeSnapshot<L extends CountedLane, M>(
  admission: AllLanes<L>,
  show: (lane: L) => M,
): Omit<StatsPage, 'models'> & { readonly models: Readonly<Record<string, M>> } {
  const models = Array.from(admission.lanes(), (lane) => [lane.model, show(lane)] as const)
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models.length,
    models: Object.fromEntries(models),
  }
}

export function snapshotOf(lane: CountedLane): ModelFigures {
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

/** The sums over all lanes. Does not compute percentiles, which are expensive. */
export function takeTotals(admission: AllLanes): Omit<Health['concurrency'], 'memory'> {
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
