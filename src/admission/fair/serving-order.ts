import { Heap } from '../heap.ts'
import type { Branch } from './branch.ts'
import type { FairLine } from './fair-line.ts'
import type { FairMember } from './members.ts'

/** A call that waits, and the slot-milliseconds that its share will be charged with. */
interface Charged<T> {
  readonly call: T
  readonly slotMs: number
}

/** Calls of one caller, or of one person behind a key, that go one after the other. */
class Row<T extends FairMember> {
  /** What the share has got, in slot-milliseconds for each unit of weight. */
  key: number
  readonly #weight: number
  readonly #calls: readonly Charged<T>[]
  /** Calls of the caller that may run at once. */
  readonly #most: number
  /** The places in the order at which its running calls are taken to end, the next first. */
  readonly #ends: number[]
  #next = 0
  heapPlace = -1

  constructor(branch: Branch<T>, calls: readonly Charged<T>[], slots: number) {
    const { whose, share } = branch
    this.key = branch.key
    this.#weight = share.weight
    this.#calls = calls
    const { active, limits } = typeof whose === 'string' ? NO_CALLER : whose
    this.#most = limits.parallel
    const isCapped = limits.parallel < Number.POSITIVE_INFINITY
    this.#ends = isCapped ? Array.from({ length: active }, (_, index) => ((index + 1) * slots) / active) : []
  }

  /** The call that goes next. */
  get first(): Charged<T> | undefined {
    return this.#calls[this.#next]
  }

  get number(): number {
    return this.first?.call.number ?? 0
  }

  /** The place from which on the next call may go. */
  get mayGoAt(): number {
    const tooMany = this.#ends.length - this.#most
    return tooMany < 0 ? 0 : (this.#ends[tooMany] ?? 0)
  }

  /** The next call gets a slot. It is taken to end when `slots` others have begun. */
  go(place: number, slots: number): void {
    this.key += (this.first?.slotMs ?? 0) / this.#weight
    this.#next++
    if (this.#most < Number.POSITIVE_INFINITY) this.#ends.push(place + slots)
  }
}

/** The room of a person behind a key: the key has the limits. */
const NO_CALLER = { active: 0, limits: { parallel: Number.POSITIVE_INFINITY } }

class Rows<T extends FairMember> extends Heap<Row<T>> {
  protected override isBefore(a: Row<T>, b: Row<T>): boolean {
    return a.key === b.key ? a.number < b.number : a.key < b.key
  }

  protected override placeOf(row: Row<T>): number {
    return row.heapPlace
  }

  protected override put(row: Row<T>, place: number): void {
    row.heapPlace = place
  }
}

/** The rows of one class, or of the people behind one key. */
class RowOrder<T extends FairMember> {
  readonly #ready = new Rows<T>()
  /** Rows of callers that have as many calls running as they may. */
  #full: Row<T>[] = []
  readonly #slots: number

  constructor(rows: Iterable<Row<T>>, slots: number) {
    this.#slots = slots
    for (const row of rows) this.#add(row, 0)
  }

  /** The call that gets the slot at this place of the order. Undefined: all that wait, wait for calls of their callers. */
  at(place: number): Row<T> | undefined {
    const { first } = this.#ready
    if (this.#full.length === 0 || (first !== undefined && place < this.#fullUntil)) return first
    const all = this.#full
    this.#full = []
    for (const row of all) this.#add(row, place)
    return this.#ready.first
  }

  go(row: Row<T>, place: number): void {
    this.#ready.remove(row)
    row.go(place, this.#slots)
    if (row.first !== undefined) this.#add(row, place + 1)
  }

  /** The place from which on a call may go. */
  get nextAt(): number {
    if (this.#ready.size > 0) return 0
    return this.#fullUntil
  }

  get #fullUntil(): number {
    return this.#full.reduce((least, { mayGoAt }) => Math.min(least, mayGoAt), Number.POSITIVE_INFINITY)
  }

  #add(row: Row<T>, place: number): void {
    if (row.mayGoAt <= place) this.#ready.add(row)
    else this.#full.push(row)
  }
}

/**
 * The calls of a line in the order in which they will be served, if no call comes or leaves and all take as long as calls
 * usually do. `parallel`: calls that run at once. `meanMs`: of a call.
 */
export function servingOrder<T extends FairMember>(
  line: FairLine<T>,
  parallel: number,
  meanMs = 0,
): Iterable<T> {
  const [one, another] = line.branches()
  const isOne = another === undefined && one?.people === undefined && line.loading === 0
  if (!line.rules.settings.fair || isOne) return line
  const slots = Number.isFinite(parallel) ? parallel : 1
  const classes = line.classes.flatMap((part) => {
    if (part === undefined || part.living === 0) return []
    const rows = Array.from(part.branches(), (branch) => new Row(branch, callsOf(branch, meanMs), slots))
    return [{ key: part.v, weight: part.weight, order: new RowOrder(rows, slots) }]
  })
  const served: T[] = []
  const loads = [...line.loads]
  const all = line.living - loads.length
  let calls = 0
  for (let place = 0; calls < all; place++) {
    let next: (typeof classes)[number] | undefined
    let row: Row<T> | undefined
    for (const each of classes) {
      const first = each.order.at(place)
      if (first === undefined) continue
      const isNext =
        next === undefined ||
        each.key < next.key ||
        (each.key === next.key && first.number < (row?.number ?? 0))
      if (isNext) [next, row] = [each, first]
    }
    if (next === undefined || row?.first === undefined) {
      // With many slots, many places are left out until a call of a caller is over.
      place = Math.max(place, Math.min(...classes.map(({ order }) => order.nextAt)) - 1)
      continue
    }
    // A call that only loads goes before a younger one.
    while (loads[0] !== undefined && loads[0].number < row.number) served.push(...loads.splice(0, 1))
    served.push(row.first.call)
    calls++
    next.key += row.first.slotMs / next.weight
    next.order.go(row, place)
  }
  return [...served, ...loads]
}

/** The calls of one branch in the order in which they go. */
function callsOf<T extends FairMember>(branch: Branch<T>, meanMs: number): readonly Charged<T>[] {
  const { people, share } = branch
  if (people === undefined)
    return Array.from(branch.members(), (call) => ({ call, slotMs: call.call.slots * meanMs * share.size }))
  const rows = Array.from(people.branches(), (person) => new Row(person, callsOf(person, meanMs), 1))
  const order = new RowOrder(rows, 1)
  const calls: Charged<T>[] = []
  for (let row = order.at(0); row?.first !== undefined; row = order.at(0)) {
    calls.push(row.first)
    order.go(row, 0)
  }
  return calls
}
