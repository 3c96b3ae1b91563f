import type { AccountLine, CallerAccount } from './accounts.ts'
import type { Call } from './contract.ts'
import { Heap, type HeapMember } from './heap.ts'
import { Line } from './line.ts'

/** A call in line. */
interface LineMember {
  readonly waiting: boolean
  /** Grows with each arrival of the process. */
  readonly number: number
  readonly account: CallerAccount
  readonly call: Call
}

/** The lane of a line. */
export interface LineOwner {
  /** Other calls than before may be the next to go. */
  lineMoved(now: number): void
}

/**
 * A line in which a call that may not run, because its caller has no room, keeps its place and delays nobody. The calls of
 * each caller with a limit of running calls stand apart in a line of their own. A heap has those of these lines whose
 * callers have room, by their oldest calls. So a grant costs the same however many calls wait for their callers.
 */
export class CallersLine<T extends LineMember> {
  readonly #lane: LineOwner
  /** The calls that wait for no caller. */
  readonly #shared = new Line<T>()
  /** Made for the first call that stands apart. */
  #apart: Map<CallerAccount, OwnLine<T>> | undefined
  readonly #ready = new Heap<OwnLine<T>>()
  /** Calls that stand apart. */
  #livingApart = 0
  /** Calls that stand apart and may run. */
  #eligibleApart = 0
  /** The line of the call that `first` returned last. */
  #firstIn: Line<T> = this.#shared
  /** Lines of their own that calls have left since the last sweep. */
  #left: OwnLine<T>[] = []

  constructor(lane: LineOwner) {
    this.#lane = lane
  }

  /** Calls that still wait. */
  get living(): number {
    return this.#shared.living + this.#livingApart
  }

  /** Calls that wait and may run, as far as their callers have room. */
  get eligible(): number {
    return this.#shared.living + this.#eligibleApart
  }

  /** Nodes held, tombstones included. */
  get nodes(): number {
    let { nodes } = this.#shared
    for (const line of this.#apart?.values() ?? []) nodes += line.nodes
    return nodes
  }

  /** Nodes that sweeping has moved so far in the line of the calls that wait for no caller. */
  get nodesMoved(): number {
    return this.#shared.nodesMoved
  }

  /** The calls that still wait, in the order of their arrival. */
  [Symbol.iterator](): Iterator<T> {
    return (this.#livingApart === 0 ? this.#shared : this.#all())[Symbol.iterator]()
  }

  join(member: T): void {
    const { account, call } = member
    if (account.standsApart && call.slots > 0) this.#lineOf(account).join(member)
    else this.#shared.join(member)
  }

  /** The call that has waited longest, of those that may run. The call stays in line. */
  first(): T | undefined {
    const shared = this.#shared.first()
    const own = this.#firstReady()
    const isOwn = own !== undefined && (shared === undefined || own.oldest < shared.number)
    this.#firstIn = isOwn ? own : this.#shared
    return this.#firstIn.first()
  }

  /** Takes the call that `first` returned last out of the line. */
  takeFirst(): T | undefined {
    return this.#firstIn.takeFirst()
  }

  /** Empties the line and returns the calls that still wait, in their order. */
  takeAll(): T[] {
    const all = this.#all()
    this.#shared.takeAll()
    for (const line of this.#apart?.values() ?? []) line.takeAll()
    return all
  }

  /** A call leaves: its `waiting` is false from now on. */
  leave({ account, call }: T): void {
    const line = call.slots > 0 ? this.#apart?.get(account) : undefined
    if (line === undefined) this.#shared.leave()
    else {
      line.leave()
      this.#left.push(line)
    }
  }

  /** Call this after the last `leave` of a batch. */
  sweep(): void {
    this.#shared.sweep()
    if (this.#left.length === 0) return
    for (const line of this.#left) line.sweep()
    this.#left = []
  }

  /** Callers have limits now that had none. Their calls stand apart from now on. */
  part(): void {
    for (const member of this.takeAll()) this.join(member)
  }

  /** For OwnLine alone: the number of its calls has changed, or the room of its caller. */
  recount(line: OwnLine<T>, living: number, eligible: number): void {
    this.#livingApart += line.living - living
    this.#eligibleApart += line.eligible - eligible
    if (line.eligible > 0 && line.heapIndex < 0) {
      line.rank = line.oldest
      this.#ready.add(line)
    } else if (line.eligible === 0 && line.heapIndex >= 0) this.#ready.remove(line)
    if (line.living > 0) return
    this.#apart?.delete(line.account)
    line.account.leave(line)
  }

  /** For OwnLine alone. */
  get lane(): LineOwner {
    return this.#lane
  }

  #all(): T[] {
    const all = [...this.#shared]
    for (const line of this.#apart?.values() ?? []) all.push(...line)
    return all.sort((a, b) => a.number - b.number)
  }

  #lineOf(account: CallerAccount): OwnLine<T> {
    this.#apart ??= new Map()
    const known = this.#apart.get(account)
    if (known !== undefined) return known
    const line = new OwnLine<T>(this, account)
    this.#apart.set(account, line)
    account.enter(line)
    return line
  }

  /** The line of the oldest call that stands apart and may run. */
  #firstReady(): OwnLine<T> | undefined {
    for (;;) {
      const { first } = this.#ready
      // A call that was the oldest of its line may have left.
      if (first === undefined || first.rank === first.oldest) return first
      first.rank = first.oldest
      this.#ready.moved(first)
    }
  }
}

/** The calls of one caller in a line, apart from the others. */
class OwnLine<T extends LineMember> extends Line<T> implements AccountLine, HeapMember {
  readonly account: CallerAccount
  readonly #whole: CallersLine<T>
  /** Number of the oldest call, or of one that was the oldest and has left. */
  rank = 0
  heapIndex = -1
  /** Calls that may run now. */
  eligible = 0
  /** `living` at the last count. */
  #counted = 0

  constructor(whole: CallersLine<T>, account: CallerAccount) {
    super()
    this.#whole = whole
    this.account = account
  }

  get oldest(): number {
    return this.first()?.number ?? Number.POSITIVE_INFINITY
  }

  override join(member: T): void {
    super.join(member)
    this.recount()
  }

  override takeFirst(): T | undefined {
    const member = super.takeFirst()
    this.recount()
    return member
  }

  override takeAll(): T[] {
    const members = super.takeAll()
    this.recount()
    return members
  }

  override leave(): void {
    super.leave()
    this.recount()
  }

  recount(): void {
    const { eligible } = this
    const counted = this.#counted
    this.#counted = this.living
    this.eligible = Math.min(this.living, this.account.room)
    this.#whole.recount(this, counted, eligible)
  }

  moved(now: number): void {
    this.#whole.lane.lineMoved(now)
  }
}
