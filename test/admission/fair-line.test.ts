import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Accounts } from '../../src/admission/accounts.ts'
import type { CallerAccount } from '../../src/admission/caller-account.ts'
import type { Call, FairSettings } from '../../src/admission/contract.ts'
import { aheadOf } from '../../src/admission/fair/ahead.ts'
import { type ChargedPermit, ended, settle } from '../../src/admission/fair/charge.ts'
import { FairLine } from '../../src/admission/fair/fair-line.ts'
import { servingOrder } from '../../src/admission/fair/serving-order.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { CALL_CLASSES, type Caller, NO_LIMITS } from '../../src/callers/caller.ts'
import { aKey } from '../callers/support/builders.ts'
import { aCall } from './support/builders.ts'
import { Random } from './turns/support/random.ts'

const STEPS = 8_000
/** More calls in line say nothing more, and take longer. */
const MOST = 60
const CALLERS = 9
const MEAN_MS = 1_000

interface Member {
  waiting: boolean
  readonly number: number
  readonly account: CallerAccount
  readonly call: Call
}

interface Habits {
  readonly settings?: FairSettings
  /** Some callers have limits of running calls. */
  readonly caps?: boolean
  /** Some calls take no slot. */
  readonly loads?: boolean
}

/** A line, its accounts, and what stands there told a second time as an array. */
class World {
  readonly random: Random
  readonly accounts: Accounts
  readonly line: FairLine<Member>
  readonly #habits: Habits
  readonly #callers: readonly Caller[]
  members: Member[] = []
  running: (ChargedPermit & { account: CallerAccount })[] = []
  arrivals = 0
  seen = { taken: 0, left: 0, blocked: 0 }

  constructor(seed: number, habits: Habits = {}) {
    this.#habits = habits
    this.random = new Random(seed)
    this.accounts = new Accounts({ fairness: habits.settings ?? FAIR, opens() {} })
    this.line = new FairLine(
      { lineMoved() {}, isReserved: () => false, estimate: { meanMs: MEAN_MS } },
      this.accounts,
    )
    this.#callers = Array.from({ length: CALLERS }, (_, index) => this.#caller(index))
  }

  step(): void {
    const roll = this.random.next()
    if (roll < 0.4 && this.members.length < MOST) this.join()
    else if (roll < 0.5) this.leave(this.random.below(this.members.length))
    else if (roll < 0.55)
      this.leave(this.members.findIndex(({ number }) => number === this.line.first()?.number))
    else if (roll < 0.75) this.take()
    else if (roll < 0.98) this.end()
    else this.#stand()
  }

  draw(): Call {
    const { random } = this
    const caller = random.from(this.#callers) ?? assert.fail()
    const user = caller.key?.users && random.from(['ana', 'ben', undefined])
    const slots = this.#habits.loads && random.chance(0.1) ? 0 : 1
    return aCall({ caller, user, slots, class: random.from(CALL_CLASSES) ?? 'normal' })
  }

  join(call = this.draw()): Member {
    const account = this.accounts.of(call.caller, 0)
    const member = { waiting: true, number: ++this.arrivals, account, call }
    account.joined()
    this.line.join(member)
    this.members.push(member)
    return member
  }

  leave(index: number): void {
    const [member] = this.members.splice(index, index < 0 ? 0 : 1)
    if (member === undefined) return
    this.line.leave(member)
    member.waiting = false
    member.account.left(0)
    this.line.sweep()
    this.seen.left++
  }

  take(): Member | undefined {
    const expected = this.line.first()
    const member = expected === undefined ? undefined : this.line.takeFirst()
    assert.equal(member, expected)
    if (member === undefined) return undefined
    member.waiting = false
    this.members.splice(this.members.indexOf(member), 1)
    const { account, call } = member
    if (call.slots > 0) {
      const charged = { call, slots: 1, part: undefined, share: undefined, person: undefined, predicted: 0 }
      const permit = { ...charged, account }
      account.began()
      this.line.served(permit, MEAN_MS, true)
      this.running.push(permit)
    }
    account.left(0)
    this.seen.taken++
    return member
  }

  end(): void {
    const [permit] = this.running.splice(this.random.below(this.running.length), 1)
    if (permit === undefined) return
    settle(permit, this.random.below(3 * MEAN_MS), MEAN_MS, true)
    ended(permit)
    permit.account.ended(0)
  }

  /** The call that goes next, found by looking at all of them. */
  expected(): Member | undefined {
    const eligible = this.members.filter(({ account, call }) => account.mayRun(call))
    const [load, ...rest] = [...eligible].sort((a, b) => this.#compare(a, b))
    const oldestLoad = eligible.find(({ call }) => call.slots === 0)
    const first = [load, ...rest].find((each) => each !== undefined && each.call.slots > 0)
    if (oldestLoad === undefined) return first
    return first === undefined || oldestLoad.number < first.number ? oldestLoad : first
  }

  check(): void {
    const { line, members } = this
    assert.equal(line.living, members.length)
    assert.deepEqual([...line], members)
    assert.equal(line.first(), this.expected())
    const eligible = members.filter(({ account, call }) => account.mayRun(call))
    assert.equal(line.oldest(), eligible[0])
    assert.equal(line.eligible > 0, eligible.length > 0)
    if (eligible.length < members.length) this.seen.blocked++
  }

  #caller(index: number): Caller {
    const parallel = this.#habits.caps && index % 3 === 0 ? 1 + (index % 2) : Number.POSITIVE_INFINITY
    const limits = { ...NO_LIMITS, parallel, weight: 1 + (index % 4) }
    const key = index % 4 === 0 ? aKey(`${index}`, { users: 'open-webui', limits }) : undefined
    return { id: `${index}`, key, limits }
  }

  #stand(): void {
    for (const each of this.line.takeAll()) this.line.join(each)
  }

