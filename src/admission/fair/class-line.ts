import { CALL_CLASSES } from '../../callers/caller.ts'
import type { CallerAccount } from '../caller-account.ts'
import { Branch } from './branch.ts'
import { type Ages, Order } from './branch-heaps.ts'
import type { LineMember } from './members.ts'
import type { FairRules } from './rules.ts'
import type { ServiceLevel, Share } from './share.ts'

/** What a class needs of its line. */
interface ClassTrunk<T extends LineMember> {
  /** What the class has got that was served last. */
  readonly v: number
  readonly rules: FairRules
  readonly ages: Ages<Branch<T>>
  readonly lane: object
  moved(now: number): void
  /** The numbers of calls have changed by these. */
  counted(living: number, eligible: number): void
}

/** The calls of one class in one line: a branch for each caller that waits. */
export class ClassLine<T extends LineMember> {
  /** Index of the class in CALL_CLASSES. */
  readonly index: number
  readonly level: ServiceLevel = { v: 0 }
  readonly order = new Order<Branch<T>>()
  /** What the class has got of this line, in slot-milliseconds for each unit of its weight. */
  v = 0
  /** Calls that wait. */
  living = 0
  /** Calls that wait and may run, as far as their callers have room. */
  eligible = 0
  /** Calls that hold slots. */
  running = 0
  /** The share that was served last. */
  last: Share | undefined
  readonly #trunk: ClassTrunk<T>
  /** Made for the first call that waits: most made-up names get no further. */
  #byCaller: Map<CallerAccount, Branch<T>> | undefined

  constructor(trunk: ClassTrunk<T>, index: number) {
    this.#trunk = trunk
    this.index = index
  }

  get weight(): number {
    return this.#trunk.rules.settings.weights[CALL_CLASSES[this.index] ?? 'normal']
  }

  get ages(): Ages<Branch<T>> {
    return this.#trunk.ages
  }

  get lane(): object {
    return this.#trunk.lane
  }

  /** The class that has got least goes next; among equals, the one whose next caller has the older call. */
  goesBefore({ v, order }: ClassLine<T>): boolean {
    if (this.v !== v) return this.v < v
    return (this.order.next()?.rank ?? 0) < (order.next()?.rank ?? 0)
  }

  /** Callers that wait. */
  get callers(): number {
    return this.#byCaller?.size ?? 0
  }

  branches(): Iterable<Branch<T>> {
    return this.#byCaller?.values() ?? []
  }

  find(account: CallerAccount): Branch<T> | undefined {
    return this.#byCaller?.get(account)
  }

  /** The branch of a caller, for a call that comes at once. */
  of(account: CallerAccount): Branch<T> {
    this.#byCaller ??= new Map()
    const known = this.#byCaller.get(account)
    if (known !== undefined) return known
    const share = account.shareOf(this.index)
    const branch = new Branch<T>(this, share, account, account.usersOf(this.index))
    this.#byCaller.set(account, branch)
    return branch
  }

  counted(living: number, eligible: number): void {
    if (eligible > 0) this.enter()
    this.living += living
    this.eligible += eligible
    this.#trunk.counted(living, eligible)
  }

  /** A call of the class may run. A class of which no call could run before has saved nothing up. */
  enter(): void {
    if (this.eligible === 0) this.v = Math.max(this.v, this.#trunk.v)
  }

  emptied({ whose }: Branch<T>): void {
    if (typeof whose !== 'string') this.#byCaller?.delete(whose)
  }

  moved(now: number): void {
    this.#trunk.moved(now)
  }
}
