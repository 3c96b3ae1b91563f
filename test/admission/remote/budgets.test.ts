import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CallReport, Limits } from '../../../src/admission/contract.ts'
import { type CallerFacts, callerFrom, factsOf } from '../../../src/admission/remote/caller-facts.ts'
import { CLAIM_MS, LEASE_MS, RENEW_EVERY_MS } from '../../../src/admission/remote/protocol.ts'
import { type Caller, EVERYBODY, type Key, NO_LIMITS } from '../../../src/callers/caller.ts'
import { dayOf } from '../../../src/callers/windows.ts'
import { aKey } from '../../callers/support/builders.ts'
import { RemoteWorld } from './support/remote-world.ts'

const DAY_MS = 86_400_000
const callerOf = (key: Key): Caller => ({ id: key.name, key, limits: key.limits })
const factsFor = (changes: Partial<Key> = {}): CallerFacts => factsOf(callerOf(aKey('alice', changes)))
const TEN_SECONDS = { caller: factsFor({ slotSeconds: { day: 10 } }) }

/** At noon in UTC, so that the first day and the month begin well in every zone. */
function aWorld(limits?: Limits): RemoteWorld {
  const world = new RemoteWorld(limits)
  world.clock.advance(DAY_MS / 2)
  return world
}

/** A report of an answer with so many tokens. */
const told = (tokens: number): CallReport => ({ served: true, loadMs: 0, tokens })

/** What alice has used today: slot-seconds and tokens. */
function used({ budgets, clock }: RemoteWorld, name = 'alice'): [number, number] {
  const { slotSeconds, tokens } = budgets.used(aKey(name), clock.wallTime()).day
  return [slotSeconds, tokens]
}

/** A call from its grant to its end. */
function run(world: RemoteWorld, id: string, seconds: number, request: Parameters<RemoteWorld['ask']>[1]) {
  const answers = world.ask(id, request)
  world.leases.claim(id)
  for (let left = seconds * 1_000; left > 0; left -= RENEW_EVERY_MS) {
    world.pass(Math.min(left, RENEW_EVERY_MS))
    world.leases.renew(id)
  }
  return answers
}

describe('a lease of a caller with a key', () => {
  it('is charged when it is given back: the time of its slots, and the tokens', () => {
    const world = aWorld({ parallel: 3, queue: 10 })
    run(world, 'a', 2, { ...TEN_SECONDS, slots: 3 })
    assert.deepEqual(used(world), [0, 0])
    world.leases.release('a', 'done', told(70))
    assert.deepEqual(used(world), [6, 70])
    const at = world.clock.wallTime()
    assert.deepEqual(
      [...world.storage.useRows.values()],
      [{ key: 'alice', day: dayOf(at).id, slotMs: 6_000, tokens: 70, at }],
    )
  })

  it('is charged once, though its release comes twice, and after a restart a third time', () => {
    const world = aWorld()
    run(world, 'a', 2, TEN_SECONDS)
    world.leases.release('a', 'done', told(5))
    world.leases.release('a', 'done', told(5))
    world.restart()
    world.leases.release('a', 'done', told(5))
    assert.deepEqual(used(world), [2, 5])
  })

  it('is charged however its call ended, and without figures for the time alone', () => {
    const world = aWorld()
    run(world, 'a', 1, TEN_SECONDS)
    world.leases.release('a', 'cancelled')
    run(world, 'b', 2, TEN_SECONDS)
    world.leases.release('b', 'failed')
    assert.deepEqual(used(world), [3, 0])
  })

  it('costs nothing in line, and nothing without a slot', () => {
    const world = aWorld()
    world.ask('other')
    world.ask('in-line', TEN_SECONDS)
    world.pass(3_000)
    world.leases.release('in-line', 'cancelled')
    run(world, 'load', 1, { ...TEN_SECONDS, model: 'mistral', slots: 0, work: 'load' })
    world.leases.release('load', 'done')
    assert.deepEqual(used(world), [0, 0])
    assert.equal(world.storage.useRows.size, 0)
  })

  it('of a call that waited is charged from its grant', () => {
    const world = aWorld()
    world.ask('other')
    world.leases.claim('other')
    world.ask('a', TEN_SECONDS)
    world.pass(4_000)
    world.leases.release('other', 'done')
    world.pass(1_000)
    world.leases.release('a', 'done')
    assert.deepEqual(used(world), [1, 0])
  })

  it('whose isolate died is charged for the time of the lease, in line for the time of its claim', () => {
    const world = aWorld()
    world.ask('a', TEN_SECONDS)
    world.leases.claim('a')
    world.ask('b', TEN_SECONDS)
    world.pass(LEASE_MS)
    assert.deepEqual(used(world), [LEASE_MS / 1_000, 0])
    world.pass(CLAIM_MS)
    assert.deepEqual(used(world), [(LEASE_MS + CLAIM_MS) / 1_000, 0])
  })

  it('whose alarm comes late is charged for its own time alone', () => {
    const world = aWorld()
    world.ask('a', TEN_SECONDS)
    world.leases.claim('a')
    world.clock.advance(LEASE_MS + 60_000)
    world.leases.expire()
    assert.deepEqual(used(world), [LEASE_MS / 1_000, 0])
  })

  it('of nobody in particular is charged to nobody', () => {
    const world = aWorld()
    run(world, 'a', 2, { caller: { id: '192.0.2.1' } })
    world.leases.release('a', 'done', told(5))
    assert.equal(world.storage.useRows.size, 0)
  })
})

