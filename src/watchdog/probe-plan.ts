import type { Cancel, Clock } from '../clock.ts'

/** From the beginning of one probe to the beginning of the next, and the time that a probe has. */
export const PROBE_MS = 60_000
/**
 * From the end of one probe to the beginning of the next at least. Meanwhile nothing keeps Ollama from unloading the
 * runner, where somebody has asked for that.
 */
const PAUSE_MS = 10_000

export interface ProbePlanParts {
  readonly clock: Clock
  /** Sends a probe. Calls back once, later: with whether there was an answer. */
  readonly send: (done: (answered: boolean) => void) => void
  readonly answered: () => void
}

/** Probes a stuck runner until there is an answer: one probe at a time, one a minute, and one when its last call is over. */
export class ProbePlan {
  readonly #parts: ProbePlanParts
  #sentAt = Number.NEGATIVE_INFINITY
  #endedAt = Number.NEGATIVE_INFINITY
  #underWay = false
  #hurry: 'no' | 'wanted' | 'over' = 'no'
  #stopped = false
  #next: Cancel | undefined

  constructor(parts: ProbePlanParts) {
    this.#parts = parts
  }

  start(): void {
    this.#probe()
  }

  /** The runner has no call any more: once, the next probe comes as soon as it may. */
  hurry(): void {
    if (this.#hurry !== 'no') return
    this.#hurry = 'wanted'
    if (!this.#underWay) this.#plan()
  }

  /** Ends for good. The answer to a probe under way means nothing any more. */
  stop(): void {
    this.#stopped = true
    this.#next?.()
  }

  #probe(): void {
    if (this.#stopped) return
    this.#underWay = true
    this.#sentAt = this.#parts.clock.now()
    this.#parts.send((answered) => {
      this.#underWay = false
      this.#endedAt = this.#parts.clock.now()
      if (this.#stopped) return
      if (answered) this.#parts.answered()
      else this.#plan()
    })
  }

  #plan(): void {
    this.#next?.()
    const { clock } = this.#parts
    const soonAt = this.#endedAt + PAUSE_MS
    const dueAt = this.#hurry === 'wanted' ? soonAt : Math.max(this.#sentAt + PROBE_MS, soonAt)
    if (this.#hurry === 'wanted') this.#hurry = 'over'
    this.#next = clock.after(Math.max(0, dueAt - clock.now()), () => this.#probe())
  }
}
