import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AcquireRequest, AcquireResult } from '../../../src/admission/remote/protocol.ts'
import { CLAIM_MS, LEASE_MS } from '../../../src/admission/remote/protocol.ts'
import type { TurnSettings } from '../../../src/admission/turns/contract.ts'
import { A_REQUEST, RemoteWorld } from './support/remote-world.ts'

const SERVED = { served: true, loadMs: 0 }

function inTurns(turns: Partial<TurnSettings> = {}, parallel = 2): RemoteWorld {
  return new RemoteWorld({ parallel, queue: 100 }, { turns: { ordered: true, ...turns } })
}

/** Asks for a slot of the model that is the first letter of the id, and claims the slot as soon as it is granted. */
function call(world: RemoteWorld, id: string, request: Partial<AcquireRequest> = {}): AcquireResult[] {
  const answers: AcquireResult[] = []
  const asked = { ...A_REQUEST, model: id.slice(0, 1), waitMs: 600_000, ...request }
  world.leases.acquire(id, asked, (answer) => {
    answers.push(answer)
    if (answer.granted) assert.equal(world.leases.claim(id), true)
  })
  return answers
}

const isGranted = ([answer]: readonly AcquireResult[]) => answer?.granted === true

/** The model is in memory, and nothing runs. */
async function loaded(world: RemoteWorld, model: string): Promise<void> {
  assert.ok(isGranted(call(world, `${model}-first`)))
  await world.live(1_000)
  world.memory.names = [model]
  world.leases.began(`${model}-first`)
  world.leases.release(`${model}-first`, 'done', SERVED)
}

const runnersOf = ({ leases }: RemoteWorld) =>
  leases.admission.turns.runners().map(({ runner, options, state }) => [runner, options, state])

/** What the first call in line of a model waits for. */
function waitsFor(world: RemoteWorld, model: string): string | undefined {
  const lane = world.leases.admission.model(model)?.lane
  for (const ticket of lane?.waiting() ?? []) return lane?.waitingFor(ticket as never, world.clock.now())
  return undefined
}

