import type { CallerAccount } from './caller-account.ts'
import type { Call, Limits } from './contract.ts'
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
}

/** A call that finds no free slot. */
interface CrowdedCall<M extends GrantedCalls> {
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
  { turn, refusals, limits, queued }: CrowdedLane<M>,
  { contender, model, call, account, now }: CrowdedCall<M>,
): LocalTicket<M> {
  const isFull = queued >= limits.queue
  const place = isFull
    ? placeFor<LocalTicket<M>, LaneLine<M>>(call, account, turn.contenders.lines())
    : undefined
  const turnInMs = turn.startsInMs(contender, now)
  const freesBytes = place?.ticket.call.bytes
  const refusal = refusals.ofArrival({ call, account, contender, turnInMs, freesBytes }, now)
  if (refusal !== undefined) {
    model.observer.refused(refusal.code)
    throw refusal
  }
  const ticket = turn.stand(contender, model, call, account, now)
  // A grant that followed may have taken the other call out of the line.
  if (place?.ticket.waiting) place.line.giveWay(place.ticket, now)
  // A call that waits for more slots than are free is passed by one that is more entitled and needs fewer.
  turn.grants.toLine(now)
  return ticket
}
