import Queue from 'yocto-queue'

/** Below this many tombstones a sweep costs more than it frees. */
const TOMBSTONES_BEFORE_SWEEPING = 32

/**
 * A first-in, first-out line that a member can leave from the middle, over a queue that allows no such thing.
 *
 * A member that leaves early stays in the queue as a tombstone. A tombstone does not count in `living`, is skipped at
 * the front, and is removed by one rotation of the queue when the tombstones outnumber the living. A rotation moves
 * fewer than two nodes for each tombstone that it removes, so leaving costs O(1), and the queue never holds more than
 * 2·living + 33 nodes.
 */
export class Line<T extends { readonly waiting: boolean }> {
  readonly #queue = new Queue<T>()
  #tombstones = 0
  #moved = 0

  /** Members that still wait. */
  get living(): number {
    return this.#queue.size - this.#tombstones
  }

  /** Nodes held, tombstones included. */
  get nodes(): number {
    return this.#queue.size
  }

  /** Nodes that sweeping has moved so far: the cost of members that left early. */
  get nodesMoved(): number {
    return this.#moved
  }

  /** The members that still wait, in the order of their arrival. */
  *[Symbol.iterator](): Iterator<T> {
    for (const member of this.#queue) if (member.waiting) yield member
  }

  join(member: T): void {
    this.#queue.enqueue(member)
  }

  /** The member that has waited longest. The member stays in line. */
  first(): T | undefined {
    for (;;) {
      const member = this.#queue.peek()
      if (member === undefined || member.waiting) return member
      this.#queue.dequeue()
      this.#tombstones--
    }
  }

  /** Takes the member that `first` returned last out of the line. */
  takeFirst(): T | undefined {
    return this.#queue.dequeue()
  }

  /** Empties the line and returns the members that still wait, in their order. */
  takeAll(): T[] {
    const members = [...this]
    this.#queue.clear()
    this.#tombstones = 0
    return members
  }

  /** A member leaves: its `waiting` is false from now on. */
  leave(): void {
    this.#tombstones++
  }

  /** Call this after the last `leave` of a batch: a sweep moves every member. */
  sweep(): void {
    if (this.#tombstones <= Math.max(TOMBSTONES_BEFORE_SWEEPING, this.living)) return
    for (let unseen = this.#queue.size; unseen > 0; unseen--) {
      const member = this.#queue.dequeue()
      if (member?.waiting) this.#queue.enqueue(member)
      this.#moved++
    }
    this.#tombstones = 0
  }
}
