import type { Caller } from '../../callers/caller.ts'
import type { CallReport } from '../contract.ts'
import type { Refusal } from '../refusal.ts'
import type { Lease } from './lease-store.ts'

/** A call that has given its slots back, and what the call costs. */
export interface LeaseEnd extends Pick<Lease, 'caller' | 'class' | 'slots'> {
  /** Milliseconds for which the call held slots, times the slots. */
  readonly slotMs: number
  /** In and out together. */
  readonly tokens: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** The budgets of callers, as leases need them. */
export interface LeaseBudgets {
  /** Why a caller may not have a call now. `model`: key. */
  refuses(caller: Caller, model: string): Refusal | undefined
  /** A call has given its slots back, also one of a caller without a key. */
  ended(end: LeaseEnd): void
}

/**
 * What a lease that is over costs. `heldMs`: from the grant to the end. The alarm can come late, so no lease costs more
 * than its own time. `at`: milliseconds since 1970.
 */
export function endOf(
  { caller, class: of, slots, grantedAt, expiresAt }: Lease,
  heldMs: number,
  report: CallReport | undefined,
  at: number,
): LeaseEnd {
  const slotMs = slots * Math.max(0, Math.min(heldMs, expiresAt - grantedAt))
  return { caller, class: of, slots, slotMs, tokens: report?.tokens ?? 0, at }
}
