import { HttpProblem } from './problem.ts'

const MOST_LISTENERS = 100
/** Of one address, operators left out: so many pages and tools one person or one gateway may have open. */
const MOST_OF_ONE_ADDRESS = 8

/** Who listens. */
export interface Listening {
  /** What counts as one address. */
  readonly address: string
  /** Whether this is somebody who administers. */
  readonly operator: boolean
}

/** Who may follow the queue. Everybody may, within bounds; an operator gets a place as long as others have one. */
export class EventPlaces<L extends Listening> {
  /** In the order in which they came. */
  readonly #listeners = new Set<L>()

  get size(): number {
    return this.#listeners.size
  }

  [Symbol.iterator](): Iterator<L> {
    return this.#listeners.values()
  }

  /** Throws `too_many_listeners` where there would be no place. */
  check(who: Listening): void {
    const full = this.#listeners.size >= MOST_LISTENERS
    const refused = who.operator
      ? full && this.#fullest() === undefined
      : full || this.#ofAddress(who.address) >= MOST_OF_ONE_ADDRESS
    if (refused) throw new HttpProblem('too_many_listeners')
  }

  /** To be called right after `check`. Returns who has to go for it, if anybody has to. */
  add(listener: L): L | undefined {
    const leaving = this.#listeners.size >= MOST_LISTENERS ? this.#fullest() : undefined
    if (leaving) this.#listeners.delete(leaving)
    this.#listeners.add(listener)
    return leaving
  }

  delete(listener: L): void {
    this.#listeners.delete(listener)
  }

  clear(): void {
    this.#listeners.clear()
  }

  #ofAddress(address: string): number {
    let count = 0
    for (const listener of this.#listeners) if (!listener.operator && listener.address === address) count++
    return count
  }

  /** The listener that came first from the address with the most listeners, operators left out. */
  #fullest(): L | undefined {
    const firsts = new Map<string, { readonly listener: L; count: number }>()
    let fullest: { readonly listener: L; count: number } | undefined
    for (const listener of this.#listeners) {
      if (listener.operator) continue
      const found = firsts.get(listener.address) ?? { listener, count: 0 }
      found.count++
      firsts.set(listener.address, found)
      if (fullest === undefined || found.count > fullest.count) fullest = found
    }
    return fullest?.listener
  }
}
