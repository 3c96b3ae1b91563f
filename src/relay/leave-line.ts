import type { Ticket } from '../admission/contract.ts'
import { Refusal } from '../admission/refusal.ts'

/** Gives up a place in line. A slot that was granted already, and that the call has not taken yet, goes back at once. */
export function leaveLine(ticket: Ticket | undefined, now: number): void {
  if (ticket?.cancel(now) !== false) return
  ticket.onSettled((result) => {
    if (!(result instanceof Refusal)) result.release('cancelled', now)
  })
}
