import type { LaneView, PlaceInLine } from '../admission/contract.ts'
import type { Clock } from '../clock.ts'

/** The part of a lane from which the places in its line follow. */
export type LineView = Pick<LaneView, 'waiting' | 'waitingFor' | 'startsInMs'>

/** The places of all calls in line, by their tickets. */
export function placesIn(lanes: Iterable<LineView>, now: number): Map<object, PlaceInLine> {
  const places = new Map<object, PlaceInLine>()
  for (const lane of lanes) {
    let ahead = 0
    for (const ticket of lane.waiting()) {
      const startsInMs = lane.startsInMs(ahead, now, ticket)
      ahead++
      places.set(ticket, { position: ahead, waitingFor: lane.waitingFor(ticket, now), startsInMs })
    }
  }
  return places
}

/** A list that is older than this is made again. */
const FRESH_MS = 1_000

/** A list is kept for so many times the time that making it takes, so that making takes at most a hundredth of the time. */
const MAKING_SHARE = 100

/** The places of calls in line, for callers that ask for one place at a time. One list serves all of them. */
export class Places {
  readonly #clock: Clock
  readonly #lanes: () => Iterable<LineView>
  /** Weak: the last list must not keep calls that are over. */
  #places = new WeakMap<object, PlaceInLine>()
  #madeAt = Number.NEGATIVE_INFINITY
  #tookMs = 0

  constructor(clock: Clock, lanes: () => Iterable<LineView>) {
    this.#clock = clock
    this.#lanes = lanes
  }

  /** At most a second old while making the list is quick. Undefined for a ticket that the list does not know. */
  of(ticket: object): PlaceInLine | undefined {
    const now = this.#clock.now()
    const ageMs = now - this.#madeAt
    const known = this.#places.get(ticket)
    // A call may have come after the list was made.
    const freshMs = known === undefined ? 0 : FRESH_MS
    if (ageMs < Math.max(freshMs, this.#tookMs * MAKING_SHARE)) return known
    this.#places = new WeakMap(placesIn(this.#lanes(), now))
    this.#madeAt = now
    this.#tookMs = this.#clock.now() - now
    return this.#places.get(ticket)
  }
}
