import Queue from 'yocto-queue'

/** Below this many tombstones a rotation costs more than it frees. */
const TOMBSTONES_BEFORE_SWEEPING = 32

/**
 * A line that can be left from its middle, over a queue that cannot.
 *
 * Who leaves early stays as a tombstone: not counted in `living`, skipped when its turn comes, and swept out by one
 * rotation when the dead outnumber the living. A rotation moves fewer than two nodes for each tombstone it removes,
 * so leaving costs O(1), and there are never more than 2·living + 33 nodes.
 */
export class Line<T extends { readonly waiting: boolean }> {
  readonly #queue = new Queue<T>()
  #tombstones = 0
  #moved = 0

  /** Those who still wait. */
  get living(): number {
    return this.#queue.size - this.#tombstones
  }

  /** Nodes held, tombstones included. */
  get nodes(): number {
    return this.#queue.size
  }

  /** Nodes moved by sweeping so far: what leaving early has cost. */
  get nodesMoved(): number {
    return this.#moved
  }

  /** Those who still wait, the longest first. */
  *[Symbol.iterator](): Iterator<T> {
    for (const each of this.#queue) if (each.waiting) yield each
  }

  join(each: T): void {
    this.#queue.enqueue(each)
  }

  /** Takes who has waited longest. */
  next(): T | undefined {
    for (;;) {
      const each = this.#queue.dequeue()
      if (each === undefined || each.waiting) return each
      this.#tombstones--
    }
  }

  /** One that is in the line waits no more, and says so itself from now on. */
  left(): void {
    this.#tombstones++
  }

  /** To be called once the calls of `left` are over: it moves everybody. */
  sweep(): void {
    if (this.#tombstones <= Math.max(TOMBSTONES_BEFORE_SWEEPING, this.living)) return
    for (let left = this.#queue.size; left > 0; left--) {
      const each = this.#queue.dequeue()
      if (each?.waiting) this.#queue.enqueue(each)
      this.#moved++
    }
    this.#tombstones = 0
  }
}
