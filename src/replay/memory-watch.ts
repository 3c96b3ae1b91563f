import type { LoadedWatch, SeenModel } from '../admission/turns/contract.ts'
import type { Cancel, Clock } from '../clock.ts'

/** From a question to its answer. A local Ollama answers /api/ps in a few milliseconds. */
const ANSWER_MS = 10

interface MemoryWatchParts {
  readonly clock: Clock
  /** The models in memory now. */
  loaded(): readonly SeenModel[]
  /** An answer has come. `askedAt`: clock milliseconds of the question. */
  told(models: readonly SeenModel[], askedAt: number): void
}

/** Asks what is loaded, in virtual time, as the proxy asks Ollama for /api/ps. */
export class MemoryWatch implements LoadedWatch {
  readonly #parts: MemoryWatchParts
  #everyMs: number | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #asking = false
  /** Another question follows the one under way. */
  #again = false
  #next: Cancel | undefined

  constructor(parts: MemoryWatchParts) {
    this.#parts = parts
  }

  pace(everyMs: number | undefined): void {
    this.#everyMs = everyMs
    this.#plan()
  }

  look(): void {
    if (this.#asking) this.#again = true
    else this.#ask()
  }

  #plan(): void {
    this.#next?.()
    this.#next = undefined
    if (this.#asking || this.#everyMs === undefined) return
    const { clock } = this.#parts
    this.#next = clock.after(this.#askedAt + this.#everyMs - clock.now(), () => this.#ask())
  }

  #ask(): void {
    const { clock } = this.#parts
    this.#next?.()
    this.#next = undefined
    this.#asking = true
    this.#askedAt = clock.now()
    // Ollama looks at its models somewhere between the question and the answer.
    clock.after(ANSWER_MS / 2, () => {
      const models = this.#parts.loaded()
      clock.after(ANSWER_MS / 2, () => this.#answered(models))
    })
  }

  #answered(models: readonly SeenModel[]): void {
    this.#asking = false
    const again = this.#again
    this.#again = false
    this.#parts.told(models, this.#askedAt)
    if (this.#asking) return
    if (again) this.#ask()
    else this.#plan()
  }
}
