/** Calls of one model, or of all models with the same weights. active, waiting, pending and onWire are current values; the rest counts since the last reset. */
export type ModelCounters = ReturnType<typeof fresh>

type Countable = Exclude<keyof ModelCounters, 'peakActive' | 'peakWaiting' | 'peakOnWire'>

const PEAKS: Readonly<Partial<Record<Countable, 'peakActive' | 'peakWaiting' | 'peakOnWire'>>> = {
  active: 'peakActive',
  waiting: 'peakWaiting',
  onWire: 'peakOnWire',
}

export class Counters {
  readonly #models = new Map<string, ModelCounters>()

  of(model: string): ModelCounters {
    let counters = this.#models.get(model)
    if (!counters) {
      counters = fresh()
      this.#models.set(model, counters)
    }
    return counters
  }

  /** Sets all counts to 0, except those of calls that run or wait now: their numbers are also the new peaks. */
  reset(): void {
    for (const [model, { active, waiting, pending, onWire }] of this.#models) {
      Object.assign(this.of(model), fresh(), { active, waiting, pending, onWire })
      Object.assign(this.of(model), { peakActive: active, peakWaiting: waiting, peakOnWire: onWire })
    }
  }

  /** Copies, so that they do not change later. */
  byModel(): Record<string, ModelCounters> {
    return Object.fromEntries([...this.#models].map(([model, counters]) => [model, { ...counters }]))
  }

  /** The sum over all models. A peak here is the sum of the models' peaks, so an upper bound. */
  total(): ModelCounters {
    const sum = fresh()
    for (const counters of this.#models.values()) {
      for (const key of Object.keys(sum) as (keyof ModelCounters)[]) sum[key] += counters[key]
    }
    return sum
  }
}

/** Counts one call in several places: under its model's name, and under the weights that serve the call. */
export class CallCounters {
  readonly #places: readonly ModelCounters[]

  constructor(...places: readonly ModelCounters[]) {
    this.#places = places
  }

  add(what: Countable, by = 1): void {
    for (const counters of this.#places) {
      counters[what] += by
      const peak = PEAKS[what]
      if (peak && counters[what] > counters[peak]) counters[peak] = counters[what]
    }
  }
}

function fresh() {
  return {
    submitted: 0,
    /** Began to compute. A call that only loads the model counts when the model is in memory. */
    started: 0,
    finished: 0,
    aborted: 0,
    failed: 0,
    /** Refused because the pending line was full. */
    refused: 0,
    loads: 0,
    /** Loads that failed, each attempt for itself. */
    failedLoads: 0,
    /** How often the model left memory for another model, or to be loaded with other options. */
    evictions: 0,
    /** Slots that Ollama has given to calls. An embed may have several. */
    active: 0,
    peakActive: 0,
    /** In the line of the loaded model. */
    waiting: 0,
    peakWaiting: 0,
    /** Waiting for a load, or the call for which the model loads. */
    pending: 0,
    /** Requests from their last byte in to the last byte of the answer. 0 when the engine runs without HTTP. */
    onWire: 0,
    peakOnWire: 0,
  }
}
