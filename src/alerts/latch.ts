import { type Level, type Metric, releaseBelow, type Thresholds } from './rules.ts'

const SAMPLES_TO_RAISE = 2
const SAMPLES_TO_CLEAR = 3

/** One level of one figure: on after two samples in a row at its threshold, off after three in a row below `release`. */
export class Latch {
  #on = false
  #above = 0
  #below = 0

  get on(): boolean {
    return this.#on
  }

  /** Off, and the last sample was below the threshold. Earlier samples do not matter any more. */
  get idle(): boolean {
    return !this.#on && this.#above === 0
  }

  /** @param figure null: unknown, which counts as below. */
  update(figure: number | null, threshold: number, release: number): void {
    this.#above = figure !== null && figure >= threshold ? this.#above + 1 : 0
    this.#below = figure === null || figure < release ? this.#below + 1 : 0
    if (this.#above >= SAMPLES_TO_RAISE) this.#on = true
    else if (this.#below >= SAMPLES_TO_CLEAR) this.#on = false
  }
}

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
