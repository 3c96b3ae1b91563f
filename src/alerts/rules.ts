import type { ModelReading } from '../telemetry/history.ts'

export type ModelMetric = 'rejection_rate' | 'average_wait' | 'queue_depth'
export type Metric = ModelMetric | 'memory'
export type Unit = 'percent' | 'seconds'
export type Level = 'warning' | 'critical'

/** In the metric's unit; `critical` is not below `warning`, both are above 0. */
export interface Thresholds {
  readonly warning: number
  readonly critical: number
}

/** What is watched, as the configuration says it. */
export interface AlertRules extends Readonly<Record<Metric, Thresholds | 'off'>> {
  /** Seconds over which rates and means are taken. */
  readonly window: number
}

/** Below so many calls within the window a single refusal would already be a critical rate. */
const LEAST_ARRIVALS = 10
/** A rate that stands as an alert is believed down to here: where about ten calls come, their number is no news. */
const LEAST_ARRIVALS_STANDING = 5

export const UNITS: Readonly<Record<Metric, Unit>> = {
  rejection_rate: 'percent',
  average_wait: 'seconds',
  queue_depth: 'percent',
  memory: 'percent',
}

export const MODEL_METRICS: readonly ModelMetric[] = ['rejection_rate', 'average_wait', 'queue_depth']

/** The figure that is watched; null where the reading says nothing. `stands`: whether there is an alert of it now. */
export function figureOf(metric: ModelMetric, reading: ModelReading, stands: boolean): number | null {
  switch (metric) {
    case 'rejection_rate': {
      const least = stands ? LEAST_ARRIVALS_STANDING : LEAST_ARRIVALS
      return reading.arrived < least ? null : reading.rejection_rate_percent
    }
    case 'average_wait':
      return reading.avg_wait_seconds
    case 'queue_depth':
      return reading.queue_depth_percent
  }
}

/**
 * Where a level that stands is left again: below 80 % of its threshold. How full something is, a line or the memory,
 * moves within a narrower band, so five points are enough, unless 80 % are nearer.
 */
export function releaseBelow(metric: Metric, threshold: number): number {
  const share = threshold * 0.8
  return metric === 'queue_depth' || metric === 'memory' ? Math.max(share, threshold - 5) : share
}