describe('the turns of models whose calls come from isolates', () => {
  it('keep a call in line until the other model is idle, and then send one call alone', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    const first = call(world, 'a-1')
    const others = ['b-1', 'b-2', 'b-3'].map((id) => call(world, id))
    await world.live(2_000)
    assert.deepEqual(first, [{ granted: true, waitMs: 0, slots: 1, loads: false }])
    assert.deepEqual(world.laneOf('b'), { active: 0, queued: 3 })
    assert.equal(waitsFor(world, 'b'), 'turn')
    world.leases.release('a-1', 'done', SERVED)
    await world.live(1_000)
    assert.deepEqual(others.map(isGranted), [true, false, false])
    assert.ok(others[0]?.[0]?.granted && others[0][0].loads)
    assert.equal(waitsFor(world, 'b'), 'load')
  })

  const loading = async (): Promise<{ world: RemoteWorld; others: AcquireResult[][] }> => {
    const world = inTurns()
    await loaded(world, 'a')
    const others = ['b-1', 'b-2', 'b-3'].map((id) => call(world, id))
    await world.live(5_000)
    assert.deepEqual(others.map(isGranted), [true, false, false])
    return { world, others }
  }

  it('go on when /api/ps shows the model', async () => {
    const { world, others } = await loading()
    world.memory.names = ['b']
    await world.live(500)
    assert.deepEqual(others.map(isGranted), [true, true, false])
    assert.equal(waitsFor(world, 'b'), 'slot')
  })

  it('go on when an isolate tells that Ollama has begun to answer', async () => {
    const { world, others } = await loading()
    world.leases.began('b-1')
    assert.deepEqual(others.map(isGranted), [true, true, false])
  })

  it('go on when the call that loaded the model is over, though nothing else told of it', async () => {
    const { world, others } = await loading()
    world.memory.silent = true
    world.leases.release('b-1', 'done', SERVED)
    assert.deepEqual(others.map(isGranted), [true, true, true])
  })

  it('go on when the isolate of that call has died', async () => {
    const { world, others } = await loading()
    await world.live(LEASE_MS - 6_000)
    assert.deepEqual(others.map(isGranted), [true, false, false])
    await world.live(2_000)
    assert.deepEqual(others.map(isGranted), [true, true, false])
    assert.deepEqual(
      ['b-1', 'b-2'].map((id) => world.leases.renew(id)),
      [false, true],
    )
  })

  it('refuse nobody because isolates died in line: that is no failed load', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    call(world, 'a-1')
    const dead = ['b-1', 'b-2', 'b-3'].map((id) => world.ask(id, { model: 'b', waitMs: 600_000 }))
    const living = call(world, 'b-4')
    world.leases.release('a-1', 'done', SERVED)
    await world.live(dead.length * CLAIM_MS + 2_000)
    assert.ok(isGranted(living))
    assert.deepEqual(
      world.loads.filter(({ failed }) => failed),
      [],
    )
  })

  it('serve a call without a slot in the turn of its model alone, and its lease takes no slot', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    call(world, 'a-1')
    const load = call(world, 'b-load', { slots: 0, work: 'load' })
    await world.live(2_000)
    assert.ok(!isGranted(load))
    world.leases.release('a-1', 'done', SERVED)
    await world.live(1_000)
    assert.ok(isGranted(load))
    assert.equal(world.laneOf('b').active, 0)
    assert.deepEqual(
      [...world.storage.rows.values()].map(({ id, slots, work }) => [id, slots, work]),
      [['b-load', 0, 'load']],
    )
    const unload = call(world, 'a-unload', { slots: 0, work: 'unload' })
    assert.ok(isGranted(unload), 'an unload waits for nothing')
  })

  it('tell the isolates apart that need a model with other options', async () => {
    const world = inTurns({}, 4)
    await loaded(world, 'a')
    call(world, 'a-1')
    const other = call(world, 'a-2', { options: 'num_ctx=4096' })
    const again = call(world, 'a-3', { options: 'num_ctx=4096' })
    const same = call(world, 'a-4')
    assert.deepEqual([other, again, same].map(isGranted), [false, false, true])
    for (const id of ['a-1', 'a-4']) world.leases.release(id, 'done', SERVED)
    await world.live(1_000)
    assert.deepEqual([other, again].map(isGranted), [true, false])
    // Before and afterwards /api/ps shows the same model, so only the isolate can tell.
    world.leases.began('a-2')
    await world.live(500)
    assert.deepEqual([other, again].map(isGranted), [true, true])
    assert.deepEqual(runnersOf(world), [['a', 'num_ctx=4096', 'loaded']])
  })
})

