import type { Clock } from '../../clock.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The time in workerd. It stands still while code runs and moves on with every event. A timer belongs to the
 * request, or to the object, that asked for it and ends with it.
 */
export const workerdClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    return () => clearTimeout(timer)
  },
}
