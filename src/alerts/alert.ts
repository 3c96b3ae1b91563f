import type { AlertFigures } from '../pages/monitor.ts'
import type { Level, Metric, MismatchMetric, Unit } from './rules.ts'

export interface Alert extends Readonly<AlertFigures> {
  readonly metric: Metric | MismatchMetric
  readonly level: Level
  readonly unit: Unit
}

export interface AlertEvent {
  readonly event: 'raised' | 'changed' | 'cleared'
  /** The alert after the event; of a cleared alert, its last state. */
  readonly alert: Alert
}

/** The id of an alert. `model`: null where all models are meant. */
export function alertId(metric: Alert['metric'], model: string | null): string {
  return model === null ? metric : `${metric}:${model}`
}
