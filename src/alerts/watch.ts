import { Latch } from './latch.ts'
import { type Level, type Metric, releaseBelow, type Thresholds } from './rules.ts'

/** The level of one figure. Critical implies warning: its threshold and its release are at least those of warning. */
export class Watch {
  readonly #metric: Metric
  readonly #warning = new Latch()
  readonly #critical = new Latch()

  constructor(metric: Metric) {
    this.#metric = metric
  }

  get level(): Level | null {
    if (this.#critical.on) return 'critical'
    return this.#warning.on ? 'warning' : null
  }

  /** Neither at a level nor on the way to one: this object can be dropped. */
  get idle(): boolean {
    return this.#warning.idle && this.#critical.idle
  }

  /** @param figure null: unknown, which counts as below. */
  update(figure: number | null, { warning, critical }: Thresholds): void {
    this.#warning.update(figure, warning, releaseBelow(this.#metric, warning))
    this.#critical.update(figure, critical, releaseBelow(this.#metric, critical))
  }
}
