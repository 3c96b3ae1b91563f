import { HttpProblem } from './problem.ts'

/** How many clients may listen at once. */
export interface ListenerLimits {
  readonly all: number
  /** Operators are not counted. One person or one gateway may have this many pages and tools open. */
  readonly ofOneAddress: number
}

export interface ListenerIdentity {
  /** The address, or the block of addresses that counts as one. */
  readonly address: string
  /** True for a client that may administer the proxy. */
  readonly operator: boolean
}

/**
 * The clients that follow the queue. When there is no room, an operator takes the room of a listener that is no
 * operator.
 */
export class EventListeners<L extends ListenerIdentity> {
  /** In the order of arrival. */
  readonly #listeners = new Set<L>()
  readonly #limits: ListenerLimits

  constructor(limits: ListenerLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#listeners.size
  }

  [Symbol.iterator](): Iterator<L> {
    return this.#listeners.values()
  }

  /** Throws `too_many_listeners` when `add` would have no room for this listener. */
  rejectIfFull({ address, operator }: ListenerIdentity): void {
    const full = this.#listeners.size >= this.#limits.all
    const refused = operator
      ? full && this.#oldestOfBusiestAddress() === undefined
      : full || this.#countOf(address) >= this.#limits.ofOneAddress
    if (refused) throw new HttpProblem('too_many_listeners')
  }

  /**
   * Call `rejectIfFull` right before. Returns the listener that had to make room, if any; the caller closes its
   * stream.
   */
  add(listener: L): L | undefined {
    const removed = this.#listeners.size >= this.#limits.all ? this.#oldestOfBusiestAddress() : undefined
    if (removed) this.#listeners.delete(removed)
    this.#listeners.add(listener)
    return removed
  }

  delete(listener: L): void {
    this.#listeners.delete(listener)
  }

  clear(): void {
    this.#listeners.clear()
  }

  #countOf(address: string): number {
    let count = 0
    for (const listener of this.#listeners) if (!listener.operator && listener.address === address) count++
    return count
  }

  /** The oldest listener of the address with the most listeners. Operators are not counted. */
  #oldestOfBusiestAddress(): L | undefined {
    const byAddress = new Map<string, { readonly oldest: L; count: number }>()
    let busiest: { readonly oldest: L; count: number } | undefined
    for (const listener of this.#listeners) {
      if (listener.operator) continue
      const found = byAddress.get(listener.address) ?? { oldest: listener, count: 0 }
      found.count++
      byAddress.set(listener.address, found)
      if (busiest === undefined || found.count > busiest.count) busiest = found
    }
    return busiest?.oldest
  }
}
