/** Finds the member that is first. Each change costs O(log n). A member knows its place, so that it can leave. */
export abstract class Heap<T> {
  readonly #members: T[] = []

  get first(): T | undefined {
    return this.#members[0]
  }

  get size(): number {
    return this.#members.length
  }

  /** Whether `a` comes before `b`. Call `moved` after a change of what this depends on. */
  protected abstract isBefore(a: T, b: T): boolean
  /** Place of the member; -1 for one that is not here. */
  protected abstract placeOf(member: T): number
  protected abstract put(member: T, place: number): void

  has(member: T): boolean {
    return this.placeOf(member) >= 0
  }

  add(member: T): void {
    this.put(member, this.#members.length)
    this.#members.push(member)
    this.#rise(member)
  }

  remove(member: T): void {
    const last = this.#members.pop()
    if (last !== undefined && last !== member) {
      this.#put(last, this.placeOf(member))
      this.moved(last)
    }
    this.put(member, -1)
  }

  /** The order of a member may have changed. */
  moved(member: T): void {
    this.#rise(member)
    this.#sink(member)
  }

  #rise(member: T): void {
    for (;;) {
      const place = this.placeOf(member)
      const parent = place === 0 ? undefined : this.#members[(place - 1) >> 1]
      if (parent === undefined || !this.isBefore(member, parent)) return
      this.#swap(parent, member)
    }
  }

  #sink(member: T): void {
    for (;;) {
      const left = 2 * this.placeOf(member) + 1
      const [a, b] = [this.#members[left], this.#members[left + 1]]
      const lower = b !== undefined && a !== undefined && this.isBefore(b, a) ? b : a
      if (lower === undefined || !this.isBefore(lower, member)) return
      this.#swap(member, lower)
    }
  }

  /** `below` takes the place of `above`, its parent. */
  #swap(above: T, below: T): void {
    const place = this.placeOf(above)
    this.#put(above, this.placeOf(below))
    this.#put(below, place)
  }

  #put(member: T, place: number): void {
    this.#members[place] = member
    this.put(member, place)
  }
}
