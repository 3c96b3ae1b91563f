/**
 * Ollama loads a model beside others only if the model needs at most this share of the free memory. A model that would
 * be alone is loaded in any case. Ollama: load() in server/sched.go.
 */
const SHARE_BESIDE_OTHERS = 0.8

/** The memory of the simulated graphics cards, as one. Sizes are bytes. */
export class GraphicsMemory {
  readonly #total: number
  #taken = 0

  constructor(total = Number.POSITIVE_INFINITY) {
    this.#total = total
  }

  get free(): number {
    return this.#total - this.#taken
  }

  fitsBesideOthers(bytes: number): boolean {
    return bytes <= this.free * SHARE_BESIDE_OTHERS
  }

  /** Takes `bytes`, or as much of them as is free: Ollama keeps the rest of the model in the system's memory. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.free)
    this.#taken += taken
    return taken
  }

  /** The process that had the bytes has ended. */
  giveBack(bytes: number): void {
    this.#taken -= bytes
  }

  /** All processes have ended, and all memory is free. */
  clear(): void {
    this.#taken = 0
  }
}
