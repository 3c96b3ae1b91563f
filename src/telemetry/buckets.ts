/** Counts how often a figure fell into each of some fixed ranges. Prometheus calls this a histogram. */
export class Buckets {
  /** The upper bounds of the ranges, ascending. A bound belongs to its range. One more range is above the last. */
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #total = 0
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  get total(): number {
    return this.#total
  }

  /** In the unit of the figures. */
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

  /** For each bound, the number of figures that do not exceed the bound. The last number is the total. */
  cumulative(): readonly number[] {
    let sum = 0
    return Array.from(this.#counts, (count) => {
      sum += count
      return sum
    })
  }
}
