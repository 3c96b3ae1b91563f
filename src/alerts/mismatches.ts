import type { Clock } from '../clock.ts'
import { type Alert, type AlertEvent, alertId } from './alert.ts'
import { Latch } from './latch.ts'
import type { AlertRules, Level, MismatchMetric } from './rules.ts'

/** Settings, options or loads that do not fit together, or a model that is stuck, as another part has found them. There is no threshold to set. */
export interface Mismatch extends Pick<Alert, 'value' | 'threshold' | 'unit' | 'message' | 'action'> {
  readonly metric: MismatchMetric
  /** Default: warning. */
  readonly level?: Level
  /** A model of the runner; null where several runners are meant. */
  readonly model: string | null
}

interface WatchedMismatch {
  readonly latch: Latch
  /** As it was found last. */
  mismatch: Mismatch
  alert: Alert | undefined
}

/** Raises an alert for a mismatch in two samples in a row, and clears the alert after three samples without it. */
export class Mismatches {
  readonly #clock: Clock
  readonly #told: (event: AlertEvent) => void
  readonly #watched = new Map<string, WatchedMismatch>()

  constructor(clock: Clock, told: (event: AlertEvent) => void) {
    this.#clock = clock
    this.#told = told
  }

  /** The alerts that stand. */
  standing(): readonly Alert[] {
    return [...this.#watched.values()].flatMap(({ alert }) => alert ?? [])
  }

  /** Call this once for every sample, with all mismatches that the sample has. */
  evaluate(mismatches: readonly Mismatch[], rules: AlertRules): void {
    const found = new Map(mismatches.map((mismatch) => [alertId(mismatch.metric, mismatch.model), mismatch]))
    for (const [id, mismatch] of found) {
      const watched = this.#watched.get(id)
      if (watched) watched.mismatch = mismatch
      else this.#watched.set(id, { latch: new Latch(), mismatch, alert: undefined })
    }
    for (const [id, watched] of this.#watched) {
      if (rules[watched.mismatch.metric] === 'on') this.#update(id, watched, found.has(id))
      else this.#drop(id, watched)
    }
  }

  #update(id: string, watched: WatchedMismatch, isFound: boolean): void {
    const { latch, mismatch, alert: before } = watched
    latch.update(isFound ? 1 : null, 1, 1)
    if (!latch.on) {
      if (latch.idle) this.#drop(id, watched)
      return
    }
    const since = before?.since ?? new Date(this.#clock.wallTime()).toISOString()
    watched.alert = { id, level: 'warning', ...mismatch, since }
    if (!before) this.#told({ event: 'raised', alert: watched.alert })
  }

  #drop(id: string, { alert }: WatchedMismatch): void {
    this.#watched.delete(id)
    if (alert) this.#told({ event: 'cleared', alert })
  }
}
