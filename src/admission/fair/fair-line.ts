import { CALL_CLASSES } from '../../callers/caller.ts'
import type { Call } from '../contract.ts'
import { Line } from '../line.ts'
import type { Branch } from './branch.ts'
import { Ages } from './branch-heaps.ts'
import { type ChargedPermit, charge } from './charge.ts'
import { ClassLine } from './class-line.ts'
import type { FairMember, LineOwner } from './members.ts'
import type { LineProgress, ServedLine } from './progress.ts'
import { BATCH, type FairRules, NORMAL } from './rules.ts'
import { Tombstones } from './tombstones.ts'

/**
 * A line that shares the slots among those that wait: among classes by their weights, in a class among callers by theirs,
 * and in equal parts among the people behind a key. Whoever has got least goes next; the calls of one caller keep their
 * order. Where the sharing is switched off, nobody is charged, so the oldest call goes next.
 *
 * A call that may not run, because its caller has no room, keeps its place and delays nobody: heaps hold those that may
 * run. So a grant costs O(log n), however many wait.
 */
export class FairLine<T extends FairMember> implements ServedLine {
  readonly rules: FairRules
  /** By index in CALL_CLASSES. Made for the first call of the class. */
  readonly classes: (ClassLine<T> | undefined)[] = []
  /** The callers by their oldest calls. */
  readonly ages = new Ages<Branch<T>>()
  /** What the class has got that was served last: the level of the order of classes. */
  v = 0
  readonly lane: LineOwner
  /** Calls that only load the model. They take no slot, so nobody is charged. Made for the first one. */
  #loads: Line<T> | undefined
  /** Calls of all classes. */
  #living = 0
  /** Those of them that may run, as far as their callers have room. */
  #eligible = 0
  /** The branch of the call that `first` returned last; undefined for a call that only loads. */
  #next: Branch<T> | undefined
  /** `key` of the branches from which the last call was taken. */
  #key = 0
  #personKey = 0
  readonly #tombstones = new Tombstones()

  constructor(lane: LineOwner, rules: FairRules) {
    this.lane = lane
    this.rules = rules
  }

  /** Calls that still wait. */
  get living(): number {
    return this.loading + this.#living
  }

  /** Calls that only load the model. */
  get loading(): number {
    return this.#loads?.living ?? 0
  }

  get loads(): Iterable<T> {
    return this.#loads ?? []
  }

  /** Calls that wait and may run, as far as their callers have room. */
  get mayRun(): number {
    return this.loading + this.#eligible
  }

  /** Those of them from which no slots are kept. */
  get eligible(): number {
    const batch = this.classes[BATCH]
    return batch !== undefined && this.#isKeptOut(batch) ? this.mayRun - batch.eligible : this.mayRun
  }

  /** Nodes held, tombstones included. */
  get nodes(): number {
    let nodes = this.#loads?.nodes ?? 0
    for (const branch of this.branches()) nodes += branch.nodes
    return nodes
  }

  /** Nodes that sweeping has moved so far. */
  get nodesMoved(): number {
    return this.#tombstones.moved
  }

  /** The calls that still wait, in the order of their arrival. */
  [Symbol.iterator](): Iterator<T> {
    const all = [...this.loads]
    let branches = this.loading > 0 ? 1 : 0
    for (const branch of this.branches()) {
      all.push(...branch.members())
      branches += branch.people === undefined ? 1 : 2
    }
    return (branches > 1 ? all.sort((a, b) => a.number - b.number) : all)[Symbol.iterator]()
  }

  *branches(): Iterable<Branch<T>> {
    for (const each of this.classes) if (each !== undefined) yield* each.branches()
  }

  join(member: T): void {
    const { account, call } = member
    if (call.slots === 0) {
      this.#loads ??= new Line()
      this.#loads.join(member)
      return
    }
    const part = this.classOf(call)
    const branch = part.of(account)
    const person = branch.people?.of(call.user ?? '')
    ;(person ?? branch).line?.join(member)
    person?.recount()
    branch.recount()
  }

  /** The call that goes next, of those that may run. The call stays in line. */
  first(): T | undefined {
    this.#next = this.nextClass()?.order.next()
    const call = this.#next?.next
    const load = this.#loads?.first()
    if (load === undefined || (call !== undefined && call.number < load.number)) return call
    this.#next = undefined
    return load
  }

