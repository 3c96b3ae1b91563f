import type { CallerAccount } from '../caller-account.ts'
import type { Call } from '../contract.ts'
import type { ServiceLevel, Share } from './share.ts'

/** A class, as far as it is charged for slots. */
export interface ChargedClass {
  /** Index in CALL_CLASSES. */
  readonly index: number
  readonly weight: number
  /** In slot-milliseconds for each unit of its weight. */
  v: number
  /** Calls that hold slots. */
  running: number
  /** Of the order of callers. */
  readonly level: ServiceLevel
}

/** A permit, as far as somebody is charged for its slots. */
export interface ChargedPermit {
  readonly call: Call
  readonly slots: number
  readonly account: CallerAccount | undefined
  part: ChargedClass | undefined
  share: Share | undefined
  person: Share | undefined
  /** In slot-milliseconds. */
  predicted: number
}

/** Charges `part`, `share` and `person` of a permit with a prediction. `meanMs`: of a call of the lane. */
export function charge(permit: ChargedPermit, meanMs: number | undefined): void {
  const { part, share, person, slots } = permit
  if (part === undefined || share === undefined) return
  permit.predicted = slots * (meanMs ?? 0) * (person ?? share).size
  part.v += permit.predicted / part.weight
  part.running++
  share.running++
  share.charge(permit.predicted)
  if (person === undefined) return
  person.running++
  person.charge(permit.predicted)
}

/**
 * Replaces the prediction by the time for which a call really held its slots. `meanMs`: of a call of the lane. `learns`:
 * the time says something about the next call.
 */
export function settle(
  permit: ChargedPermit,
  heldMs: number,
  meanMs: number | undefined,
  learns: boolean,
): void {
  const { part, share, person, slots } = permit
  if (part === undefined || share === undefined) return
  const missing = slots * heldMs - permit.predicted
  part.v += missing / part.weight
  share.correct(part.level, missing)
  const one = person ?? share
  if (learns && meanMs !== undefined && meanMs > 0) one.learn(heldMs / meanMs)
  person?.charge(missing)
}

/** The call has given its slots back, whether the sharing is still on or not. */
export function ended({ part, share, person, account, call }: ChargedPermit): void {
  if (part === undefined || share === undefined) return
  part.running--
  share.running--
  if (person === undefined) return
  person.running--
  account?.usersOf(part.index)?.left(call.user ?? '')
}
