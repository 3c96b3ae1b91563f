import type { LoadedWatch } from '../../src/admission/turns/contract.ts'
import type { Cancel, Clock } from '../../src/clock.ts'
import type { Engine } from '../../src/simulator/engine.ts'

/** From a question to its answer. A local Ollama answers /api/ps in a few milliseconds. */
const ANSWER_MS = 10

/** One model in memory, as /api/ps tells. */
export interface SeenInMemory {
  readonly model: string
  /** Clock milliseconds. Undefined: never. */
  readonly expiresAt: number | undefined
}

interface EngineWatchParts {
  readonly clock: Clock
  readonly engine: Engine
  /** An answer has come. `askedAt`: clock milliseconds of the question. */
  told(models: readonly SeenInMemory[], askedAt: number): void
}

/** Asks an engine what is loaded, as the proxy asks Ollama for /api/ps. */
export class EngineWatch implements LoadedWatch {
  readonly #parts: EngineWatchParts
  #everyMs: number | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #asking = false
  /** Another question follows the one under way. */
  #again = false
  #next: Cancel | undefined

  constructor(parts: EngineWatchParts) {
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
      const models = this.#loaded()
      clock.after(ANSWER_MS / 2, () => this.#answered(models))
    })
  }

  #answered(models: readonly SeenInMemory[]): void {
    this.#asking = false
    const again = this.#again
    this.#again = false
    this.#parts.told(models, this.#askedAt)
    if (this.#asking) return
    if (again) this.#ask()
    else this.#plan()
  }

  #loaded(): SeenInMemory[] {
    const { clock, engine } = this.#parts
    return engine.snapshot().loaded.map(({ model, expiresInMs }) => ({
      model,
      expiresAt: Number.isFinite(expiresInMs) ? clock.now() + expiresInMs : undefined,
    }))
  }
}
