import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5
let patience = 5_000

/** For a platform that is slower by design; holds for the whole process. */
export function bePatientFor(ms: number): void {
  patience = ms
}

/** Waits until the condition holds; fails, naming it, when it does not within the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patienceMs = patience,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${patienceMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}
