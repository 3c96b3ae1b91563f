import type { ModelReading } from '../telemetry/history.ts'

export type ModelMetric = 'rejection_rate' | 'average_wait' | 'queue_depth'
export type Metric = ModelMetric | 'memory'
/** Found by other parts: these have no threshold to set. */
export type MismatchMetric = 'parallel_too_high' | 'reloads' | 'loading' | 'model_stuck'
export type Unit = 'percent' | 'seconds' | 'slots' | 'loads'
export type Level = 'warning' | 'critical'

/** In the metric's unit; `critical` is not below `warning`, both are above 0. */
export interface Thresholds {
  readonly warning: number
  readonly critical: number
}

/** The option `alerts` of the configuration. */
export interface AlertRules
  extends Readonly<Record<Metric, Thresholds | 'off'>>,
    Readonly<Record<MismatchMetric, 'on' | 'off'>> {
  /** Seconds over which rates and means are computed. */
  readonly window: number
}

/** With fewer calls in the window, a single refusal would already be a critical rate. */
const LEAST_ARRIVALS = 10
/** The minimum while the alert is active. It is lower, so that a rate of about ten calls does not raise and clear in turn. */
const LEAST_ARRIVALS_ACTIVE = 5

export const UNITS: Readonly<Record<Metric, Unit>> = {
  rejection_rate: 'percent',
  average_wait: 'seconds',
  queue_depth: 'percent',
  memory: 'percent',
}

export const MODEL_METRICS: readonly ModelMetric[] = ['rejection_rate', 'average_wait', 'queue_depth']

/** The figure to compare; null where the reading has none. `isActive`: the figure has an alert now. */
export function figureOf(metric: ModelMetric, reading: ModelReading, isActive: boolean): number | null {
  switch (metric) {
    case 'rejection_rate': {
      const least = isActive ? LEAST_ARRIVALS_ACTIVE : LEAST_ARRIVALS
      return reading.arrived < least ? null : reading.rejection_rate_percent
    }
    case 'average_wait':
      return reading.avg_wait_seconds
    case 'queue_depth':
      return reading.queue_depth_percent
  }
}

/**
 * An active level clears below this figure: 80 % of its threshold. A line or memory moves within a narrower band, so
 * five points below the threshold are enough there, unless 80 % is nearer.
 */
export function releaseBelow(metric: Metric, threshold: number): number {
  const share = threshold * 0.8
  return metric === 'queue_depth' || metric === 'memory' ? Math.max(share, threshold - 5) : share
}
