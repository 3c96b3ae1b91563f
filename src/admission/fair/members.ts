import type { CallerAccount } from '../caller-account.ts'
import type { Call } from '../contract.ts'

/** A call in line. */
export interface LineMember {
  readonly waiting: boolean
  /** Grows with each arrival of the process. */
  readonly number: number
}

/** A call in a line of callers. */
export interface FairMember extends LineMember {
  readonly account: CallerAccount
  readonly call: Call
}

/** The lane of a line. */
export interface LineOwner {
  /** Other calls than before may be the next to go. */
  lineMoved(now: number): void
  /** A slot that the call could take is kept from calls of its class. `line`: where the call stands. */
  isReserved(call: Call, line: object): boolean
  /** Milliseconds for which a call of the lane holds its slots. */
  readonly estimate: { readonly meanMs: number | undefined }
}
