import type { Cancel, Clock } from '../clock.ts'

/** From the beginning of one probe to the beginning of the next, and the time that a probe has. */
export const PROBE_MS = 60_000
/** A runner without calls is probed at once, but not so soon after the last probe. */
const LEAST_PAUSE_MS = 5_000

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
  #underWay = false
  #hurries = false
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
    if (this.#hurries) return
    this.#hurries = true
    if (!this.#underWay) this.#plan(LEAST_PAUSE_MS)
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
      if (this.#stopped) return
      if (answered) this.#parts.answered()
      else this.#plan(PROBE_MS)
    })
  }

  /** The next probe comes so long after the beginning of the last one, at the earliest now. */
  #plan(ms: number): void {
    this.#next?.()
    const { clock } = this.#parts
    this.#next = clock.after(Math.max(0, this.#sentAt + ms - clock.now()), () => this.#probe())
  }
}
