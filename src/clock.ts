/** Ends what a Clock was asked to do later; calling it twice is harmless. */
export type Cancel = () => void

/** Time as a part that can be replaced: tests and simulations run on a ManualClock. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; only differences mean something. */
  now(): number
  /** Milliseconds since 1970, for showing to people. Never used for durations. */
  wallTime(): number
  /** Runs once after `ms` milliseconds. What is pending does not keep the process alive. */
  after(ms: number, run: () => void): Cancel
}

/** Beyond this a Node timer fires at once instead of late. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Held here because reaching the global through its getter costs as much as reading the time. */
const timer = performance

export const systemClock: Clock = {
  now: () => timer.now(),
  wallTime: () => Date.now(),
  after(ms, run) {
    const timeout = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    timeout.unref()
    return () => clearTimeout(timeout)
  },
}
