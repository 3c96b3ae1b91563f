import type { FairCall } from './world.ts'

/** Who can give a place to a new call. */
interface Giver {
  /** Whether this call is one that may go. */
  gives(call: FairCall): boolean
  /** The new call must get the place. */
  readonly must: boolean
}

/** Who has how many places in a full line. */
export class Room {
  readonly #callers: ReadonlyMap<string, number>
  readonly #people: ReadonlyMap<string, number>

  constructor(calls: readonly FairCall[]) {
    this.#callers = placesOf(calls, ({ wish }) => wish.by)
    this.#people = placesOf(calls, ({ wish }) => personOf(wish.by, wish.user))
  }

  /**
   * Who gives a place to a new call: a caller with most places, and of a key its people with most places, as long as they
   * have two places more than the new call's side. Undefined: nobody.
   */
  giver(by: string, user: string | undefined): Giver | undefined {
    const most = Math.max(0, ...this.#callers.values())
    const mine = this.#callers.get(by) ?? 0
    if (most - mine >= 2) {
      const gives = ({ wish }: FairCall) =>
        this.#callers.get(wish.by) === most && this.#isGreediest(wish.by, wish.user)
      return { gives, must: true }
    }
    if (mine < most) return undefined
    const people = this.#peopleOf(by)
    if (Math.max(0, ...people.values()) - (people.get(personOf(by, user)) ?? 0) < 2) return undefined
    // Of several callers with most places, the key may not be the one that is looked at.
    const must = [...this.#callers.values()].filter((places) => places === most).length === 1
    return { gives: ({ wish }) => wish.by === by && this.#isGreediest(by, wish.user), must }
  }

  #peopleOf(by: string): Map<string, number> {
    return new Map([...this.#people].filter(([person]) => person.startsWith(`${by}/`)))
  }

  #isGreediest(by: string, user: string | undefined): boolean {
    const people = this.#peopleOf(by)
    return people.get(personOf(by, user)) === Math.max(...people.values())
  }
}

function personOf(by: string, user: string | undefined): string {
  return `${by}/${user ?? ''}`
}

function placesOf(calls: readonly FairCall[], partyOf: (call: FairCall) => string): Map<string, number> {
  const places = new Map<string, number>()
  for (const call of calls) places.set(partyOf(call), (places.get(partyOf(call)) ?? 0) + 1)
  return places
}

/** Whether both are calls of one person, or of one caller whose people are not told apart. */
export function isOfOneParty(one: FairCall, other: FairCall): boolean {
  return personOf(one.wish.by, one.wish.user) === personOf(other.wish.by, other.wish.user)
}
