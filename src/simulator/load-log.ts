/**
 * How a load ended. loaded: the model is in memory. oom: there was too little memory. crash: the process of the runner
 * ended. aborted: the client whose call started the load left, or Ollama was restarted.
 */
export type LoadEnd = 'loaded' | 'oom' | 'crash' | 'aborted'

/** One load. Times are clock milliseconds. */
export interface LoadRecord {
  /** The key of the runner. */
  readonly weights: string
  /** The name of the call that started the load. */
  readonly model: string
  /** After the evictions: a load begins when there is room for the model. */
  readonly beganAt: number
  readonly endedAt: number
  readonly outcome: LoadEnd
  /** Keys of the runners that left for this load, in their order. A reload for other options has the runner's own key. */
  readonly evicted: readonly string[]
}

/** A property test of a day has many more loads than a reader of /_sim/state wants. */
const MOST_RECORDS = 1000

/** The last loads. */
export class LoadLog {
  #records: LoadRecord[] = []

  add(record: LoadRecord): void {
    this.#records.push(record)
    if (this.#records.length > MOST_RECORDS) this.#records.shift()
  }

  /** A copy; the oldest is first. */
  records(): LoadRecord[] {
    return [...this.#records]
  }

  reset(): void {
    this.#records = []
  }
}
