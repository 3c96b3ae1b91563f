/** Choices that are equal on every machine: mulberry32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  of<T>(first: T, ...others: readonly T[]): T {
    return others[this.below(others.length + 1)] ?? first
  }

  /** A member of the list; undefined when the list is empty. */
  from<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)]
  }
}
