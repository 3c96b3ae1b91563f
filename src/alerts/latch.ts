const SAMPLES_TO_RAISE = 2
const SAMPLES_TO_FALL = 3

/** One level of one figure: on after two samples running at its threshold, off after three below its release. */
export class Latch {
  #on = false
  #above = 0
  #below = 0

  get on(): boolean {
    return this.#on
  }

  /** Whether nothing of the samples so far matters any more. */
  get settled(): boolean {
    return !this.#on && this.#above === 0
  }

  /** @param figure null where nothing is known, which counts as below. */
  see(figure: number | null, threshold: number, release: number): void {
    this.#above = figure !== null && figure >= threshold ? this.#above + 1 : 0
    this.#below = figure === null || figure < release ? this.#below + 1 : 0
    if (this.#above >= SAMPLES_TO_RAISE) this.#on = true
    else if (this.#below >= SAMPLES_TO_FALL) this.#on = false
  }
}
