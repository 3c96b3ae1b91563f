import type { CallerAccount } from './caller-account.ts'
import type { Call, Limits } from './contract.ts'
import { aheadOf } from './fair/ahead.ts'
import { placeFor } from './fair/place.ts'
import type { GrantedCalls } from './lane-grants.ts'
import type { LaneLine } from './lane-line.ts'
import type { LaneRefusals } from './lane-refusals.ts'
import type { LaneTurn } from './lane-turn.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { Contender } from './turns/contender.ts'

/** A lane, as a call needs the lane that finds no free slot. */
interface CrowdedLane<M extends GrantedCalls> {
  readonly turn: LaneTurn<M>
  readonly refusals: LaneRefusals
  readonly limits: Pick<Limits, 'queue'>
  readonly queued: number
  readonly estimate: { readonly meanMs: number | undefined }
}

/** A call that finds no free slot. */
interface Arrival<M extends GrantedCalls> {
  /** In whose line the call would stand. */
  readonly contender: Contender<LaneLine<M>>
  readonly model: M
  readonly call: Call
  readonly account: CallerAccount
  readonly now: number
}

/**
 * Gives a call a place in line. In a full line, a call of the caller with most places may give way. Throws the Refusal of
 * a call that gets no place.
 */
export function standIn<M extends GrantedCalls>(
  { turn, refusals, limits, queued, estimate }: CrowdedLane<M>,
  { contender, model, call, account, now }: Arrival<M>,
): LocalTicket<M> {
  const lines = turn.contenders.lines()
  const place =
    queued < limits.queue ? undefined : placeFor<LocalTicket<M>, LaneLine<M>>(call, account, lines)
  const { line } = contender
  const refusal = refusals.ofArrival(
    {
      call,
      account,
      mostAhead: contender.eligible,
      ahead: () => (line === undefined ? 0 : aheadOf(line, call, account, estimate)),
      turnInMs: turn.startsInMs(contender, now),
      freesBytes: place?.ticket.call.bytes,
    },
    now,
  )
  if (refusal !== undefined) {
    model.observer.refused(refusal.code)
    throw refusal
  }
  const ticket = turn.stand(contender, model, call, account, now)
  // A grant that followed may have taken the other call out of the line.
  if (place?.ticket.waiting) place.line.giveWay(place.ticket, now)
  return ticket
}
