import type { Cancel, Clock } from '../clock.ts'
import type { Ask } from './asking.ts'
import { type ModelInMemory, PS, readPs } from './loaded-list.ts'

/** From one question to the next, after an answer that is no list. An older Ollama has no /api/ps. */
const NO_LIST_EVERY_MS = 30_000
/** From one question to the next at least, while Ollama does not answer. */
const NO_ANSWER_EVERY_MS = 1_000
/** After so many questions in a row without an answer, nobody knows what is loaded. */
const MOST_SILENT = 3

export interface LoadedParts {
  readonly clock: Clock
  readonly ask: Ask
  /** Called with each list. `askedAt`: clock milliseconds at which the question began. Must not throw. */
  readonly read: (models: readonly ModelInMemory[], askedAt: number) => void
  /**
   * Called when nobody knows any longer what is loaded: with a sentence when Ollama answers and the answer is no list,
   * with undefined when three questions in a row got no answer; UpstreamHealth tells why. Each of the two is told once:
   * again only after a list; and a silence is not told after a sentence. Must not throw.
   */
  readonly unknown: (problem: string | undefined) => void
}

/**
 * Asks /api/ps which models are in memory: at a pace, and when somebody wants to look. One question at a time.
 *
 * A timer exists only while there is a pace and no question is under way. On workerd a timer belongs to the Durable
 * Object and runs while a request is in the object; so the pace holds as long as calls wait, and nobody else needs one.
 *
 * Times that Ollama tells are compared with the time of this machine: where the clocks of two machines differ,
 * `expiresAt` is wrong by the difference.
 */
export class Loaded {
  readonly #parts: LoadedParts
  #everyMs: number | undefined
  /** From one question to the next at least, because of the last answer. */
  #leastMs = 0
  /** Clock time at which the last question began. */
  #askedAt = Number.NEGATIVE_INFINITY
  #asking = false
  /** Somebody wants to look, and the question under way is older than the wish. */
  #again = false
  /** Questions without an answer since the last answer. */
  #silent = 0
  /** What was told since the last list. */
  #told: 'nothing' | 'silence' | 'problem' = 'nothing'
  #stopped = false
  #next: Cancel | undefined

  constructor(parts: LoadedParts) {
    this.#parts = parts
  }

  /**
   * Asks every `everyMs` milliseconds, from the beginning of one question to the beginning of the next: the first time
   * `everyMs` after the last question, or at once if that time is past. While Ollama gives no list, the pause is at least
   * 30 seconds; while Ollama does not answer, at least one second. Undefined: asks no more.
   */
  pace(everyMs: number | undefined): void {
    if (everyMs === this.#everyMs) return
    this.#everyMs = everyMs
    this.#plan()
  }

  /** Asks at once, at any pace and without one. While a question is under way, one more follows that question. */
  look(): void {
    if (this.#asking) this.#again = true
    else if (!this.#stopped) void this.#question()
  }

  /** Ends for good. No callback comes afterwards. */
  stop(): void {
    this.#stopped = true
    this.#next?.()
    this.#next = undefined
  }

  #plan(): void {
    if (this.#asking || this.#stopped) return
    this.#next?.()
    this.#next = undefined
    if (this.#everyMs === undefined) return
    const { clock } = this.#parts
    const ms = this.#askedAt + Math.max(this.#everyMs, this.#leastMs) - clock.now()
    if (ms <= 0) void this.#question()
    else this.#next = clock.after(ms, () => void this.#question())
  }

  async #question(): Promise<void> {
    this.#next?.()
    this.#next = undefined
    this.#asking = true
    this.#again = false
    const askedAt = this.#parts.clock.now()
    this.#askedAt = askedAt
    const answer = await this.#answer()
    if (this.#stopped) return
    this.#hear(answer, askedAt)
    this.#asking = false
    if (this.#again) this.look()
    else this.#plan()
  }

  /** Undefined: no answer. A sentence: no list. */
  async #answer(): Promise<ModelInMemory[] | string | undefined> {
    try {
      const { status, body, whole } = await this.#parts.ask(PS)
      if (status !== 200) return `Ollama answers ${PS.path} with ${status}`
      if (!whole) return `Ollama answers ${PS.path} with more than ${PS.mostBytes} bytes`
      const list = readPs(body, this.#parts.clock)
      return list ?? `Ollama answers ${PS.path} with something else than a list of the models in memory`
    } catch {
      return undefined
    }
  }

  #hear(answer: ModelInMemory[] | string | undefined, askedAt: number): void {
    if (answer === undefined) this.#heardNothing()
    else if (typeof answer === 'string') this.#heardNoList(answer)
    else {
      this.#silent = 0
      this.#leastMs = 0
      this.#told = 'nothing'
      this.#parts.read(answer, askedAt)
    }
  }

  #heardNothing(): void {
    this.#leastMs = NO_ANSWER_EVERY_MS
    this.#silent++
    if (this.#silent < MOST_SILENT || this.#told !== 'nothing') return
    this.#told = 'silence'
    this.#parts.unknown(undefined)
  }

  #heardNoList(problem: string): void {
    this.#silent = 0
    this.#leastMs = NO_LIST_EVERY_MS
    if (this.#told === 'problem') return
    this.#told = 'problem'
    this.#parts.unknown(problem)
  }
}
