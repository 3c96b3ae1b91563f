import type { Limits, ModelView } from '../admission/contract.ts'
import type { Percentiles } from '../admission/observer.ts'
import type { Health } from '../pages/health.ts'
import type { ModelFigures, StatsPage } from '../pages/queue.ts'

/** The memory of the host or of the container, whichever is smaller; null where it is unknown. */
export type Memory = {
  readonly totalBytes: number
  /** Memory that programs can still get, page cache included. */
  readonly availableBytes: number
} | null

interface AllModels {
  readonly defaults: Limits
  models(): Iterable<ModelView>
}

/** `show`: returns the figures of one model for the page. */
export function takeSnapshot<M>(
  admission: AllModels,
  show: (view: ModelView) => M,
): Pick<StatsPage, 'default_parallel' | 'default_queue_limit' | 'total_models'> & {
  readonly models: Readonly<Record<string, M>>
} {
  const models = Array.from(admission.models(), (view) => [view.model, show(view)] as const)
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models.length,
    models: Object.fromEntries(models),
  }
}

/** `turn`: what the turns mean for the model's runner. */
export function snapshotOf(
  { model, lane, active, queued, observer }: ModelView,
  turn: Pick<ModelFigures, 'loaded' | 'turn'>,
): ModelFigures {
  const { limits, effective } = lane
  const figures = observer.figures()
  return {
    model,
    runner: lane.runner,
    aliases: lane.names.filter((name) => name !== model),
    parallel_limit: finite(limits.parallel),
    effective_limit: finite(effective.parallel),
    limit_reason: effective.reason,
    queue_limit: limits.queue,
    active_requests: active,
    queued_requests: queued,
    available_slots: finite(Math.max(0, effective.parallel - lane.active)),
    queue_available: Math.max(0, limits.queue - lane.queued),
    paused: lane.paused,
    stuck: lane.stuck,
    ...turn,
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

/** The sums over all models. Does not compute percentiles, which are expensive. */
export function takeTotals(admission: AllModels): Omit<Health['concurrency'], 'memory'> {
  let models = 0
  let active = 0
  let queued = 0
  for (const view of admission.models()) {
    models++
    active += view.active
    queued += view.queued
  }
  return {
    default_parallel: admission.defaults.parallel,
    default_queue_limit: admission.defaults.queue,
    total_models: models,
    active_requests: active,
    queued_requests: queued,
  }
}

/** JSON has no word for a number without a limit: null stands for it. */
function finite(value: number): number | null {
  return value === Number.POSITIVE_INFINITY ? null : value
}

/** Rounded to 0.01. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}

/** Rounded to 0.01. */
export function roundAll({ p50, p95, p99 }: Percentiles): Percentiles {
  return { p50: hundredths(p50), p95: hundredths(p95), p99: hundredths(p99) }
}
