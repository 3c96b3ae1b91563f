import type { LoadedWatch, SeenModel } from '../../../../src/admission/turns/contract.ts'
import type { Cancel, Clock } from '../../../../src/clock.ts'

/** After so many questions in a row without an answer, nobody knows what is loaded. As upstream/loaded.ts has it. */
const MOST_SILENT = 3
/** From one question to the next at least, while Ollama does not answer. */
const NO_ANSWER_EVERY_MS = 1_000

interface LateWatchParts {
  readonly clock: Clock
  /** What is in memory now; undefined: Ollama is gone. */
  loaded(): readonly SeenModel[] | undefined
  read(models: readonly SeenModel[], askedAt: number): void
  unknown(): void
}

/**
 * Asks what is loaded, with the rules of `Loaded` and without its promises: one question at a time. The test sets how
 * long an answer takes, and which answers are lost.
 */
export class LateWatch implements LoadedWatch {
  /** Milliseconds from a question to its answer, or to the end of its patience. */
  latencyMs = () => 10
  /** Whether the answer to the next question is lost. */
  loses = () => false
  everyMs: number | undefined
  readonly #parts: LateWatchParts
  #asking = false
  #again = false
  #askedAt = Number.NEGATIVE_INFINITY
  #leastMs = 0
  #silent = 0
  #toldSilence = false
  #next: Cancel | undefined

  constructor(parts: LateWatchParts) {
    this.#parts = parts
  }

  pace(everyMs: number | undefined): void {
    if (everyMs === this.everyMs) return
    this.everyMs = everyMs
    this.#plan()
  }

  look(): void {
    if (this.#asking) this.#again = true
    else this.#ask()
  }

  #plan(): void {
    if (this.#asking) return
    this.#next?.()
    this.#next = undefined
    if (this.everyMs === undefined) return
    const { clock } = this.#parts
    const ms = this.#askedAt + Math.max(this.everyMs, this.#leastMs) - clock.now()
    this.#next = clock.after(Math.max(0, ms), () => this.#ask())
  }

  #ask(): void {
    const { clock } = this.#parts
    this.#next?.()
    this.#next = undefined
    this.#asking = true
    this.#again = false
    this.#askedAt = clock.now()
    const tookMs = this.latencyMs()
    const lost = this.loses()
    // Ollama looks at its models somewhere between the question and the answer.
    clock.after(tookMs / 2, () => {
      const models = lost ? undefined : this.#parts.loaded()
      clock.after(tookMs / 2, () => this.#answered(models))
    })
  }

  #answered(models: readonly SeenModel[] | undefined): void {
    if (models === undefined) this.#heardNothing()
    else {
      this.#silent = 0
      this.#leastMs = 0
      this.#toldSilence = false
      this.#parts.read(models, this.#askedAt)
    }
    this.#asking = false
    if (this.#again) this.look()
    else this.#plan()
  }

  #heardNothing(): void {
    this.#leastMs = NO_ANSWER_EVERY_MS
    this.#silent++
    if (this.#silent < MOST_SILENT || this.#toldSilence) return
    this.#toldSilence = true
    this.#parts.unknown()
  }
}
