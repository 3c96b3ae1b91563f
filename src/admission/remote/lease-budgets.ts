import type { Charge } from '../../callers/budgets.ts'
import type { Caller } from '../../callers/caller.ts'
import type { CallReport } from '../contract.ts'
import type { Refusal } from '../refusal.ts'
import type { Lease } from './lease-store.ts'

/** The budgets of callers, as leases need them. */
export interface LeaseBudgets {
  /** Why a caller may not have a call now. `model`: key. */
  refuses(caller: Caller, model: string): Refusal | undefined
  /** A call of a key has given its slots back. */
  charge(charge: Charge): void
}

/**
 * What a lease that is over costs; undefined for a caller without a key. `heldMs`: from the grant to the end. The alarm
 * can come late, so no lease costs more than its own time. `at`: milliseconds since 1970.
 */
export function chargeOf(
  { caller: { key }, slots, grantedAt, expiresAt }: Lease,
  heldMs: number,
  report: CallReport | undefined,
  at: number,
): Charge | undefined {
  if (key === undefined) return undefined
  const slotMs = slots * Math.max(0, Math.min(heldMs, expiresAt - grantedAt))
  return { key, slotMs, tokens: report?.tokens ?? 0, at }
}
