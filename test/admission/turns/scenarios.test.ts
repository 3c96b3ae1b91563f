import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Asked } from './support/played-call.ts'
import { TurnWorld, type WorldParts } from './support/world.ts'

const HOUR_MS = 3_600_000
const TWO = { models: [{ name: 'a' }, { name: 'b' }] }

/** Loads that Ollama does when it gets the same calls at once, without the proxy. */
function loadsAlone(parts: WorldParts, calls: readonly Asked[]): number {
  const world = new TurnWorld(parts)
  for (const asked of calls) world.askPast(asked)
  world.clock.advance(HOUR_MS)
  return world.engineLoads
}

function loadsWithTurns(parts: WorldParts, calls: readonly Asked[]): number {
  const world = new TurnWorld(parts)
  for (const asked of calls) world.ask(asked)
  world.settle(HOUR_MS)
  return world.engineLoads
}

describe('a burst', () => {
  it('of 60 calls for three models needs at most four loads', () => {
    const parts = { models: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], numParallel: 4 }
    const calls = Array.from({ length: 60 }, (_, i) => ({ model: ['a', 'b', 'c'][i % 3] ?? 'a' }))
    const loads = loadsWithTurns(parts, calls)
    assert.ok(loads <= 4, `${loads} loads`)
    assert.ok(loads <= loadsAlone(parts, calls))
  })

  for (const numParallel of [1, 4])
    it(`of 100 calls with keep_alive 0 loads no more often than Ollama alone, with ${numParallel} slots`, () => {
      const parts = { ...TWO, numParallel }
      const calls = Array.from({ length: 100 }, () => ({ model: 'a', keepAliveMs: 0 }))
      assert.ok(loadsWithTurns(parts, calls) <= loadsAlone(parts, calls))
    })
})

describe('two models that fit together', () => {
  it('never wait for each other after their first meeting', () => {
    const world = new TurnWorld({ ...TWO, maxLoaded: 2, numParallel: 2 })
    for (const model of ['a', 'b']) world.ask({ model })
    world.settle(HOUR_MS)
    for (let round = 0; round < 20; round++) {
      const calls = ['a', 'b'].map((model) => world.ask({ model }))
      for (const call of calls) assert.equal(call.waitMs, 0)
      world.settle(HOUR_MS)
    }
    assert.equal(world.engineLoads, 2)
  })
})

describe('a load that fails', () => {
  for (const kind of ['oom', 'crash'] as const)
    it(`for ever (${kind}) is told to its line, and the others go on`, () => {
      const world = new TurnWorld({ ...TWO, numParallel: 2, turns: { maxWaitMs: 5_000 } })
      world.failLoads('b', { kind })
      const good = world.askMany(20, { model: 'a' })
      const bad = world.askMany(10, { model: 'b' })
      world.settle(HOUR_MS)
      assert.ok(good.every(({ end }) => end === 'done'))
      for (const { end } of bad) assert.ok(end === 'load_failed' || end === 'failed', end)
      assert.ok(bad.some(({ end }) => end === 'load_failed'))
    })

  it('does not make the next call of a model wait that is wanted alone', () => {
    const world = new TurnWorld(TWO)
    world.failLoads('a', { kind: 'crash', times: 5 })
    for (let i = 0; i < 5; i++) {
      world.ask({ model: 'a' })
      world.settle(HOUR_MS, 100)
    }
    assert.equal(world.ask({ model: 'a' }).waitMs, 0)
  })
})

describe('at each stage of a change', () => {
  const STAGES_MS = Array.from({ length: 60 }, (_, i) => i * 250)
  const disturbances: Record<string, (world: TurnWorld) => void> = {
    'Ollama restarts': (world) => world.restart(0, true),
    'Ollama restarts unseen': (world) => world.restart(0, false),
    'turns are switched off': (world) => world.orderTurns({ ordered: false }),
    'turns are switched off and on': (world) => {
      world.orderTurns({ ordered: false })
      world.orderTurns({ ordered: true })
    },
    'the leaving model is paused': (world) => void world.admission.pause('a', true),
    'the limit is none for a moment': (world) => {
      world.admission.configure('b', { parallel: 0 })
      world.clock.after(3_000, () => world.admission.configure('b', { parallel: 2 }))
    },
    'the oldest client leaves': (world) => {
      for (const call of world.living) return void world.leave(call)
    },
    'someone loads a third model': (world) => world.askPast({ model: 'c' }),
    'the model is unloaded': (world) => void world.ask({ model: 'b', work: 'unload' }),
    'the model is loaded by hand': (world) => void world.ask({ model: 'b', work: 'load' }),
  }
  for (const [name, disturb] of Object.entries(disturbances))
    it(`${name}, and all calls come to an end`, () => {
      for (const atMs of STAGES_MS) {
        const world = new TurnWorld({
          models: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
          numParallel: 2,
          turns: { maxWaitMs: 3_000 },
        })
        for (let i = 0; i < 6; i++) world.ask({ model: i % 2 === 0 ? 'a' : 'b', outputMs: 1_500 })
        world.clock.advance(atMs)
        disturb(world)
        const calls = world.askMany(3, { model: 'b' })
        world.clock.advance(120_000)
        for (const { state } of calls) assert.equal(state, 'over', `disturbed after ${atMs} ms`)
        world.admission.pause('a', false)
        world.settle(HOUR_MS)
      }
    })
})

describe('max_switching 0', () => {
  it('leaves the machine to a busy model, and gives it away when that is idle', () => {
    const world = new TurnWorld({ ...TWO, turns: { maxSwitching: 0, maxWaitMs: 1_000 } })
    const hot = world.askMany(50, { model: 'a', outputMs: 1_000 })
    const cold = world.ask({ model: 'b' })
    world.settle(HOUR_MS)
    assert.ok(hot.every(({ endedAt }) => (endedAt ?? 0) <= (cold.grantedAt ?? 0)))
    assert.equal(world.engineLoads, 2)
  })
})

describe('a wait for a turn', () => {
  it('is as long as was told, for calls of one length', () => {
    const shares: number[] = []
    const world = new TurnWorld({ ...TWO, numParallel: 2, turns: { maxWaitMs: 30_000, maxSwitching: 0.3 } })
    const ask = (model: string) => {
      const { lane } = world.admission.model(model) ?? {}
      const toldMs = lane?.startsInMs(lane.queued, world.now)
      const call = world.ask({ model, outputMs: 2_000 })
      call.onEnd(() => {
        if (toldMs !== undefined && toldMs > 5_000) shares.push(call.waitMs / toldMs)
      })
    }
    for (let i = 0; i < 400; i++) {
      ask(i % 5 < 3 ? 'a' : 'b')
      world.clock.advance(1_400)
    }
    world.settle(HOUR_MS)
    shares.sort((x, y) => x - y)
    const median = shares[shares.length >> 1] ?? Number.NaN
    assert.ok(shares.length > 50, `${shares.length} waits`)
    assert.ok(median >= 0.7 && median <= 1.4, `actual / told: ${median} of ${shares.length}`)
  })

  it('past the deadline is refused at once', () => {
    const world = new TurnWorld({ ...TWO, turns: { maxWaitMs: 60_000 } })
    for (const model of ['b', 'a']) {
      world.askMany(10, { model, outputMs: 2_000 })
      world.settle(HOUR_MS)
    }
    world.askMany(40, { model: 'a', outputMs: 2_000 })
    assert.equal(world.ask({ model: 'b', patienceMs: 10_000 }).end, 'queue_full')
    assert.equal(world.ask({ model: 'b', patienceMs: HOUR_MS }).state, 'line')
  })
})
