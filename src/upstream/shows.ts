import type { Clock } from '../clock.ts'
import type { Ask } from './asking.ts'
import { isShown, type ListedModel, type ModelDetails, readShow, show } from './library.ts'

/** After so many failures in a row a digest is left alone. */
const MOST_FAILURES = 3
/** How long the digest is left alone. */
const LEAVE_MS = 60 * 60 * 1_000

interface Known {
  readonly shown: ModelDetails
  /** Key of the model that was asked for. */
  readonly key: string
  /** Clock time of the answer. */
  readonly toldAt: number
  /** The value of `#generation` when the question was sent. */
  readonly generation: number
  /** A list that is younger than the answer still has this digest under this key. */
  confirmed: boolean
}

interface Failures {
  times: number
  /** Clock time until which nobody asks again. */
  until: number
}

interface ModelToShow {
  readonly key: string
  readonly name: string
}

export interface ShowsParts {
  readonly clock: Clock
  readonly ask: Ask
  /**
   * Called after each answer, also after a failed one. `urgent`: somebody wants the model, or the row is empty. Not
   * called once stopped.
   */
  readonly told: (urgent: boolean) => void
}

/**
 * Asks /api/show, one question at a time, once for each manifest digest as long as the list of models has the digest.
 * The questions of a list stand in a row. A question that failed is asked again after the next list.
 *
 * The answer does not say which digest it is about. When a name gets another manifest between the list and the answer,
 * the answer is about the new one. So the next list confirms or withdraws each answer.
 */
export class Shows {
  readonly #parts: ShowsParts
  readonly #known = new Map<string, Known>()
  readonly #failures = new Map<string, Failures>()
  /** By digest: the questions that are still to be asked. */
  #row = new Map<string, ModelToShow>()
  /** Digests, in the row or under way, that somebody wants. These go first. */
  readonly #wanted = new Set<string>()
  /** Digest and generation of the question under way. */
  #open: { readonly digest: string; readonly generation: number } | undefined
  /** Answers of an older generation may be about another Ollama. They stay in use until Ollama is asked again. */
  #generation = 0
  #stopped = false

  constructor(parts: ShowsParts) {
    this.#parts = parts
  }

  get(digest: string): ModelDetails | undefined {
    return this.#known.get(digest)?.shown
  }

  /** Takes note of a new list, by key. `begunAt`: clock time at which its reading began. */
  listed(list: ReadonlyMap<string, ListedModel>, begunAt: number): void {
    const asked = new Map<string, ModelToShow>()
    for (const model of list.values()) {
      const { digest, key, name } = model
      if (digest !== undefined && isShown(model) && !asked.has(digest)) asked.set(digest, { key, name })
    }
    for (const digest of this.#failures.keys()) if (!asked.has(digest)) this.#failures.delete(digest)
    for (const [digest, known] of this.#known) {
      if (!asked.has(digest)) this.#known.delete(digest)
      else if (!known.confirmed && known.toldAt < begunAt) {
        const listed = list.get(known.key)
        known.confirmed = listed?.digest === digest
        if (listed !== undefined && !known.confirmed) this.#known.delete(digest)
      }
    }
    for (const digest of asked.keys()) if (!this.#isDue(digest)) asked.delete(digest)
    this.#row = asked
    for (const digest of this.#wanted) if (!asked.has(digest)) this.#wanted.delete(digest)
    void this.#work()
  }

  /** Asks for this digest before those that nobody wants. */
  wants(digest: string): void {
    if (this.#row.has(digest) || this.#open?.digest === digest) this.#wanted.add(digest)
  }

  /** Ollama may have been replaced: asks everything again after the next list. */
  forget(): void {
    this.#generation++
    this.#failures.clear()
    this.#row.clear()
    this.#wanted.clear()
  }

  stop(): void {
    this.#stopped = true
    this.#row.clear()
  }

  #isDue(digest: string): boolean {
    if (this.#known.get(digest)?.generation === this.#generation) return false
    if (this.#open?.digest === digest && this.#open.generation === this.#generation) return false
    const failures = this.#failures.get(digest)
    if (failures === undefined || failures.times < MOST_FAILURES) return true
    if (this.#parts.clock.now() < failures.until) return false
    this.#failures.delete(digest)
    return true
  }

  async #work(): Promise<void> {
    if (this.#open !== undefined) return
    for (;;) {
      const digest = first(this.#wanted) ?? first(this.#row.keys())
      const waiting = digest === undefined ? undefined : this.#row.get(digest)
      if (digest === undefined || waiting === undefined) return
      this.#row.delete(digest)
      const generation = this.#generation
      this.#open = { digest, generation }
      const shown = await this.#show(waiting.name)
      this.#open = undefined
      if (this.#stopped) return
      if (shown !== undefined) {
        const toldAt = this.#parts.clock.now()
        this.#known.set(digest, { shown, key: waiting.key, toldAt, generation, confirmed: false })
        this.#failures.delete(digest)
      } else this.#failed(digest)
      const wanted = this.#wanted.delete(digest)
      this.#parts.told(wanted || this.#row.size === 0)
    }
  }

  /** Undefined: no answer, or none that names the weights. */
  async #show(name: string): Promise<ModelDetails | undefined> {
    try {
      const { body, whole } = await this.#parts.ask(show(name))
      return whole ? readShow(body) : undefined
    } catch {
      return undefined
    }
  }

  #failed(digest: string): void {
    const times = (this.#failures.get(digest)?.times ?? 0) + 1
    this.#failures.set(digest, { times, until: this.#parts.clock.now() + LEAVE_MS })
  }
}

function first(values: Iterable<string>): string | undefined {
  for (const value of values) return value
  return undefined
}
