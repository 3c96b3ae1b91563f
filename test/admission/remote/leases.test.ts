import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLAIM_MS, LEASE_MS, RENEW_EVERY_MS } from '../../../src/admission/remote/protocol.ts'
import { RemoteWorld } from './support/remote-world.ts'

const GRANTED = { granted: true, waitMs: 0, slots: 1, loads: false }

describe('a lease', () => {
  it('is a slot of the lane until it is released', () => {
    const world = new RemoteWorld()
    assert.deepEqual(world.ask('a'), [GRANTED])
    assert.equal(world.leases.claim('a'), true)
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
    world.leases.release('a', 'done')
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
    assert.equal(world.storage.rows.size, 0)
  })

  it('is handed on to the next in line in the same turn, with the time it waited', () => {
    const world = new RemoteWorld()
    world.ask('a')
    const b = world.ask('b')
    world.pass(1_500)
    assert.deepEqual(b, [])
    world.leases.release('a', 'done')
    assert.deepEqual(b, [{ granted: true, waitMs: 1_500, slots: 1, loads: false }])
    assert.deepEqual([...world.storage.rows.keys()], ['b'])
  })

  it('is refused with all the facts when the line is full', () => {
    const world = new RemoteWorld({ parallel: 1, queue: 0 })
    world.ask('a')
    const [turn] = world.ask('b')
    assert.ok(turn && !turn.granted)
    assert.equal(turn.code, 'queue_full')
    assert.equal(turn.facts.model, 'llama2')
    assert.ok((turn.facts.retryAfterMs ?? 0) >= 1_000)
  })

  it('is refused at the deadline, counted in the time of the gate', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.leases.claim('a')
    const b = world.ask('b', { waitMs: 2_000 })
    world.pass(1_900)
    assert.equal(b.length, 0)
    world.pass(400)
    const [turn] = b
    assert.equal(turn?.granted === false && turn.code, 'timeout')
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })

  it('lives as long as it is renewed, and no longer', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.leases.claim('a')
    for (let minute = 0; minute < 30; minute++) {
      world.pass(RENEW_EVERY_MS)
      assert.equal(world.leases.renew('a'), true)
    }
    world.pass(LEASE_MS - 1)
    assert.equal(world.lane.active, 1)
    world.pass(1)
    assert.equal(world.lane.active, 0)
    assert.equal(world.leases.renew('a'), false)
  })

  it('that has run out cannot be renewed, though no alarm has gone off yet', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.leases.claim('a')
    world.clock.advance(LEASE_MS)
    assert.equal(world.leases.renew('a'), false)
    const b = world.ask('b')
    assert.deepEqual(b, [GRANTED])
    assert.equal(world.lane.active, 1)
  })
})

describe('a request that comes twice', () => {
  it('gets the same slot while it runs', () => {
    const world = new RemoteWorld({ parallel: 2, queue: 10 })
    world.ask('a')
    assert.deepEqual(world.ask('a'), [GRANTED])
    assert.equal(world.leases.claim('a'), true)
    assert.equal(world.leases.claim('a'), true)
    assert.deepEqual(world.ask('a'), [GRANTED])
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })

  it('gets the same place in line, and both are told', () => {
    const world = new RemoteWorld()
    world.ask('a')
    const first = world.ask('b')
    const again = world.ask('b')
    assert.equal(world.lane.queued, 1)
    world.leases.release('a', 'done')
    assert.deepEqual([...first, ...again], [GRANTED, GRANTED])
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })

  it('gives a slot back once, whatever else has it by then', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.ask('b')
    world.ask('c')
    for (let times = 0; times < 3; times++) world.leases.release('a', 'done')
    assert.deepEqual(world.lane, { active: 1, queued: 1 })
    assert.equal(world.leases.claim('b'), true)
    assert.equal(world.leases.claim('c'), false)
  })

  it('for what nobody knows does nothing', () => {
    const world = new RemoteWorld()
    world.leases.release('x', 'done')
    assert.equal(world.leases.claim('x'), false)
    assert.equal(world.leases.renew('x'), false)
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
  })
})

