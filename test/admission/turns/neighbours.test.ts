import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnChecker } from './support/checker.ts'
import type { PlayedCall } from './support/played-call.ts'
import { TurnWorld, type WorldParts } from './support/world.ts'

const HOUR_MS = 3_600_000
const MAX_WAIT_MS = 20_000

/** A world that is checked at each grant. */
function checked(parts: Partial<WorldParts> = {}): TurnWorld {
  const world = new TurnWorld({
    models: [{ name: 'a' }, { name: 'b' }],
    turns: { maxWaitMs: MAX_WAIT_MS },
    ...parts,
  })
  new TurnChecker(world, { isCalm: true, longestWaitMs: () => undefined })
  return world
}

/** A call of `model` comes every `everyMs`. */
function everyMs(world: TurnWorld, model: string, ms: number, count: number, outputMs: number): PlayedCall[] {
  const calls: PlayedCall[] = []
  const next = () => {
    calls.push(world.ask({ model, outputMs }))
    if (calls.length < count) world.clock.after(ms, next)
  }
  next()
  return calls
}

describe('a model that few use beside one that many use', () => {
  it('waits no longer than max_wait, a drain and a load, while the budget allows it', () => {
    const world = checked({ numParallel: 4, turns: { maxWaitMs: MAX_WAIT_MS, maxSwitching: 1 } })
    everyMs(world, 'a', 500, 1_000, 1_800)
    world.clock.advance(10_000)
    const cold = everyMs(world, 'b', 90_000, 5, 1_000)
    world.settle(HOUR_MS)
    for (const { waitMs } of cold) assert.ok(waitMs <= MAX_WAIT_MS + 2_000 + 4_000 + 1_000, `${waitMs} ms`)
  })

  it('costs the other one nothing once both are known to fit', () => {
    const models = [{ name: 'a' }, { name: 'b', isEmbedding: true }]
    const world = checked({ models, numParallel: 4, maxLoaded: 3 })
    for (const model of ['a', 'b']) world.ask({ model })
    world.settle(HOUR_MS)
    const hot = everyMs(world, 'a', 700, 200, 2_000)
    const cold = everyMs(world, 'b', 3_000, 40, 250)
    world.settle(HOUR_MS)
    for (const { waitMs, asked } of [...hot, ...cold]) assert.equal(waitMs, 0, asked.model)
    assert.equal(world.engineLoads, 2)
  })

  it('does not wait for a model that is paused', () => {
    const world = checked()
    world.ask({ model: 'a' })
    world.settle(HOUR_MS)
    world.admission.pause('a', true)
    const paused = world.askMany(5, { model: 'a' })
    const call = world.ask({ model: 'b' })
    world.clock.advance(10_000)
    assert.equal(call.state, 'over')
    assert.ok(paused.every(({ state }) => state === 'line'))
    world.admission.pause('a', false)
    world.settle(HOUR_MS)
  })

  it('is refused at its deadline, when that comes before max_wait', () => {
    const world = checked()
    const hot = world.askMany(30, { model: 'a', outputMs: 2_000 })
    const call = world.ask({ model: 'b', patienceMs: 3_000 })
    world.clock.advance(3_300)
    assert.equal(call.end, 'timeout')
    world.settle(HOUR_MS)
    assert.ok(hot.every(({ end }) => end === 'done'))
    assert.equal(world.engineLoads, 1)
  })
})

describe('calls that only load their model', () => {
  it('wait for the turn of their model, and take no slot in it', () => {
    const world = checked()
    const hot = world.askMany(5, { model: 'a', outputMs: 2_000 })
    world.clock.advance(6_000)
    const loads = world.askMany(3, { model: 'b', work: 'load' })
    world.clock.advance(100)
    assert.ok(loads.every(({ state }) => state === 'line'))
    world.settle(HOUR_MS)
    assert.ok([...hot, ...loads].every(({ end }) => end === 'done'))
    assert.ok(world.engineLoads <= 3, `${world.engineLoads} loads`)
  })
})

describe('calls whose options alternate', () => {
  it('load their model once for each set of options', () => {
    const world = checked({ numParallel: 2 })
    for (let i = 0; i < 30; i++) world.ask({ model: 'a', numCtx: i % 2 === 0 ? 2_048 : 8_192 })
    world.settle(HOUR_MS)
    assert.ok(world.engineLoads <= 4, `${world.engineLoads} loads`)
  })

  it('are all served when there are more sets than lines', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }], turns: { maxWaitMs: 2_000, maxSwitching: 1 } })
    for (let i = 0; i < 120; i++) world.ask({ model: 'a', numCtx: 2_048 + 64 * (i % 40) })
    world.settle(2 * HOUR_MS)
  })
})

describe('a second model', () => {
  it('that arrives while the first one is loaded, comes after it', () => {
    for (let atMs = 0; atMs < 4_500; atMs += 250) {
      const world = checked({ numParallel: 2 })
      world.askMany(4, { model: 'a' })
      world.clock.advance(atMs)
      world.askMany(4, { model: 'b' })
      world.settle(HOUR_MS)
      assert.ok(world.engineLoads <= 3, `${world.engineLoads} loads`)
    }
  })

  it('comes after both have left by their keep_alive', () => {
    const world = checked({ maxLoaded: 2, keepAliveMs: 10_000 })
    for (let round = 0; round < 3; round++) {
      const calls = ['a', 'b', 'a', 'b'].map((model) => world.ask({ model }))
      world.settle(HOUR_MS)
      for (const { end } of calls) assert.equal(end, 'done')
      world.clock.advance(60_000)
    }
  })

  it('that somebody else has loaded, leaves the first one to come back', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], numParallel: 2 })
    for (let round = 0; round < 10; round++) {
      const calls = world.askMany(6, { model: 'a' })
      world.clock.advance(1_000 + 700 * round)
      world.askPast({ model: 'c', outputMs: 3_000 })
      calls.push(world.ask({ model: 'b' }))
      world.settle(HOUR_MS)
      assert.ok(calls.every(({ end }) => end === 'done'))
    }
  })
})

describe('models that an operator knows to fit', () => {
  it('are loaded beside each other at once', () => {
    const world = checked({ maxLoaded: 2, turns: { maxWaitMs: MAX_WAIT_MS, together: [['a', 'b']] } })
    world.askMany(10, { model: 'a', outputMs: 3_000 })
    world.clock.advance(10_000)
    const call = world.ask({ model: 'b' })
    assert.equal(call.waitMs, 0)
    world.settle(HOUR_MS)
    assert.equal(world.engineLoads, 2)
  })
})

describe('ten thousand clients', () => {
  it('that are gone when their turn comes, do not overflow the stack', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], queue: 20_000 })
    world.ask({ model: 'a', outputMs: 2_000 })
    world.askMany(10_000, { model: 'b', goneAtGrant: true })
    const last = world.ask({ model: 'b' })
    world.settle(HOUR_MS)
    assert.equal(last.end, 'done')
  })
})
