/** What stands in a heap. The heap alone changes `heapIndex`. */
export interface HeapMember {
  /** The member with the lowest number is first. Call `moved` after a change. */
  readonly rank: number
  /** Place in the heap; -1 for what is in no heap. */
  heapIndex: number
}

/** Finds the member with the lowest rank. Each change costs O(log n). */
export class Heap<T extends HeapMember> {
  readonly #members: T[] = []

  get first(): T | undefined {
    return this.#members[0]
  }

  add(member: T): void {
    member.heapIndex = this.#members.length
    this.#members.push(member)
    this.#rise(member)
  }

  remove(member: T): void {
    const last = this.#members.pop()
    if (last !== undefined && last !== member) {
      this.#put(last, member.heapIndex)
      this.moved(last)
    }
    member.heapIndex = -1
  }

  /** The rank of a member has changed. */
  moved(member: T): void {
    this.#rise(member)
    this.#sink(member)
  }

  #rise(member: T): void {
    for (;;) {
      const parent = this.#members[(member.heapIndex - 1) >> 1]
      if (parent === undefined || parent.rank <= member.rank) return
      this.#swap(parent, member)
    }
  }

  #sink(member: T): void {
    for (;;) {
      const left = 2 * member.heapIndex + 1
      const [a, b] = [this.#members[left], this.#members[left + 1]]
      const lower = b !== undefined && a !== undefined && b.rank < a.rank ? b : a
      if (lower === undefined || lower.rank >= member.rank) return
      this.#swap(member, lower)
    }
  }

  /** `below` takes the place of `above`, its parent. */
  #swap(above: T, below: T): void {
    const index = above.heapIndex
    this.#put(above, below.heapIndex)
    this.#put(below, index)
  }

  #put(member: T, index: number): void {
    this.#members[index] = member
    member.heapIndex = index
  }
}
