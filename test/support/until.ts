import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5
/** Long enough for a machine on which several suites run at once. */
const PATIENCE_MS = 10_000

/** Waits until the condition holds; fails, naming it, when it does not within the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${patienceMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}
