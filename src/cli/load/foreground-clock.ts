import { type Clock, systemClock } from '../../clock.ts'

/** Beyond this a Node timer fires at once instead of late. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The system's clock for what a command is there to do: unlike a server's chores, a pending timer keeps it alive. */
export const foregroundClock: Clock = {
  now: systemClock.now,
  wallTime: systemClock.wallTime,
  after(ms, run) {
    const timeout = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    return () => clearTimeout(timeout)
  },
}
