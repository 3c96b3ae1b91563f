import type { Clock } from '../clock.ts'
import type { AlertsPage } from '../pages/monitor.ts'
import type { Readings } from '../telemetry/history.ts'
import { type Alert, type AlertEvent, alertId } from './alert.ts'
import { Watch } from './latch.ts'
import { type Mismatch, Mismatches } from './mismatches.ts'
import { type AlertRules, figureOf, type Metric, MODEL_METRICS, type Thresholds, UNITS } from './rules.ts'
import { adviceForMemory, adviceForModel, messageOf } from './words.ts'

export interface AlertsParts {
  readonly clock: Clock
  readonly rules: AlertRules
  /** Called when an alert is raised, changes its level or is cleared. Must not throw. */
  readonly told: (event: AlertEvent) => void
}

interface WatchedFigure {
  readonly id: string
  readonly metric: Metric
  readonly model: string | null
  readonly watch: Watch
  alert: Alert | undefined
  /** Number of the last sample that had this figure; counted in #round. */
  round: number
}

/** Compares every sample with the thresholds. Alerts depend on the samples alone, not on when somebody reads them. */
export class Alerts {
  readonly #clock: Clock
  readonly #onEvent: (event: AlertEvent) => void
  /** Figures with an alert, or with a sample at a threshold just now. All other figures cost nothing. */
  readonly #watched = new Map<string, WatchedFigure>()
  readonly #mismatches: Mismatches
  #rules: AlertRules
  #round = 0

  constructor({ clock, rules, told }: AlertsParts) {
    this.#clock = clock
    this.#rules = rules
    this.#onEvent = told
    this.#mismatches = new Mismatches(clock, told)
  }

  /** Takes effect at the next sample. */
  setRules(rules: AlertRules): void {
    this.#rules = rules
  }

  /** Call this once for every sample, with all mismatches that there are now. */
  evaluate(readings: Readings, mismatches: readonly Mismatch[]): void {
    this.#round++
    const { memory } = this.#rules
    const memoryIsShort = memory !== 'off' && (readings.memoryPercent ?? 0) >= memory.warning
    for (const [model, reading] of readings.models) {
      for (const metric of MODEL_METRICS) {
        const action = () => adviceForModel(metric, model, reading, memoryIsShort)
        const isActive = this.#watched.get(alertId(metric, model))?.alert !== undefined
        this.#check(metric, model, figureOf(metric, reading, isActive), action)
      }
    }
    this.#check('memory', null, readings.memoryPercent, () => adviceForMemory(readings))
    for (const watched of this.#watched.values()) {
      if (watched.round !== this.#round) this.#checkAbsent(watched, readings)
    }
    this.#mismatches.evaluate(mismatches, this.#rules)
  }

  /** The active alerts: critical alerts first, then by age, the oldest first. */
  standing(): readonly Alert[] {
    const figures = [...this.#watched.values()].flatMap(({ alert }) => alert ?? [])
    const alerts = [...figures, ...this.#mismatches.standing()]
    const rank = ({ level, since, id }: Alert) => `${level === 'critical' ? 0 : 1} ${since} ${id}`
    return alerts.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  }

  page(): AlertsPage {
    const { window, ...metrics } = this.#rules
    const rule = (metric: Metric) => (metrics[metric] === 'off' ? null : metrics[metric])
    return {
      window_seconds: window,
      thresholds: {
        rejection_rate_percent: rule('rejection_rate'),
        average_wait_seconds: rule('average_wait'),
        queue_depth_percent: rule('queue_depth'),
        memory_percent: rule('memory'),
      },
      alerts: [...this.standing()],
    }
  }

  #check(metric: Metric, model: string | null, figure: number | null, action: () => string): void {
    const rule = this.#rules[metric]
    if (rule === 'off') return
    const id = alertId(metric, model)
    let watched = this.#watched.get(id)
    if (watched === undefined) {
      if (figure === null || figure < rule.warning) return
      watched = { id, metric, model, watch: new Watch(metric), alert: undefined, round: 0 }
      this.#watched.set(id, watched)
    }
    this.#update(watched, rule, figure, action)
  }

  /** A model without a call in the whole window counts as below. The alert of a forgotten model is cleared at once. */
  #checkAbsent(watched: WatchedFigure, readings: Readings): void {
    const rule = this.#rules[watched.metric]
    if (rule !== 'off' && (watched.model === null || readings.remembers(watched.model))) {
      this.#update(watched, rule, null, () => watched.alert?.action ?? '')
      return
    }
    this.#watched.delete(watched.id)
    if (watched.alert) this.#onEvent({ event: 'cleared', alert: watched.alert })
  }

  #update(watched: WatchedFigure, rule: Thresholds, figure: number | null, action: () => string): void {
    const { id, metric, model, watch, alert: before } = watched
    watched.round = this.#round
    watch.update(figure, rule)
    const { level } = watch
    if (watch.idle) this.#watched.delete(id)
    if (level === null) {
      watched.alert = undefined
      if (before) this.#onEvent({ event: 'cleared', alert: before })
      return
    }
    const value = figure ?? before?.value ?? rule[level]
    const alert: Alert = {
      id,
      metric,
      model,
      level,
      value,
      threshold: rule[level],
      unit: UNITS[metric],
      since: before?.since ?? new Date(this.#clock.wallTime()).toISOString(),
      message: messageOf({ metric, model, value }, level, rule[level]),
      action: action(),
    }
    watched.alert = alert
    if (!before) this.#onEvent({ event: 'raised', alert })
    else if (before.level !== level) this.#onEvent({ event: 'changed', alert })
  }
}
