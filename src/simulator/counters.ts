/** What happened to the calls of one model. active, waiting, pending and onWire are of this moment, the rest since the last reset. */
export interface ModelCounters {
  submitted: number
  /** Got a slot, or the model when they wanted no more. */
  started: number
  finished: number
  aborted: number
  failed: number
  /** Met a full pending line. */
  refused: number
  loads: number
  active: number
  peakActive: number
  /** In the line of the loaded model, which has no bound. */
  waiting: number
  peakWaiting: number
  /** Waiting for a load, or driving one. */
  pending: number
  /** Requests on the wire, from their last byte in to the answer's last byte out. The engine alone has none. */
  onWire: number
  peakOnWire: number
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

  /** Starts counting anew; what runs or waits now stays counted, and is the new peak. */
  reset(): void {
    for (const [model, { active, waiting, pending, onWire }] of this.#models) {
      Object.assign(this.of(model), fresh(), { active, waiting, pending, onWire })
      Object.assign(this.of(model), { peakActive: active, peakWaiting: waiting, peakOnWire: onWire })
    }
  }

  /** A copy, by model. */
  byModel(): Record<string, ModelCounters> {
    return Object.fromEntries([...this.#models].map(([model, counters]) => [model, { ...counters }]))
  }

  /** All models together. Peaks are sums of the models' own peaks, so an upper bound. */
  total(): ModelCounters {
    const sum = fresh()
    for (const counters of this.#models.values()) {
      for (const key of Object.keys(sum) as (keyof ModelCounters)[]) sum[key] += counters[key]
    }
    return sum
  }
}

/** Moves a gauge up and lifts its peak. */
export function rise(
  counters: ModelCounters,
  gauge: 'active' | 'waiting' | 'onWire',
  peak: 'peakActive' | 'peakWaiting' | 'peakOnWire',
): void {
  counters[gauge]++
  if (counters[gauge] > counters[peak]) counters[peak] = counters[gauge]
}

function fresh(): ModelCounters {
  return {
    submitted: 0,
    started: 0,
    finished: 0,
    aborted: 0,
    failed: 0,
    refused: 0,
    loads: 0,
    active: 0,
    peakActive: 0,
    waiting: 0,
    peakWaiting: 0,
    pending: 0,
    onWire: 0,
    peakOnWire: 0,
  }
}