describe('an object that restarts in the order of turns', () => {
  it('counts the models of running calls as loaded, and no other', async () => {
    const world = inTurns({ together: [['a', 'b']] })
    await loaded(world, 'a')
    call(world, 'a-1')
    call(world, 'b-1')
    world.memory.names = ['a', 'b']
    await world.live(1_000)
    const loads = world.loads.length
    world.restart()
    assert.deepEqual(runnersOf(world), [
      ['a', '', 'loaded'],
      ['b', '', 'loaded'],
    ])
    const more = ['a-2', 'b-2', 'c-1'].map((id) => call(world, id))
    assert.deepEqual(more.map(isGranted), [true, true, false])
    assert.equal(world.loads.length, loads, 'nothing was loaded for them')
    assert.equal(world.leases.renew('a-1'), true)
    for (const id of ['a-1', 'b-1', 'a-2', 'b-2']) world.leases.release(id, 'done', SERVED)
    await world.live(2_000)
    assert.deepEqual(more.map(isGranted), [true, true, true])
  })

  it('knows with which options the model of its running calls is loaded', async () => {
    const world = inTurns({}, 4)
    const options = 'num_ctx=4096'
    call(world, 'a-1', { options })
    world.leases.began('a-1')
    world.restart()
    assert.deepEqual(runnersOf(world), [['a', options, 'loaded']])
    const calls = [call(world, 'a-2', { options }), call(world, 'a-3', { options: 'num_ctx=8192' })]
    assert.deepEqual(calls.map(isGranted), [true, false])
  })

  it('takes a load up that was under way: the model counts as loaded while the load runs', async () => {
    const world = inTurns()
    call(world, 'a-load', { slots: 0, work: 'load' })
    world.restart()
    assert.deepEqual(runnersOf(world), [['a', '', 'loaded']])
    assert.equal(world.laneOf('a').active, 0)
    const other = call(world, 'b-1')
    assert.ok(!isGranted(other))
    world.leases.release('a-load', 'done', SERVED)
    await world.live(1_000)
    assert.ok(isGranted(other))
    assert.deepEqual([...world.storage.rows.keys()], ['b-1'])
  })

  it('takes an unload up as one: the model is gone when the unload is over', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    call(world, 'a-unload', { slots: 0, work: 'unload' })
    world.restart()
    world.leases.release('a-unload', 'done', SERVED)
    assert.deepEqual(runnersOf(world), [])
    assert.ok(isGranted(call(world, 'b-1')))
  })

  it('knows of nothing loaded after a sleep, and asks when a second model is called', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    await world.live(20_000)
    world.restart()
    assert.deepEqual(runnersOf(world), [])
    const asked = world.memory.askedAt.length
    assert.ok(isGranted(call(world, 'a-1')))
    world.leases.began('a-1')
    assert.deepEqual(runnersOf(world), [['a', '', 'loaded']])
    assert.equal(world.memory.askedAt.length, asked)
    call(world, 'b-1')
    await world.live(2_000)
    assert.ok(world.memory.askedAt.length > asked)
  })

  it('counts no model as loaded whose lease ran out while the object was away', async () => {
    const world = inTurns()
    call(world, 'a-1')
    world.leases.began('a-1')
    world.storage.alarmAt = undefined
    world.clock.advance(LEASE_MS)
    world.restart()
    assert.deepEqual(runnersOf(world), [])
    assert.equal(world.storage.rows.size, 0)
  })
})

describe('the questions of the object for the models in memory', () => {
  const gapsSince = ({ memory }: RemoteWorld, from: number) =>
    memory.askedAt.slice(from).map((at, index, all) => at - (all[index - 1] ?? at))

  it('come often during a change, seldom while models share the machine, and else not at all', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    await world.live(10_000)
    assert.equal(world.clock.pending, 0, 'an object without calls can sleep')
    call(world, 'a-1')
    call(world, 'b-1')
    const steady = world.memory.askedAt.length
    await world.live(4_500)
    assert.deepEqual(new Set(gapsSince(world, steady).slice(1)), new Set([2_000]))
    world.leases.release('a-1', 'done', SERVED)
    await world.live(500)
    const changing = world.memory.askedAt.length
    await world.live(1_000)
    assert.deepEqual(new Set(gapsSince(world, changing).slice(1)), new Set([250]))
    world.leases.release('b-1', 'done', SERVED)
    await world.live(10_000)
    assert.equal(world.clock.pending, 0)
  })

  it('rest while nobody calls, though Ollama does not answer, and nobody waits for a turn', async () => {
    const world = inTurns()
    await loaded(world, 'a')
    world.memory.silent = true
    call(world, 'a-1')
    const other = call(world, 'b-1')
    await world.live(15_000)
    assert.equal(world.leases.admission.turns.mode, 'unavailable')
    assert.ok(isGranted(other))
    for (const id of ['a-1', 'b-1']) world.leases.release(id, 'failed')
    await world.live(5_000)
    const asked = world.memory.askedAt.length
    await world.live(60_000)
    assert.equal(world.memory.askedAt.length, asked)
    assert.equal(world.clock.pending, 0)
    world.memory.silent = false
    call(world, 'a-2')
    await world.live(2_500)
    assert.equal(world.leases.admission.turns.mode, 'auto')
  })
})
