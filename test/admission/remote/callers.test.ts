import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callerFrom, factsOf } from '../../../src/admission/remote/caller-facts.ts'
import { NO_LIMITS } from '../../../src/callers/caller.ts'
import { RemoteWorld } from './support/remote-world.ts'

const MANY = { parallel: 10, queue: 10 }
const alice = (parallel: number, queue?: number) => ({
  caller: { id: 'alice', limits: { parallel, ...(queue !== undefined && { queue }) } },
})
const BOB = { caller: { id: 'bob' } }

/** Asks for a slot and claims it. */
function take(world: RemoteWorld, id: string, request: Parameters<RemoteWorld['ask']>[1]) {
  const answers = world.ask(id, request)
  world.leases.claim(id)
  return answers
}

describe('the limits of a caller, over all isolates', () => {
  it('keep its calls in line, and delay nobody else', () => {
    const world = new RemoteWorld(MANY)
    take(world, 'a', alice(1))
    const second = take(world, 'b', alice(1))
    assert.equal(second.length, 0)
    assert.equal(take(world, 'c', BOB)[0]?.granted, true)
    assert.deepEqual(world.lane, { active: 2, queued: 1 })
    world.leases.release('a', 'done')
    assert.equal(second[0]?.granted, true)
  })

  it('hold for the calls of all models together', () => {
    const world = new RemoteWorld(MANY)
    take(world, 'a', alice(1))
    const elsewhere = take(world, 'b', { ...alice(1), model: 'mistral' })
    assert.equal(elsewhere.length, 0)
    world.leases.release('a', 'done')
    assert.equal(elsewhere[0]?.granted, true)
  })

  it('refuse a call past its places in line, and say whose limit that is', () => {
    const world = new RemoteWorld(MANY)
    take(world, 'a', alice(1, 1))
    take(world, 'b', alice(1, 1))
    const [refused] = take(world, 'c', alice(1, 1))
    assert.ok(refused?.granted === false)
    assert.deepEqual([refused.code, refused.facts.scope], ['queue_full', 'caller'])
  })

  it('free the room of a call whose isolate died', () => {
    const world = new RemoteWorld(MANY)
    world.ask('dead', alice(1))
    const next = world.ask('next', alice(1))
    world.pass(5_000)
    assert.equal(next[0]?.granted, true)
  })

  it('hold after a restart for calls from before', () => {
    const world = new RemoteWorld(MANY)
    take(world, 'a', alice(2))
    take(world, 'b', alice(2))
    world.restart()
    const third = take(world, 'c', alice(2))
    assert.equal(third.length, 0)
    assert.equal(take(world, 'd', BOB)[0]?.granted, true)
    world.leases.release('a', 'done')
    assert.equal(third[0]?.granted, true)
  })

  it('that are lower after a restart take no slot from a call that has one', () => {
    const world = new RemoteWorld({ parallel: 3, queue: 10 })
    for (const id of ['a', 'b']) take(world, id, alice(2))
    // As after a deployment that lowered the limit: of a caller, no two rows need have the same limits.
    for (const [id, row] of world.storage.rows) world.storage.rows.set(id, { ...row, ...alice(1) })
    world.restart()
    assert.deepEqual(world.lane, { active: 2, queued: 0 })
    const third = take(world, 'c', alice(1))
    world.leases.release('a', 'done')
    assert.equal(third.length, 0)
    world.leases.release('b', 'done')
    assert.equal(third[0]?.granted, true)
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })
})

describe('the share of a caller, over all isolates', () => {
  it('goes through JSON with its weight, and is nothing without one', () => {
    const limits = { ...NO_LIMITS, weight: 2.5 }
    const text = JSON.stringify(factsOf({ id: 'alice', key: undefined, limits }))
    assert.equal(text, '{"id":"alice","limits":{"weight":2.5}}')
    assert.deepEqual(callerFrom(JSON.parse(text)).limits, limits)
    assert.equal(JSON.stringify(factsOf({ id: 'bob', key: undefined, limits: NO_LIMITS })), '{"id":"bob"}')
  })

  it('is charged with the class and the user of a call that runs over a restart', () => {
    const world = new RemoteWorld(MANY)
    take(world, 'a', { ...alice(2), class: 'batch', user: 'mia' })
    take(world, 'b', alice(2))
    const kept = () => Array.from(world.storage.leases(), ({ class: name, user }) => [name, user])
    assert.deepEqual(kept(), [
      ['batch', 'mia'],
      ['normal', undefined],
    ])
    world.restart()
    assert.deepEqual(world.lane, { active: 2, queued: 0 })
    world.leases.release('a', 'done')
    assert.deepEqual(kept(), [['normal', undefined]])
  })
  it('is shared by the people behind its key, also after a restart', () => {
    const key = { name: 'webui', class: 'normal', slotSeconds: {}, tokens: {}, users: 'open-webui' } as const
    const of = (user: string) => ({ caller: { id: 'webui', key }, user })
    const world = new RemoteWorld()
    take(world, 'running', of('ann'))
    world.restart()
    const [first, second] = [take(world, 'ann-1', of('ann')), take(world, 'ann-2', of('ann'))]
    const bob = take(world, 'bob-1', of('bob'))
    world.pass(1_000)
    world.leases.release('running', 'done')
    assert.deepEqual([first.length, second.length, bob.length], [0, 0, 1])
  })
})
