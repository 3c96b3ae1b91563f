/** As many as the proxy keeps. */
const KEPT = 60

/** The last minutes, as the proxy sampled them. */
export class Samples {
  #samples = []
  #intervalSeconds = 5
  #loads = new Map()

  replace({ interval_seconds, samples }) {
    this.#intervalSeconds = interval_seconds
    this.#samples = samples
    this.#weigh()
  }

  /** Null before the first one; one that is here already is not another. */
  add(sample) {
    if (sample === null || sample.at === this.#samples.at(-1)?.at) return
    this.#samples = [...this.#samples, sample].slice(-KEPT)
    this.#weigh()
  }

  /** Seconds that a whole set of samples spans. */
  get spanSeconds() {
    return KEPT * this.#intervalSeconds
  }

  /** How busy a model was, on a coarse scale on which neighbours seldom change places; 0 when it saw no call. */
  load(model) {
    const load = this.#loads.get(model)
    return load === undefined ? 0 : 1 + Math.ceil(Math.log2(1 + load))
  }

  /**
   * A curve of one model: where each point lies, in seconds before the last sample, and what `pick` finds in it.
   * `pick` is given undefined where the model did nothing.
   */
  curve(model, pick) {
    const newest = Date.parse(this.#samples.at(-1)?.at)
    return this.#samples.map(({ at, models }) => ({
      ago: (newest - Date.parse(at)) / 1_000,
      value: pick(models[model]) ?? null,
    }))
  }

  #weigh() {
    this.#loads.clear()
    for (const { models } of this.#samples)
      for (const [model, { active, queued, arrived }] of Object.entries(models))
        this.#loads.set(model, (this.#loads.get(model) ?? 0) + active + queued + arrived)
  }
}
