import type { Cancel, Clock } from '../clock.ts'
import type { EngineCall, EngineLimits } from './engine-call.ts'

/** Absorbs rounding errors in sums of times, in milliseconds of work. */
const EPSILON = 1e-6

/** The work of one slot. Times are in milliseconds for a slot that computes alone. */
export interface SlotWork {
  readonly promptMs: number
  readonly tokenMs: number
  readonly tokens: number
  readonly onToken: ((index: number) => void) | undefined
  readonly onEnd: () => void
  /** Milliseconds of work that are done. */
  done: number
  /** Tokens for which onToken has run. */
  reported: number
  paused: boolean
  /** Clock time of the last change of `paused`. */
  pausedAt: number
  /** Milliseconds of the pauses after the prompt that are over. */
  pausedMs: number
  /** Clock time at which the prompt was computed; undefined before that. */
  promptEndedAt: number | undefined
}

/**
 * Computes the work of a model's busy slots. All slots have the same speed. The speed changes only when a slot starts,
 * stops, pauses or resumes, so one timer for the next event is enough for all slots. The events of a slot are its
 * tokens, if it has an onToken, and its end.
 */
export class Decoder {
  readonly #clock: Clock
  readonly #slowdown: number
  readonly #slots = new Set<SlotWork>()
  /** Clock time up to which the done work of all slots is computed. */
  #advancedTo: number
  #timer: Cancel | undefined
  #hangs = false

  constructor(clock: Clock, slowdown: number) {
    this.#clock = clock
    this.#slowdown = slowdown
    this.#advancedTo = clock.now()
  }

  add(work: SlotWork): void {
    this.#advance()
    if (work.promptMs <= EPSILON) work.promptEndedAt = this.#clock.now()
    this.#slots.add(work)
    this.#setTimer()
  }

  remove(work: SlotWork): void {
    this.#advance()
    if (this.#slots.delete(work)) this.#setTimer()
  }

  setPaused(work: SlotWork, paused: boolean): void {
    this.#advance()
    const now = this.#clock.now()
    if (work.paused && work.promptEndedAt !== undefined) work.pausedMs += now - work.pausedAt
    work.paused = paused
    work.pausedAt = now
    this.#setTimer()
  }

  /** While the decoder hangs, no work moves. */
  set hangs(hangs: boolean) {
    this.#advance()
    this.#hangs = hangs
    this.#setTimer()
  }

  #speed(): number {
    let computing = 0
    for (const work of this.#slots) if (!work.paused) computing++
    return 1 / (1 + this.#slowdown * Math.max(0, computing - 1))
  }

  #advance(): void {
    const now = this.#clock.now()
    const elapsed = now - this.#advancedTo
    this.#advancedTo = now
    if (elapsed <= 0 || this.#hangs) return
    const speed = this.#speed()
    for (const work of this.#slots) {
      if (work.paused) continue
      work.done += elapsed * speed
      if (work.promptEndedAt === undefined && work.done >= work.promptMs - EPSILON) {
        work.promptEndedAt = now - Math.max(0, work.done - work.promptMs) / speed
      }
    }
  }

  #setTimer(): void {
    this.#timer?.()
    this.#timer = undefined
    if (this.#hangs) return
    let nearest = Number.POSITIVE_INFINITY
    for (const work of this.#slots) {
      if (!work.paused) nearest = Math.min(nearest, workAtNextEvent(work) - work.done)
    }
    if (nearest === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.after(Math.max(0, nearest) / this.#speed(), () => this.#runDueEvents())
  }

  #runDueEvents(): void {
    this.#advance()
    for (const work of [...this.#slots]) {
      // A callback may pause or remove this work or other work, so the conditions are checked before every event.
      while (this.#slots.has(work) && !work.paused && !this.#hangs && isDue(work)) {
        if (work.onToken && work.reported < work.tokens) work.onToken(work.reported++)
        else {
          this.#slots.delete(work)
          work.onEnd()
        }
      }
    }
    this.#setTimer()
  }
}

type SlotLoad = Pick<EngineCall, 'promptTokens' | 'outputTokens' | 'onToken' | 'stretch'>

/** The work of a call, at the rates of the machine. */
export function workOf(
  { promptTokens, outputTokens, onToken, stretch = 1 }: SlotLoad,
  { promptTokensPerSecond, outputTokensPerSecond }: EngineLimits,
  onEnd: () => void,
): SlotWork {
  return {
    promptMs: (promptTokens * 1000 * stretch) / promptTokensPerSecond,
    tokenMs: (1000 * stretch) / outputTokensPerSecond,
    tokens: outputTokens,
    onToken,
    onEnd,
    done: 0,
    reported: 0,
    paused: false,
    pausedAt: 0,
    pausedMs: 0,
    promptEndedAt: undefined,
  }
}

function isDue(work: SlotWork): boolean {
  return work.done >= workAtNextEvent(work) - EPSILON
}

function workAtNextEvent(work: SlotWork): number {
  const tokens = work.onToken ? Math.min(work.reported + 1, work.tokens) : work.tokens
  return work.promptMs + tokens * work.tokenMs
}
