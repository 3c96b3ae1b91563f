import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Caller } from '../../../src/callers/caller.ts'
import { TurnChecker } from './support/checker.ts'
import { TurnWorld, type WorldParts } from './support/world.ts'

const HOUR_MS = 3_600_000
const MAX_WAIT_MS = 20_000
const LOAD_MS = 4_000

const ONE: Caller = { id: 'one', key: undefined, limits: { parallel: 1, queue: 1_000 } }

/** `far` runs in the cloud, so that its calls take no turn. */
const MODELS = [{ name: 'a' }, { name: 'b' }, { name: 'far', weights: 'cloud' }]

/** A world that is checked at each grant. Model `a` is loaded, and nobody calls. */
function aWorld(parts: Partial<WorldParts> = {}) {
  const world = new TurnWorld({
    models: MODELS,
    numParallel: 4,
    turns: { maxWaitMs: MAX_WAIT_MS, maxSwitching: 1 },
    ...parts,
  })
  const checker = new TurnChecker(world, { isCalm: true, longestWaitMs: () => undefined })
  world.ask({ model: 'a' })
  world.settle(HOUR_MS)
  return { world, checker }
}

function states(world: TurnWorld): string {
  return world.admission.turns
    .runners()
    .map(({ names, state }) => `${names} ${state}`)
    .join(', ')
}

function waitsFor(world: TurnWorld, model: string): string | undefined {
  const lane = world.admission.model(model)?.lane
  const [ticket] = lane?.waiting() ?? []
  return ticket && lane?.waitingFor(ticket, world.now)
}