describe('an isolate that dies', () => {
  it('in line costs the slot it is then granted for five seconds', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.leases.claim('a')
    world.ask('dead')
    const next = world.ask('next')
    world.leases.release('a', 'done')
    world.pass(CLAIM_MS - 1)
    assert.deepEqual(next, [])
    world.pass(1)
    assert.deepEqual(next, [{ granted: true, waitMs: CLAIM_MS, slots: 1, loads: false }])
    assert.equal(world.leases.claim('dead'), false)
  })

  it('before it claims its slot costs it for five seconds', () => {
    const world = new RemoteWorld()
    world.ask('dead')
    const next = world.ask('next')
    world.pass(CLAIM_MS)
    assert.equal(next.length, 1)
  })

  it('while it streams costs its slot for one lease, however long it ran', () => {
    const world = new RemoteWorld()
    world.ask('dead')
    world.leases.claim('dead')
    world.pass(RENEW_EVERY_MS)
    world.leases.renew('dead')
    const next = world.ask('next')
    world.pass(LEASE_MS - 1)
    assert.deepEqual(next, [])
    world.pass(1)
    assert.equal(next.length, 1)
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })

  it('whose release is lost costs no more than that', () => {
    const world = new RemoteWorld({ parallel: 2, queue: 10 })
    world.ask('a')
    world.ask('b')
    world.leases.claim('a')
    world.leases.claim('b')
    world.leases.release('a', 'done')
    world.pass(LEASE_MS)
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
    assert.equal(world.storage.rows.size, 0)
    assert.equal(world.storage.alarmAt, undefined, 'nothing is left to wake up for')
  })

  it('teaches the lane nothing about how long calls take', () => {
    const world = new RemoteWorld()
    world.ask('dead')
    world.pass(CLAIM_MS)
    assert.equal(world.leases.admission.model('llama2')?.lane.estimate.meanMs, undefined)
  })
})

describe('an object that restarts', () => {
  it('with nothing given out begins empty', () => {
    const world = new RemoteWorld()
    world.restart()
    assert.deepEqual(world.ask('a'), [GRANTED])
    assert.equal(world.storage.rows.size, 1)
  })

  it('gives no slot out that is held, and its holders go on', () => {
    const world = new RemoteWorld({ parallel: 2, queue: 10 })
    for (const id of ['a', 'b']) {
      world.ask(id)
      world.leases.claim(id)
    }
    world.restart()
    assert.deepEqual(world.lane, { active: 2, queued: 0 })
    const c = world.ask('c')
    assert.deepEqual(c, [])
    assert.equal(world.leases.renew('a'), true)
    world.leases.release('b', 'done')
    assert.equal(c.length, 1)
    assert.equal(world.lane.active, 2)
  })

  it('takes a slot back when its lease, not a new one, has run out', () => {
    const world = new RemoteWorld()
    world.ask('dead')
    world.leases.claim('dead')
    world.pass(LEASE_MS - 1_000)
    world.restart()
    assert.equal(world.lane.active, 1)
    world.pass(1_000)
    assert.equal(world.lane.active, 0)
  })

  it('drops what ran out while it was away', () => {
    const world = new RemoteWorld()
    world.ask('dead')
    world.leases.claim('dead')
    world.storage.alarmAt = undefined
    world.pass(LEASE_MS)
    world.restart()
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
    assert.equal(world.storage.rows.size, 0)
  })

  it('gives who was in line a place when it asks again, and who was granted its slot', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.ask('b')
    world.restart()
    assert.deepEqual(world.ask('a'), [GRANTED], 'it had not heard of its slot yet')
    const b = world.ask('b')
    assert.deepEqual(world.lane, { active: 1, queued: 1 })
    world.leases.release('a', 'done')
    assert.equal(b.length, 1)
  })

  it('counts the time a slot was held from its grant', () => {
    const world = new RemoteWorld()
    world.ask('a')
    world.leases.claim('a')
    world.pass(8_000)
    world.restart()
    world.pass(2_000)
    world.leases.release('a', 'done')
    assert.equal(world.leases.admission.model('llama2')?.lane.estimate.meanMs, 10_000)
  })

  it('keeps the limits that an admin has set, those of the defaults too', () => {
    const world = new RemoteWorld()
    assert.deepEqual(world.leases.configure('llama2', { parallel: 3 }), { parallel: 3, queue: 10 })
    world.leases.configure('*', { queue: 5 })
    world.leases.configure('llama2', { queue: 7 })
    world.restart()
    assert.deepEqual(world.leases.admission.defaults, { parallel: 1, queue: 5 })
    world.ask('a')
    assert.deepEqual(world.leases.admission.model('llama2')?.lane.limits, { parallel: 3, queue: 7 })
  })

  it('with more slots out than a lowered limit allows gives out none until enough came back', () => {
    const world = new RemoteWorld({ parallel: 3, queue: 10 })
    for (const id of ['a', 'b', 'c']) {
      world.ask(id)
      world.leases.claim(id)
    }
    world.leases.configure('llama2', { parallel: 1 })
    world.restart()
    const d = world.ask('d')
    assert.deepEqual(world.lane, { active: 3, queued: 1 })
    world.leases.release('a', 'done')
    world.leases.release('b', 'done')
    assert.deepEqual(d, [])
    world.leases.release('c', 'done')
    assert.equal(d.length, 1)
  })
})
