/** Takes back what a Clock was asked to do later. A second call does nothing. */
export type Cancel = () => void

/** The time, as a part that can be replaced: tests and simulations run on a ManualClock. */
export interface Clock {
  /** Monotonic milliseconds, with fractions. Only differences mean something. */
  now(): number
  /** Milliseconds since 1970, for people to read. Never used for durations. */
  wallTime(): number
  /** Runs once after `ms` milliseconds. */
  after(ms: number, run: () => void): Cancel
}

/** Lets other calls run between two stretches of work. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}

/** The longest timer that Node takes. A longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Held here because reaching the global through its getter costs as much as reading the time. */
const timer = performance

/** `after`: starts a timer and returns how to end it. */
function clockWith(after: Clock['after']): Clock {
  return {
    now: () => timer.now(),
    wallTime: () => Date.now(),
    after: (ms, run) => after(Math.min(Math.max(ms, 0), LONGEST_TIMER_MS), run),
  }
}

/** The clock of a server: a pending timer does not keep the process alive. */
export const systemClock = clockWith((ms, run) => {
  const timeout = setTimeout(run, ms)
  timeout.unref()
  return () => clearTimeout(timeout)
})

/**
 * The clock of a command that ends with its work, and of workerd: a pending timer keeps the process alive. In workerd
 * the time stands still while code runs, and a timer belongs to the request or object that asked for the timer.
 */
export const foregroundClock = clockWith((ms, run) => {
  const timeout = setTimeout(run, ms)
  return () => clearTimeout(timeout)
})

/**
 * Looks at many things with one timer, which exists only while there is something to look at. The next look comes
 * `mostMs` later, or earlier where something is due earlier, but at least a millisecond later.
 */
export class Sweep {
  readonly #clock: Clock
  readonly #mostMs: number
  readonly #look: (now: number) => number | undefined
  #pending: Cancel | undefined

  /** `look` returns the clock milliseconds at which the next thing is due, or undefined when there is nothing left. */
  constructor(clock: Clock, mostMs: number, look: (now: number) => number | undefined) {
    this.#clock = clock
    this.#mostMs = mostMs
    this.#look = look
  }

  get planned(): boolean {
    return this.#pending !== undefined
  }

  /** Plans a look in `dueMs`, at the latest in `mostMs`. A look that is planned already stays as it is. */
  plan(dueMs = Number.POSITIVE_INFINITY): void {
    this.#pending ??= this.#clock.after(Math.min(Math.max(dueMs, 1), this.#mostMs), () => {
      this.#pending = undefined
      const now = this.#clock.now()
      const due = this.#look(now)
      if (due !== undefined) this.plan(due - now)
    })
  }

  stop(): void {
    this.#pending?.()
    this.#pending = undefined
  }
}
