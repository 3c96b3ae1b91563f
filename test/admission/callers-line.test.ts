import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Accounts, type CallerAccount } from '../../src/admission/accounts.ts'
import { CallersLine } from '../../src/admission/callers-line.ts'
import { aCall } from './support/builders.ts'
import { Random } from './turns/support/random.ts'

const STEPS = 20_000
/** More calls in line say nothing more, and take longer. */
const MOST = 60
const CALLERS = 12

interface Member {
  waiting: boolean
  readonly number: number
  readonly account: CallerAccount
  readonly call: ReturnType<typeof aCall>
}

/** A line, and the same line told a second time as an array. */
class World {
  readonly random = new Random(7)
  readonly line = new CallersLine<Member>({ lineMoved() {} })
  readonly accounts = new Accounts({ partLines: () => this.line.part(), opens() {} })
  members: Member[] = []
  running: CallerAccount[] = []
  arrivals = 0
  apart = 0

  step(): void {
    const { line, random } = this
    const roll = random.next()
    if (roll < 0.45 && this.members.length < MOST) this.join()
    else if (roll < 0.6) this.leave(random.below(this.members.length))
    else if (roll < 0.65) this.leave(this.members.findIndex(({ number }) => number === this.expected?.number))
    else if (roll < 0.8) this.take()
    else if (roll < 0.97) this.end()
    else if (roll < 0.99) this.limit()
    else for (const each of line.takeAll()) line.join(each)
    this.check()
  }

  /** The oldest call that may run. */
  get expected(): Member | undefined {
    return this.members.find(({ account, call }) => account.mayRun(call))
  }

  join(): void {
    const { random } = this
    const id = `${random.below(CALLERS)}`
    const parallel = Number(id) % 3 === 0 ? Number.POSITIVE_INFINITY : 1 + (Number(id) % 3)
    const caller = { id, key: undefined, limits: { parallel, queue: 100 } }
    const call = aCall({ caller, slots: random.chance(0.1) ? 0 : 1 })
    const account = this.accounts.of(caller, 0)
    const member = { waiting: true, number: ++this.arrivals, account, call }
    account.joined()
    this.line.join(member)
    this.members.push(member)
  }

  leave(index: number): void {
    const [member] = index < 0 ? [] : this.members.splice(index, 1)
    if (member === undefined) return
    this.line.leave(member)
    member.account.left()
    member.waiting = false
    if (this.random.chance(0.5)) this.line.sweep()
  }

  take(): void {
    const first = this.line.first()
    if (first === undefined) return
    assert.equal(this.line.takeFirst(), first)
    first.account.left()
    first.waiting = false
    this.members.splice(this.members.indexOf(first), 1)
    if (first.call.slots === 0) return
    first.account.began()
    this.running.push(first.account)
  }

  end(): void {
    const [account] = this.running.splice(this.random.below(this.running.length), 1)
    account?.ended(0)
  }

  limit(): void {
    const limits = { parallel: this.random.of(1, 2, 3, Number.POSITIVE_INFINITY), queue: 100 }
    const id = `${this.random.below(CALLERS)}`
    this.accounts.changed((each) => (each === id ? limits : undefined), 0)
  }

  check(): void {
    const { line, members } = this
    assert.equal(line.first(), this.expected)
    assert.deepEqual([...line], members)
    assert.equal(line.living, members.length)
    assert.equal(line.eligible, this.eligible())
    if (line.eligible < line.living) this.apart++
  }

  /** Of the calls of a caller with a limit, as many may run as the caller has room for. */
  eligible(): number {
    const room = new Map<CallerAccount, number>()
    let eligible = 0
    for (const { account, call } of this.members) {
      const left = call.slots === 0 ? 1 : (room.get(account) ?? account.room)
      if (call.slots > 0) room.set(account, left - 1)
      if (left > 0) eligible++
    }
    return eligible
  }
}

describe('a line with the calls of several callers', () => {
  it('has the oldest call first that may run, whatever comes, goes and changes', () => {
    const world = new World()
    for (let step = 0; step < STEPS; step++) world.step()
    assert.ok(world.apart > STEPS / 10, `${world.apart}`)
  })

  it('holds few nodes for the calls that have left', () => {
    const world = new World()
    for (let round = 0; round < 2_000; round++) {
      world.join()
      world.join()
      world.leave(world.random.below(world.members.length))
      world.line.sweep()
      const mostNodes = 2 * world.members.length + 33 * (CALLERS + 1)
      assert.ok(world.line.nodes <= mostNodes, `${world.line.nodes} nodes`)
    }
    while (world.members.length > 100) {
      world.leave(world.random.below(world.members.length))
      world.line.sweep()
    }
    assert.ok(world.line.nodes <= 200 + 33 * (CALLERS + 1), `${world.line.nodes} nodes`)
    while (world.members.length > 0) world.leave(world.random.below(world.members.length))
    world.line.sweep()
    // The lines of callers without calls are gone.
    assert.ok(world.line.nodes <= 33, `${world.line.nodes} nodes`)
  })
})
