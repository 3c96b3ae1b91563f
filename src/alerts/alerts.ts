import type { Clock } from '../clock.ts'
import type { Readings } from '../telemetry/history.ts'
import {
  type AlertRules,
  figureOf,
  type Level,
  type Metric,
  MODEL_METRICS,
  type Thresholds,
  UNITS,
  type Unit,
} from './rules.ts'
import { Watch } from './watch.ts'
import { adviceForMemory, adviceForModel, messageOf } from './words.ts'

export interface Alert {
  /** The same for as long as the figure is watched: `rejection_rate:llama2`, `memory`. */
  readonly id: string
  readonly metric: Metric
  /** Null where all models are meant. */
  readonly model: string | null
  readonly level: Level
  /** The figure at the last sample that told one. */
  readonly value: number
  /** Of the level that stands. */
  readonly threshold: number
  readonly unit: Unit
  /** When it was raised, ISO 8601; a change of level does not move it. */
  readonly since: string
  readonly message: string
  readonly action: string
}

export interface AlertEvent {
  readonly event: 'raised' | 'changed' | 'cleared'
  /** As it stands now; what was cleared, as it stood last. */
  readonly alert: Alert
}

/** `GET /queue/alerts`. */
export interface AlertsPage {
  readonly window_seconds: number
  /** Null where a metric is off. */
  readonly thresholds: Readonly<Record<string, Thresholds | null>>
  readonly alerts: readonly Alert[]
}

export interface AlertsParts {
  readonly clock: Clock
  readonly rules: AlertRules
  /** Told when an alert is raised, changes its level or is cleared. Must not throw. */
  readonly told: (event: AlertEvent) => void
}

interface Watched {
  readonly id: string
  readonly metric: Metric
  readonly model: string | null
  readonly watch: Watch
  alert: Alert | undefined
  round: number
}

/** Judges every sample. What stands, rises or falls follows from the samples alone, never from when it is asked. */
export class Alerts {
  readonly #clock: Clock
  readonly #told: (event: AlertEvent) => void
  /** Figures that stand at a level or have just reached one; all others cost nothing. */
  readonly #watched = new Map<string, Watched>()
  #rules: AlertRules
  #round = 0

  constructor({ clock, rules, told }: AlertsParts) {
    this.#clock = clock
    this.#rules = rules
    this.#told = told
  }

  /** Counts from the next sample on. */
  setRules(rules: AlertRules): void {
    this.#rules = rules
  }

  /** To be called once for every sample. */
  evaluate(readings: Readings): void {
    this.#round++
    const { memory } = this.#rules
    const memoryIsShort = memory !== 'off' && (readings.memoryPercent ?? 0) >= memory.warning
    for (const [model, reading] of readings.models) {
      for (const metric of MODEL_METRICS) {
        const action = () => adviceForModel(metric, model, reading, memoryIsShort)
        const stands = this.#watched.get(idOf(metric, model))?.alert !== undefined
        this.#see(metric, model, figureOf(metric, reading, stands), action)
      }
    }
    this.#see('memory', null, readings.memoryPercent, () => adviceForMemory(readings))
    for (const watched of this.#watched.values()) {
      if (watched.round !== this.#round) this.#seeAbsent(watched, readings)
    }
  }

  /** What stands: the critical first, then the oldest. */
  standing(): readonly Alert[] {
    const alerts = [...this.#watched.values()].flatMap(({ alert }) => alert ?? [])
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
      alerts: this.standing(),
    }
  }

  #see(metric: Metric, model: string | null, figure: number | null, action: () => string): void {
    const rule = this.#rules[metric]
    if (rule === 'off') return
    const id = idOf(metric, model)
    let watched = this.#watched.get(id)
    if (watched === undefined) {
      if (figure === null || figure < rule.warning) return
      watched = { id, metric, model, watch: new Watch(metric), alert: undefined, round: 0 }
      this.#watched.set(id, watched)
    }
    this.#judge(watched, rule, figure, action)
  }

  /** A model without a call in the whole window has nothing to complain of; one that is forgotten never will. */
  #seeAbsent(watched: Watched, readings: Readings): void {
    const rule = this.#rules[watched.metric]
    if (rule !== 'off' && (watched.model === null || readings.remembers(watched.model))) {
      this.#judge(watched, rule, null, () => watched.alert?.action ?? '')
      return
    }
    this.#watched.delete(watched.id)
    if (watched.alert) this.#told({ event: 'cleared', alert: watched.alert })
  }

  #judge(watched: Watched, rule: Thresholds, figure: number | null, action: () => string): void {
    const { id, metric, model, watch, alert: before } = watched
    watched.round = this.#round
    watch.see(figure, rule)
    const { level } = watch
    if (watch.settled) this.#watched.delete(id)
    if (level === null) {
      watched.alert = undefined
      if (before) this.#told({ event: 'cleared', alert: before })
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
    if (!before) this.#told({ event: 'raised', alert })
    else if (before.level !== level) this.#told({ event: 'changed', alert })
  }
}

function idOf(metric: Metric, model: string | null): string {
  return model === null ? metric : `${metric}:${model}`
}
