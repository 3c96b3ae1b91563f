/** How often a figure fell into each of some fixed ranges: what Prometheus calls a histogram. */
export class Buckets {
  /** The upper ends of the ranges, ascending; an end belongs to its range. Beyond the last there is one range more. */
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #total = 0
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** How many figures there were. */
  get total(): number {
    return this.#total
  }

  /** The sum of all figures, in their unit. */
  get sum(): number {
    return this.#sum
  }

  record(figure: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && figure > (bounds[at] ?? 0)) at++
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#total++
    this.#sum += figure
  }

  /** For each bound, how many figures do not exceed it; after them, as the last, how many there were. */
  cumulative(): readonly number[] {
    let sum = 0
    return Array.from(this.#counts, (count) => {
      sum += count
      return sum
    })
  }
}
