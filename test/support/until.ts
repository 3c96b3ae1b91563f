import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5
/** Longer than the 5 s after which workerd's own server closes a connection that asks to be closed. */
const PATIENCE_MS = 7_000

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
