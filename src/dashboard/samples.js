/** Number of samples, as many as the proxy keeps. */
const KEPT = 60

/** The proxy's samples of the last minutes. */
export class Samples {
  #samples = []
  #intervalSeconds = 5
  #loads = new Map()

  replace({ interval_seconds, samples }) {
    this.#intervalSeconds = interval_seconds
    this.#samples = samples
    this.#computeLoads()
  }

  /** Ignores null, which the proxy sends before its first sample, and a sample that is here already. */
  add(sample) {
    if (sample === null || sample.at === this.#samples.at(-1)?.at) return
    this.#samples = [...this.#samples, sample].slice(-KEPT)
    this.#computeLoads()
  }

  /** Seconds that a full set of samples spans. */
  get spanSeconds() {
    return KEPT * this.#intervalSeconds
  }

  /** How busy a model was; 0 without calls. The scale is coarse, so that models seldom change their order. */
  load(model) {
    const load = this.#loads.get(model)
    return load === undefined ? 0 : 1 + Math.ceil(Math.log2(1 + load))
  }

  /**
   * The points of one model's curve. `ago`: seconds before the last sample. `value`: what `pick` returns for the
   * model's part of the sample. That part is undefined when the model did nothing.
   */
  curve(model, pick) {
    const newest = Date.parse(this.#samples.at(-1)?.at)
    return this.#samples.map(({ at, models }) => ({
      ago: (newest - Date.parse(at)) / 1_000,
      value: pick(models[model]) ?? null,
    }))
  }

  #computeLoads() {
    this.#loads.clear()
    for (const { models } of this.#samples)
      for (const [model, { active, queued, arrived }] of Object.entries(models))
        this.#loads.set(model, (this.#loads.get(model) ?? 0) + active + queued + arrived)
  }
}
