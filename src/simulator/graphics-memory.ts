import type { Cancel, Clock } from '../clock.ts'

/**
 * Ollama loads a model beside others only if the model needs at most this share of the free memory. A model that would
 * be alone is loaded in any case. Ollama: load() in server/sched.go.
 */
const SHARE_BESIDE_OTHERS = 0.8

/** After an unload Ollama looks this often whether the memory is free again (waitForVRAMRecovery in server/sched.go). */
const LOOK_EVERY_MS = 250
/** Then Ollama goes on with the memory that is free. */
const LONGEST_RECOVERY_MS = 5000

/** The memory of the simulated graphics cards, as one. Sizes are bytes. */
export class GraphicsMemory {
  readonly #clock: Clock
  readonly #total: number
  #taken = 0
  readonly #returning = new Set<Cancel>()

  constructor(clock: Clock, total = Number.POSITIVE_INFINITY) {
    this.#clock = clock
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

  /** The process that had the bytes has ended. The bytes are free `afterMs` later. */
  giveBack(bytes: number, afterMs: number): void {
    if (bytes === 0) return
    if (afterMs <= 0) {
      this.#taken -= bytes
      return
    }
    const cancel = this.#clock.after(afterMs, () => {
      this.#returning.delete(cancel)
      this.#taken -= bytes
    })
    this.#returning.add(cancel)
  }

  /** All processes have ended, and all memory is free. */
  clear(): void {
    for (const cancel of this.#returning) cancel()
    this.#returning.clear()
    this.#taken = 0
  }
}

/** For how long Ollama waits after an unload, when the memory comes back after `returnMs`. */
export function recoveryMs(returnMs: number): number {
  if (returnMs <= 0) return 0
  return Math.min(LONGEST_RECOVERY_MS, Math.ceil(returnMs / LOOK_EVERY_MS) * LOOK_EVERY_MS)
}
