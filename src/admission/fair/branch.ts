import type { CallerAccount } from '../caller-account.ts'
import { Line } from '../line.ts'
import { Ages, Order } from './branch-heaps.ts'
import type { LineMember } from './members.ts'
import type { SeenLine } from './progress.ts'
import type { ServiceLevel, Share } from './share.ts'
import type { UserShares } from './user-shares.ts'

/** What branches of a line grow from: the line itself, or the branch of a key whose people have branches. */
interface Trunk<T extends LineMember> {
  readonly level: ServiceLevel
  readonly order: Order<Branch<T>>
  readonly ages: Ages<Branch<T>>
  /** The numbers of calls have changed by these. */
  counted(living: number, eligible: number): void
  /** No call is left in this branch. */
  emptied(branch: Branch<T>): void
  /** Of the line. */
  readonly lane: object
  /** Other calls than before may be the next to go. */
  moved(now: number): void
}

/** The calls of one share in one line: of a caller in a class, or of a person behind a key. */
export class Branch<T extends LineMember> {
  readonly share: Share
  /** The calls, where no people are told apart. */
  readonly line: Line<T> | undefined
  /** The branches of the people behind a key. */
  readonly people: People<T> | undefined
  /** The caller; of a person behind a key, the person. */
  readonly whose: CallerAccount | string
  /** How far other lines had served when the caller was seen to wait. Undefined once the caller is served. */
  seen: SeenLine[] | undefined
  /** Number of the oldest call, or of one that was the oldest and has left. */
  rank = Number.POSITIVE_INFINITY
  orderPlace = -1
  agePlace = -1
  readonly #trunk: Trunk<T>
  #offset: number
  #living = 0
  #eligible = 0

  /** `users`: the shares of the people behind the key, where they are told apart. */
  constructor(trunk: Trunk<T>, share: Share, whose: CallerAccount | string, users?: UserShares) {
    this.#trunk = trunk
    this.share = share
    this.whose = whose
    this.#offset = share.enter(trunk.level) - share.v
    if (users === undefined) this.line = new Line<T>()
    else this.people = new People(this, users)
    share.places.push(this)
  }

  get lane(): object {
    return this.#trunk.lane
  }

  /** What its share has got, as its line counts. */
  get key(): number {
    return this.share.v + this.#offset
  }

  /** Calls that wait. */
  get living(): number {
    return this.line?.living ?? this.people?.living ?? 0
  }

  /** Calls that may run now, as far as the caller has room. */
  get eligible(): number {
    return this.#eligible
  }

  get nodes(): number {
    return this.line?.nodes ?? this.people?.nodes ?? 0
  }

  get oldest(): T | undefined {
    return this.line === undefined ? this.people?.ages.oldest() : this.line.first()
  }

  /** The call that goes next. */
  get next(): T | undefined {
    return this.line === undefined ? this.people?.order.next()?.oldest : this.line.first()
  }

  /** Takes the oldest call out of the line. For a branch without people. */
  takeFirst(): T | undefined {
    const member = this.line?.takeFirst()
    this.line?.sweep()
    return member
  }

  takeAll(): void {
    for (const person of [...(this.people?.branches() ?? [])]) person.takeAll()
    this.line?.takeAll()
    this.recount()
  }

  /** All calls. */
  *members(): Iterable<T> {
    if (this.line !== undefined) yield* this.line
    else for (const person of this.people?.branches() ?? []) yield* person.members()
  }

  /** Its share has been charged. */
  charged(): void {
    if (this.orderPlace >= 0) this.#trunk.order.moved(this)
  }

  /** False: its oldest call has left, and its place is corrected now. */
  isUpToDate(): boolean {
    const rank = this.oldest?.number ?? Number.POSITIVE_INFINITY
    if (rank === this.rank) return true
    this.rank = rank
    this.#trunk.order.moved(this)
    this.#trunk.ages.moved(this)
    return false
  }

  /** Calls have come or left, or the caller has another room. */
  recount(): void {
    const { living } = this
    const eligible = typeof this.whose === 'string' ? living : Math.min(living, this.whose.room)
    const { order, ages } = this.#trunk
    this.#trunk.counted(living - this.#living, eligible - this.#eligible)
    this.#living = living
    this.#eligible = eligible
    if (eligible > 0 && this.orderPlace < 0) {
      this.#enter()
      this.rank = this.oldest?.number ?? Number.POSITIVE_INFINITY
      order.add(this)
      ages.add(this)
    } else if (eligible === 0 && this.orderPlace >= 0) {
      order.remove(this)
      ages.remove(this)
    }
    if (living > 0) return
    const { places } = this.share
    places.splice(places.indexOf(this), 1)
    this.#trunk.emptied(this)
  }

  /** Other calls than before may be the next to go. */
  moved(now: number): void {
    this.#trunk.moved(now)
  }

  /** While the caller has no room, others get what it could not use, and it saves nothing up. */
  #enter(): void {
    const behind = this.#trunk.level.v - this.key
    if (behind <= 0) return
    this.#offset += behind
    this.seen = undefined
  }
}

/** The branches of the people behind one key, in one line. */
export class People<T extends LineMember> implements Trunk<T> {
  readonly order = new Order<Branch<T>>()
  readonly ages = new Ages<Branch<T>>()
  readonly level: ServiceLevel
  living = 0
  readonly #key: Branch<T>
  readonly #users: UserShares
  readonly #byUser = new Map<string, Branch<T>>()

  constructor(key: Branch<T>, users: UserShares) {
    this.#key = key
    this.#users = users
    this.level = users.level
  }

  get nodes(): number {
    let nodes = 0
    for (const each of this.#byUser.values()) nodes += each.nodes
    return nodes
  }

  branches(): Iterable<Branch<T>> {
    return this.#byUser.values()
  }

  find(user: string): Branch<T> | undefined {
    return this.#byUser.get(user)
  }

  of(user: string): Branch<T> {
    const known = this.#byUser.get(user)
    if (known !== undefined) return known
    const branch = new Branch<T>(this, this.#users.of(user), user)
    this.#byUser.set(user, branch)
    return branch
  }

  get lane(): object {
    return this.#key.lane
  }

  counted(living: number): void {
    this.living += living
  }

  emptied({ whose }: Branch<T>): void {
    this.#byUser.delete(`${whose}`)
  }

  moved(now: number): void {
    this.#key.moved(now)
  }
}
