import { Latch } from './latch.ts'
import { type Level, type Metric, releaseBelow, type Thresholds } from './rules.ts'

/** One figure under watch. Critical implies warning, since its threshold and its release are not lower. */
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

  /** Whether it can be forgotten: it stands at nothing and is on its way to nothing. */
  get settled(): boolean {
    return this.#warning.settled && this.#critical.settled
  }

  /** @param figure null where nothing is known, which counts as below. */
  see(figure: number | null, { warning, critical }: Thresholds): void {
    this.#warning.see(figure, warning, releaseBelow(this.#metric, warning))
    this.#critical.see(figure, critical, releaseBelow(this.#metric, critical))
  }
}
