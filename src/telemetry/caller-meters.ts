import { CALL_CLASSES } from '../callers/caller.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { NONE, OTHER, OUTCOMES } from './labels.ts'

/** Keys with figures of their own. Each key is twelve lines of a scrape. */
export const CALLER_LABELS = 1_000

/** The parts of a call that are counted for its caller. */
type ChargedCall = Pick<FinishedCall, 'key' | 'class' | 'outcome' | 'slotMs' | 'tokensIn'>

/** One caller's figures since the start. */
export class CallerMeters {
  /** Calls, in the order of `OUTCOMES`. */
  readonly requests = new Float64Array(OUTCOMES.length)
  /** By class, in the order of `CALL_CLASSES`. */
  readonly slotMs = new Float64Array(CALL_CLASSES.length)
  tokensIn = 0
  tokensOut = 0
}

/**
 * Counts calls by the key of their caller. Only configured keys have figures of their own: addresses and people are made
 * up at will. Callers without a key count under `none` together, all other keys under `other`.
 */
export class MetersOfCallers {
  readonly #other = new CallerMeters()
  readonly #none = new CallerMeters()
  readonly #keys = new Map<string, CallerMeters>()
  /** The names of all keys, also of those without figures of their own. */
  #names: ReadonlySet<string> = new Set()

  constructor(names: Iterable<string>) {
    this.configure(names)
  }

  /** These keys are configured now. The figures of a key that stays go on, those of a key that is gone are forgotten. */
  configure(names: Iterable<string>): void {
    this.#names = new Set(names)
    for (const name of this.#keys.keys()) if (!this.#names.has(name)) this.#keys.delete(name)
    for (const name of this.#names) {
      if (this.#keys.size >= CALLER_LABELS) return
      // A key with the name of a common label counts under this label: one sample cannot be two.
      if (name === OTHER || name === NONE || this.#keys.has(name)) continue
      this.#keys.set(name, new CallerMeters())
    }
  }

  /** `tokensOut`: of the answer, as far as they are known. */
  call({ key, class: of, outcome, slotMs, tokensIn }: ChargedCall, tokensOut: number): void {
    const meters = key === null || key === NONE ? this.#none : (this.#keys.get(key) ?? this.#other)
    const at = OUTCOMES.indexOf(outcome)
    meters.requests[at] = (meters.requests[at] ?? 0) + 1
    const ofClass = CALL_CLASSES.indexOf(of)
    meters.slotMs[ofClass] = (meters.slotMs[ofClass] ?? 0) + slotMs
    if (tokensIn !== null) meters.tokensIn += tokensIn
    meters.tokensOut += tokensOut
  }

  /** All figures by label, `other` and `none` first. */
  *callers(): Iterable<readonly [label: string, meters: CallerMeters]> {
    yield [OTHER, this.#other]
    yield [NONE, this.#none]
    yield* this.#keys
  }

  /** The label of a caller. `id`: Caller.id, which is no name of a key where it is an address. */
  labelOf(id: string): string {
    if (this.#keys.has(id)) return id
    return this.#names.has(id) && id !== NONE ? OTHER : NONE
  }
}
