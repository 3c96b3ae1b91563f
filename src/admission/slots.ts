import type { Slot, Upstream } from './contract.ts'

/** The slots of one runner. A slot is a thing with an address, so that a permit knows which Ollama serves its call. */
export class Slots {
  readonly #upstream: Upstream
  /** Slots that were given back. They are used again, so that a grant makes no new object. */
  readonly #free: Slot[] = []
  #taken = 0

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  get taken(): number {
    return this.#taken
  }

  take(): Slot {
    this.#taken++
    return this.#free.pop() ?? { upstream: this.#upstream }
  }

  giveBack(slot: Slot): void {
    this.#taken--
    this.#free.push(slot)
  }
}