  /** The call that has waited longest, of those that may run. */
  oldest(): T | undefined {
    const call = this.ages.oldest()
    const load = this.#loads?.first()
    return load === undefined || (call !== undefined && call.number < load.number) ? call : load
  }

  /** Takes the call that `first` returned last out of the line. `served` follows when the call gets a slot. */
  takeFirst(): T | undefined {
    const branch = this.#next
    if (branch === undefined) return this.#loads?.takeFirst()
    const person = branch.people?.order.next()
    const member = (person ?? branch).takeFirst()
    this.#key = branch.key
    this.#personKey = person?.key ?? 0
    branch.seen = undefined
    person?.recount()
    branch.recount()
    return member
  }

  /**
   * A call has got its slots, so its class, its caller and the person behind the key are charged. `meanMs`: of a call of
   * the lane. `wasFirst`: `takeFirst` has returned the call; otherwise the call has come just now.
   */
  served(permit: ChargedPermit, meanMs: number | undefined, wasFirst: boolean): void {
    const { call, account } = permit
    if (!this.rules.settings.fair || account === undefined) return
    const part = this.classOf(call)
    const share = account.shareOf(part.index)
    const users = account.usersOf(part.index)
    const person = users?.of(call.user ?? '')
    if (!wasFirst) {
      part.enter()
      this.#key = share.pass(part.level)
      if (users !== undefined) this.#personKey = person?.enter(users.level) ?? 0
    }
    this.v = part.v
    part.level.v = this.#key
    part.last = share
    share.served(part.level, this.#key)
    if (users !== undefined) {
      users.level.v = this.#personKey
      person?.served(users.level, this.#personKey)
    }
    permit.part = part
    permit.share = share
    permit.person = person
    charge(permit, meanMs)
  }

  /** Empties the line and returns the calls that still wait, in their order. */
  takeAll(): T[] {
    const all = [...this]
    this.#loads?.takeAll()
    for (const branch of [...this.branches()]) branch.takeAll()
    return all
  }

  /** A call leaves: its `waiting` is false from now on. */
  leave({ account, call }: T): void {
    if (call.slots === 0) {
      this.#loads?.leave()
      this.#tombstones.lie(this.#loads)
      return
    }
    const part = this.classOf(call)
    const branch = part.find(account)
    const person = branch?.people?.find(call.user ?? '')
    const own = person ?? branch
    own?.line?.leave()
    person?.recount()
    branch?.recount()
    this.#tombstones.lie(own?.line)
    if (person !== undefined) account.usersOf(part.index)?.left(call.user ?? '')
  }

  /** Call this after the last `leave` of a batch. */
  sweep(): void {
    this.#tombstones.sweep()
  }

  counted(living: number, eligible: number): void {
    this.#living += living
    this.#eligible += eligible
  }

  progress(classIndex: number): LineProgress {
    const part = this.classes[classIndex]
    const hasClass = part !== undefined && part.living + part.running > 0
    return { level: part?.level.v ?? 0, v: this.v, hasClass, last: part?.last }
  }

  /** The part of the line for calls of this class. */
  classOf({ class: asked = 'normal' }: Call): ClassLine<T> {
    const index = this.rules.settings.fair ? CALL_CLASSES.indexOf(asked) : NORMAL
    this.classes[index] ??= new ClassLine<T>(this, index)
    return this.classes[index]
  }

  /** Calls wait that a new one must not pass, though the free slots are kept from all of them. */
  keepsBehind({ class: asked, slots }: Call): boolean {
    return asked === 'batch' && slots > 0 && (this.classes[BATCH]?.eligible ?? 0) > 0
  }

  moved(now: number): void {
    this.lane.lineMoved(now)
  }

  /** The class that goes next. */
  nextClass(): ClassLine<T> | undefined {
    let first: ClassLine<T> | undefined
    for (const each of this.classes) {
      if (each === undefined || each.eligible === 0 || this.#isKeptOut(each)) continue
      if (first === undefined || each.goesBefore(first)) first = each
    }
    return first
  }

  /** The free slots are kept from calls of the class. */
  #isKeptOut({ index, order }: ClassLine<T>): boolean {
    if (index !== BATCH || this.rules.settings.reserve === 0) return false
    const first = order.next()?.next
    return first !== undefined && this.lane.isReserved(first.call, this)
  }
}