describe('a call that waits for its caller', () => {
  it('brings its model no turn, and brings it as soon as the caller has room', () => {
    const { world } = aWorld()
    world.ask({ model: 'far', outputMs: 60_000 }, ONE)
    const call = world.ask({ model: 'b' }, ONE)
    world.clock.advance(59_000)
    assert.deepEqual([states(world), waitsFor(world, 'b'), world.engineLoads], ['a loaded', 'caller', 1])
    assert.equal(world.admission.turns.next(world.now), undefined)
    world.settle(HOUR_MS)
    assert.equal(call.end, 'done')
    assert.equal(Math.round(call.waitMs / 1_000), 60)
    assert.equal(world.engineLoads, 2)
  })

  it('does not keep its model in memory when another one is wanted', () => {
    const { world } = aWorld()
    world.ask({ model: 'far', outputMs: 300_000 }, ONE)
    const held = world.ask({ model: 'a' }, ONE)
    const call = world.ask({ model: 'b' })
    assert.deepEqual([held.state, call.state], ['line', 'running'])
    world.clock.advance(MAX_WAIT_MS)
    assert.deepEqual([held.state, call.end], ['line', 'done'])
    world.settle(HOUR_MS)
  })

  it('is not the one call of a load', () => {
    const { world } = aWorld()
    const far = world.ask({ model: 'far', outputMs: 2_000 }, ONE)
    const busy = world.ask({ model: 'a', outputMs: 30_000 })
    const [held, call] = [world.ask({ model: 'b' }, ONE), world.ask({ model: 'b' })]
    const kept = world.ask({ model: 'far', outputMs: 60_000 }, ONE)
    // The oldest call of the caller that can run goes: b has no turn yet.
    world.leave(far)
    assert.deepEqual([held.state, kept.state], ['line', 'running'])
    world.leave(busy)
    // Model a is usually called again at once, so it lingers.
    world.clock.advance(LOAD_MS / 2)
    assert.deepEqual([held.state, call.state], ['line', 'running'])
    world.settle(HOUR_MS)
  })

  it('ends a change for its model when the caller has lost its room meanwhile', () => {
    const { world } = aWorld()
    const busy = world.ask({ model: 'a', outputMs: 300_000 })
    world.clock.advance(1_000)
    const call = world.ask({ model: 'b' }, ONE)
    world.clock.advance(MAX_WAIT_MS + 1_000)
    assert.equal(states(world), 'a leaving')
    const next = world.ask({ model: 'a' })
    const far = world.ask({ model: 'far', outputMs: 10_000 }, ONE)
    assert.deepEqual([states(world), busy.state, next.state], ['a loaded', 'running', 'running'])
    world.leave(far)
    assert.equal(states(world), 'a loaded')
    // The drain that came to nothing has taken time of the busy model, too.
    world.clock.advance(80_000)
    assert.equal(states(world), 'a leaving')
    world.settle(HOUR_MS)
    assert.equal(call.end, 'done')
  })

  it('gets its turn after max_wait, though its caller keeps the loaded model busy', () => {
    const { world } = aWorld()
    world.askMany(2, { model: 'a', outputMs: 2_000 }, ONE)
    const call = world.ask({ model: 'b' }, ONE)
    world.askMany(100, { model: 'a', outputMs: 2_000 }, ONE)
    world.settle(HOUR_MS)
    assert.ok(call.waitMs <= MAX_WAIT_MS + 2_000 + 250 + LOAD_MS, `${call.waitMs} ms`)
    assert.equal(call.end, 'done')
  })

  it('lets the loaded model linger as any other call does', () => {
    const { world } = aWorld()
    const short = { model: 'a', outputMs: 1_000 }
    for (let round = 0; round < 5; round++) {
      world.ask(short, ONE)
      world.clock.advance(1_200)
    }
    world.ask(short, ONE)
    const call = world.ask({ model: 'b' }, ONE)
    world.settle(HOUR_MS)
    // The call that runs, and half of a load of which nothing is known.
    assert.ok(call.waitMs >= 1_100 + 1_000, `${call.waitMs} ms`)
    assert.equal(call.end, 'done')
  })

  it('with other load options brings its model no load either', () => {
    const { world } = aWorld()
    world.ask({ model: 'far', outputMs: 30_000 }, ONE)
    const held = world.ask({ model: 'a', numCtx: 8_192 }, ONE)
    const call = world.ask({ model: 'a' })
    assert.deepEqual([held.state, call.state], ['line', 'running'])
    world.clock.advance(29_000)
    assert.equal(world.engineLoads, 1)
    world.settle(HOUR_MS)
    assert.deepEqual([held.end, world.engineLoads], ['done', 2])
  })

  it('makes the proxy look again when nobody has looked for long', () => {
    const { world, checker } = aWorld({ keepAliveMs: 10_000, maxLoaded: 2 })
    world.ask({ model: 'b' })
    world.settle(HOUR_MS)
    world.ask({ model: 'far', outputMs: 60_000 }, ONE)
    const call = world.ask({ model: 'b' }, ONE)
    world.clock.advance(59_000)
    assert.deepEqual([world.isLoaded({ model: 'b' }), call.state], [false, 'line'])
    world.settle(HOUR_MS)
    assert.deepEqual([call.end, checker.surprises], ['done', 0])
  })

  it('is served also when turns are off, and its model had no turn before', () => {
    const { world } = aWorld()
    for (const model of ['b', 'a']) {
      world.ask({ model })
      world.settle(HOUR_MS)
    }
    assert.equal(states(world), 'a loaded')
    world.orderTurns({ ordered: false })
    const far = world.ask({ model: 'far', outputMs: 60_000 }, ONE)
    const call = world.ask({ model: 'b' }, ONE)
    assert.equal(call.state, 'line')
    world.leave(far)
    assert.equal(call.state, 'running')
    world.settle(HOUR_MS)
  })

  it('is served also when turns are switched off or on meanwhile', () => {
    for (const ordered of [false, true]) {
      const { world, checker } = aWorld({ turns: { ordered: !ordered } })
      const far = world.ask({ model: 'far', outputMs: 60_000 }, ONE)
      const calls = ['a', 'b'].map((model) => world.ask({ model }, ONE))
      world.orderTurns({ ordered })
      world.leave(far)
      world.settle(HOUR_MS)
      for (const call of calls) assert.equal(call.end, 'done')
      world.clock.advance(HOUR_MS)
      checker.isQuiet()
    }
  })
})
