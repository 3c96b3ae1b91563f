import type { LoadedWatch } from '../turns/contract.ts'

/** Asks Ollama at a pace only while calls wait or run: an object that asks all the time never sleeps. */
export class BusyWatch implements LoadedWatch {
  readonly #watch: LoadedWatch
  #everyMs: number | undefined
  #busy = false

  constructor(watch: LoadedWatch) {
    this.#watch = watch
  }

  /** Calls wait or run. */
  set busy(busy: boolean) {
    if (busy === this.#busy) return
    this.#busy = busy
    this.#setPace()
  }

  pace(everyMs: number | undefined): void {
    this.#everyMs = everyMs
    this.#setPace()
  }

  look(): void {
    this.#watch.look()
  }

  #setPace(): void {
    this.#watch.pace(this.#busy ? this.#everyMs : undefined)
  }
}