  #compare(a: Member, b: Member): number {
    for (const [one, other] of [
      [this.#classV(a), this.#classV(b)],
      [this.#oldestOfClass(a), this.#oldestOfClass(b)],
      [this.#key(a), this.#key(b)],
      [this.#oldestOfCaller(a), this.#oldestOfCaller(b)],
      [this.#personKey(a), this.#personKey(b)],
      [a.number, b.number],
    ] as const)
      if (one !== other) return one - other
    return 0
  }

  #classV({ call }: Member): number {
    return call.slots === 0 ? 0 : this.line.classOf(call).v
  }

  /** Number of the oldest call of the caller that goes next in the class. */
  #oldestOfClass({ call }: Member): number {
    return call.slots === 0 ? 0 : (this.line.classOf(call).order.next()?.rank ?? 0)
  }

  #key({ call, account }: Member): number {
    return this.line.classOf(call).find(account)?.key ?? 0
  }

  #oldestOfCaller({ call, account }: Member): number {
    return this.line.classOf(call).find(account)?.oldest?.number ?? 0
  }

  #personKey({ call, account }: Member): number {
    return (
      this.line
        .classOf(call)
        .find(account)
        ?.people?.find(call.user ?? '')?.key ?? 0
    )
  }
}

describe('a fair line', () => {
  it('has next whoever has got least, whatever comes, goes and changes', () => {
    const world = new World(7, { caps: true, loads: true })
    for (let step = 0; step < STEPS; step++) {
      world.step()
      world.check()
    }
    for (const count of Object.values(world.seen)) assert.ok(count > 50, JSON.stringify(world.seen))
  })

  it('keeps the order of arrival where nothing is shared', () => {
    const world = new World(8, { settings: { ...FAIR, fair: false }, loads: true })
    for (let step = 0; step < STEPS / 4; step++) {
      world.step()
      assert.equal(world.line.first(), world.members[0])
    }
    assert.ok(world.seen.taken > 200, `${world.seen.taken} calls were taken`)
  })

  it('holds nothing once it is empty', () => {
    const world = new World(9, { caps: true })
    for (let step = 0; step < STEPS / 4; step++) world.step()
    while (world.members.length > 0) world.leave(0)
    while (world.running.length > 0) world.end()
    assert.equal(world.line.nodes, 0)
    assert.equal([...world.line.branches()].length, 0)
    assert.ok(world.accounts.size <= 1)
  })

  it('tells the order that it then serves, if calls last as predicted', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const world = new World(seed, { loads: true })
      for (let step = 0; step < 200; step++) world.step()
      const told = [...servingOrder(world.line, 4, MEAN_MS)]
      assert.equal(told.length, world.members.length)
      const served = told.map(() => world.take())
      assert.deepEqual(
        told.map(({ number }) => number),
        served.map((member) => member?.number),
        `seed ${seed}`,
      )
    }
  })

  it('tells a call that arrives how many go before, by the same order', () => {
    let several = 0
    for (let seed = 1; seed <= 200; seed++) {
      const world = new World(seed)
      for (let step = 0; step < 150; step++) world.step()
      const call = world.draw()
      const predicted = aheadOf(world.line, call, world.accounts.of(call.caller, 0), { meanMs: MEAN_MS })
      const waiting = world.members.length
      const member = world.join(call)
      const place = [...servingOrder(world.line, 4, MEAN_MS)].indexOf(member)
      // Which call of another class or caller comes first among equals depends on the whole order.
      assert.ok(Math.abs(place - predicted) <= 3, `seed ${seed}: told ${predicted}, stands at ${place}`)
      if (predicted < waiting) several++
    }
    assert.ok(several > 50, `${several} stood before others`)
  })
})
