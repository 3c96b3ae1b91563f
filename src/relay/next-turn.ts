import type { Clock } from '../clock.ts'

/** Lets other calls run between two stretches of work. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}
