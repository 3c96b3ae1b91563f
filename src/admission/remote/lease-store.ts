import type { Call, Limits } from '../contract.ts'
import type { CallerFacts } from './caller-facts.ts'

/** A taken slot as the store keeps it. Times are milliseconds since 1970: no other clock survives a restart. */
export interface Lease
  extends Required<Pick<Call, 'model' | 'work' | 'options' | 'keepsLoaded' | 'user' | 'class'>> {
  readonly id: string
  readonly caller: CallerFacts
  /** Slots taken; 0 for a call that only loads or unloads its model. */
  readonly slots: number
  readonly grantedAt: number
  readonly expiresAt: number
}

/** Survives a restart. All that was written is durable before any answer leaves. */
export interface LeaseStore {
  leases(): Iterable<Lease>
  saveLease(lease: Lease): void
  dropLease(id: string): void
  /** Limits that an admin has set, by model key; `*` stands for the defaults. */
  limits(): Iterable<readonly [model: string, limits: Partial<Limits>]>
  saveLimits(model: string, limits: Partial<Limits>): void
  /** Asks for `expire` to be called at this time, in milliseconds since 1970. A later request replaces it. */
  wakeAt(time: number): void
}
