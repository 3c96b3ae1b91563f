import type { Cancel, Clock } from '../clock.ts'

/** Hides the rounding of a sum of times, in milliseconds of work. */
const EPSILON = 1e-6

/** The work of one slot, in milliseconds that it would take alone. */
export interface SlotWork {
  readonly promptMs: number
  readonly tokenMs: number
  readonly tokens: number
  readonly onToken: ((index: number) => void) | undefined
  readonly onEnd: () => void
  done: number
  told: number
  paused: boolean
  /** Moment on the clock at which the prompt was through; undefined before. */
  promptEndedAt: number | undefined
}

/**
 * The slots of one model that compute now. They share the machine by one law, so the work done is linear between two
 * changes: a single timer, set for the nearest event, serves all of them however many tokens nobody listens to.
 */
export class Decoder {
  readonly #clock: Clock
  readonly #slowdown: number
  readonly #runs = new Set<SlotWork>()
  #seen: number
  #timer: Cancel | undefined

  constructor(clock: Clock, slowdown: number) {
    this.#clock = clock
    this.#slowdown = slowdown
    this.#seen = clock.now()
  }

  add(run: SlotWork): void {
    this.#advance()
    if (run.promptMs <= EPSILON) run.promptEndedAt = this.#clock.now()
    this.#runs.add(run)
    this.#plan()
  }

  remove(run: SlotWork): void {
    this.#advance()
    if (this.#runs.delete(run)) this.#plan()
  }

  pause(run: SlotWork): void {
    this.#advance()
    run.paused = true
    this.#plan()
  }

  resume(run: SlotWork): void {
    this.#advance()
    run.paused = false
    this.#plan()
  }

  #speed(): number {
    let computing = 0
    for (const run of this.#runs) if (!run.paused) computing++
    return 1 / (1 + this.#slowdown * Math.max(0, computing - 1))
  }

  #advance(): void {
    const now = this.#clock.now()
    const elapsed = now - this.#seen
    this.#seen = now
    if (elapsed <= 0) return
    const speed = this.#speed()
    for (const run of this.#runs) {
      if (run.paused) continue
      run.done += elapsed * speed
      if (run.promptEndedAt === undefined && run.done >= run.promptMs - EPSILON) {
        run.promptEndedAt = now - Math.max(0, run.done - run.promptMs) / speed
      }
    }
  }

  #plan(): void {
    this.#timer?.()
    this.#timer = undefined
    let nearest = Number.POSITIVE_INFINITY
    for (const run of this.#runs) {
      if (!run.paused) nearest = Math.min(nearest, nextAt(run) - run.done)
    }
    if (nearest === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.after(Math.max(0, nearest) / this.#speed(), () => this.#settle())
  }

  #settle(): void {
    this.#advance()
    for (const run of [...this.#runs]) {
      // A callback may pause or remove this run, or end another one: look again before every step.
      while (this.#runs.has(run) && !run.paused && run.done >= nextAt(run) - EPSILON) {
        if (run.onToken && run.told < run.tokens) run.onToken(run.told++)
        else {
          this.#runs.delete(run)
          run.onEnd()
        }
      }
    }
    this.#plan()
  }
}

function nextAt(run: SlotWork): number {
  const tokens = run.onToken ? Math.min(run.told + 1, run.tokens) : run.tokens
  return run.promptMs + tokens * run.tokenMs
}