describe('a key with a budget', () => {
  it('completes the call that crosses the limit, and gets no other until the window ends', () => {
    const world = aWorld()
    run(world, 'a', 20, TEN_SECONDS)
    world.leases.release('a', 'done')
    const [refused] = world.ask('b', TEN_SECONDS)
    assert.deepEqual(refused, {
      granted: false,
      code: 'insufficient_quota',
      facts: { model: 'llama2', window: 'day' },
    })
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
    world.clock.advance(DAY_MS)
    assert.equal(world.ask('c', TEN_SECONDS)[0]?.granted, true)
  })

  it('that is spent hinders no other key, and no call that has its place already', () => {
    const world = aWorld()
    run(world, 'a', 11, TEN_SECONDS)
    const inLine = world.ask('b', TEN_SECONDS)
    world.leases.release('a', 'done')
    assert.equal(inLine[0]?.granted, true)
    assert.equal(world.ask('b', TEN_SECONDS)[0]?.granted, true, 'the same slot, asked for again')
    world.leases.release('b', 'done')
    assert.equal(world.ask('c', { caller: factsOf(callerOf(aKey('bob'))) })[0]?.granted, true)
  })

  it('of tokens of a month is spent over its days, and free on the first', () => {
    const world = aWorld()
    const request = { caller: factsFor({ tokens: { month: 100 } }) }
    for (const id of ['a', 'b']) {
      run(world, id, 1, request)
      world.leases.release(id, 'done', told(50))
      world.clock.advance(DAY_MS)
    }
    const [refused] = world.ask('c', request)
    assert.equal(refused?.granted === false && refused.facts.window, 'month')
    world.clock.advance(29 * DAY_MS)
    assert.equal(world.ask('d', request)[0]?.granted, true)
  })
})

describe('what keys have used', () => {
  it('is there after a restart, for the day and for the month', () => {
    const world = aWorld()
    for (const [id, seconds] of [
      ['a', 3],
      ['b', 4],
    ] as const) {
      run(world, id, seconds, TEN_SECONDS)
      world.leases.release(id, 'done', told(7))
      world.clock.advance(DAY_MS)
    }
    const before = world.budgets.used(aKey('alice'), world.clock.wallTime() - DAY_MS)
    world.restart()
    const after = world.budgets.used(aKey('alice'), world.clock.wallTime() - DAY_MS)
    assert.deepEqual(after, before)
    assert.deepEqual([after.day.slotSeconds, after.month.slotSeconds, after.month.tokens], [4, 7, 14])
  })

  it('holds a call that ran over a restart, from its grant', () => {
    const world = aWorld()
    run(world, 'a', 8, TEN_SECONDS)
    world.restart()
    world.pass(2_000)
    world.leases.release('a', 'done', told(1))
    assert.deepEqual(used(world), [10, 1])
    assert.equal(world.ask('b', TEN_SECONDS)[0]?.granted, false)
  })

  it('holds the lease that ran out while the object was away', () => {
    const world = aWorld()
    world.ask('a', TEN_SECONDS)
    world.leases.claim('a')
    world.storage.alarmAt = undefined
    world.pass(3 * LEASE_MS)
    world.restart()
    assert.deepEqual(used(world), [LEASE_MS / 1_000, 0])
  })

  it('is kept for today and 31 days before, in one row a day', () => {
    const world = aWorld()
    for (let day = 0; day < 100; day++) {
      for (const id of [`a${day}`, `b${day}`]) {
        run(world, id, 1, TEN_SECONDS)
        world.leases.release(id, 'done')
      }
      world.clock.advance(DAY_MS)
    }
    assert.equal(world.storage.useRows.size, 32)
    world.clock.advance(40 * DAY_MS)
    world.restart()
    assert.equal(world.storage.useRows.size, 0)
  })
})

describe('a caller on its way to the object', () => {
  it('keeps its id, its limits and its budgets, and nothing that is secret', () => {
    const limits = { parallel: 2, queue: Number.POSITIVE_INFINITY }
    const key = aKey('alice', {
      hash: 'ab'.repeat(32),
      ed25519: 'ssh-ed25519 AAAA',
      address: ['192.0.2.0/24'],
      models: ['llama3.2'],
      class: 'batch',
      limits,
      slotSeconds: { day: 10 },
      tokens: { month: 20 },
    })
    const facts = factsOf(callerOf(key))
    const text = JSON.stringify(facts)
    assert.doesNotMatch(text, /abab|ssh-|192|llama/)
    const { id, key: known, limits: kept } = callerFrom(JSON.parse(text) as CallerFacts)
    assert.deepEqual([id, kept, known?.limits], ['alice', limits, limits])
    assert.deepEqual([known?.class, known?.slotSeconds, known?.tokens], ['batch', { day: 10 }, { month: 20 }])
  })

  it('without a key and without limits is its id', () => {
    assert.deepEqual(factsOf(EVERYBODY), { id: 'everybody' })
    assert.deepEqual(callerFrom({ id: 'everybody' }), EVERYBODY)
    assert.equal(callerFrom(factsFor()).limits, NO_LIMITS)
  })
})
