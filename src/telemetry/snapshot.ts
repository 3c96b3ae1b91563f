import type { LaneFigures, Percentiles } from './stats.ts'

export interface Limits {
  readonly parallel: number
  readonly queue: number
}

/** What the figures need to see of a lane. */
export interface LaneView {
  readonly model: string
  readonly limits: Limits
  readonly active: number
  readonly queued: number
  readonly observer: { read(): LaneFigures }
}

export interface AdmissionView {
  readonly defaults: Limits
  lanes(): Iterable<LaneView>
}

/** One model's figures, under the names and in the order in which every page shows them. */
export interface ModelSnapshot {
  readonly model: string
  readonly parallel_limit: number
  readonly queue_limit: number
  readonly active_requests: number
  readonly queued_requests: number
  readonly available_slots: number
  readonly queue_available: number
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

export interface Snapshot {
  readonly default_parallel: number
  readonly default_queue_limit: number
  readonly total_models: number
  readonly models: Readonly<Record<string, ModelSnapshot>>
}

export interface Totals {
  readonly default_parallel: number
  readonly default_queue_limit: number
  readonly total_models: number
  readonly active_requests: number
  readonly queued_requests: number
}

export function takeSnapshot(admission: AdmissionView): Snapshot {
  const models = Array.from(admission.lanes(), (lane) => [lane.model, snapshotOf(lane)] as const)
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models.length,
    models: Object.fromEntries(models),
  }
}

export function snapshotOf(lane: LaneView): ModelSnapshot {
  const figures = lane.observer.read()
  return {
    model: lane.model,
    parallel_limit: lane.limits.parallel,
    queue_limit: lane.limits.queue,
    active_requests: lane.active,
    queued_requests: lane.queued,
    available_slots: Math.max(0, lane.limits.parallel - lane.active),
    queue_available: Math.max(0, lane.limits.queue - lane.queued),
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
export function takeTotals(admission: AdmissionView): Totals {
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
