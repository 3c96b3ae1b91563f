import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineCall } from '../../src/simulator/engine-call.ts'
import { inventModel } from '../../src/simulator/model-spec.ts'
import { requestRunner } from '../../src/simulator/runner-request.ts'
import { anEngine } from './support.ts'

/** Prompts take no time here, and an output token takes 10 ms. */
function call(model: string, outputTokens = 10, parts: Partial<EngineCall> = {}): EngineCall {
  return { model, promptTokens: 0, outputTokens, ...parts }
}

describe('the list of loads', () => {
  it('tells of each load when it began, when it ended, and which runners left for it', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1 })
    engine.submit(call('a'))
    engine.submit(call('b'))
    engine.submit(call('b'))
    clock.advance(5000)
    engine.submit(call('a'))
    clock.advance(5000)
    const loaded = { outcome: 'loaded' } as const
    assert.deepEqual(engine.snapshot().loads, [
      { weights: 'a', model: 'a', beganAt: 0, endedAt: 1000, evicted: [], ...loaded },
      { weights: 'b', model: 'b', beganAt: 1100, endedAt: 2100, evicted: ['a'], ...loaded },
      { weights: 'a', model: 'a', beganAt: 5000, endedAt: 6000, evicted: ['b'], ...loaded },
    ])
    const { total, weights } = engine.snapshot()
    assert.deepEqual([total.loads, total.evictions, total.failedLoads], [3, 2, 0])
    assert.deepEqual([weights.a?.evictions, weights.b?.evictions], [1, 1])
  })

  it('has a reload for other options as an eviction of the runner itself', () => {
    const { engine, clock } = anEngine()
    const model = inventModel({ name: 'llama3.2' }, 0)
    for (const num_ctx of [2048, 4096]) {
      const runner = requestRunner(model, new Map([['num_ctx', num_ctx]]))
      engine.submit(call(num_ctx === 2048 ? 'name' : 'alias', 10, { runner }))
      clock.advance(3000)
    }
    const [, reload] = engine.snapshot().loads
    assert.deepEqual([reload?.model, reload?.evicted], ['alias', [model.weights]])
    // The eviction counts under the name that had the model loaded.
    assert.equal(engine.snapshot().models.name?.evictions, 1)
  })

  it('does not count a model whose keep-alive has run out as evicted', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1, keepAliveMs: 2000 })
    engine.submit(call('a'))
    clock.advance(3100)
    engine.submit(call('b'))
    clock.advance(2000)
    engine.unload('b')
    assert.equal(engine.snapshot().total.evictions, 0)
    assert.deepEqual(engine.snapshot().loads[1]?.evicted, [])
  })

  it('has a load whose client left, also when the client left while another runner was leaving', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1 })
    engine.submit(call('a', 100))
    clock.advance(1500)
    // As seen on a real Ollama: the eviction goes on, and the process is started and ended at once.
    engine.submit(call('b'))?.cancel()
    clock.advance(1000)
    const handle = engine.submit(call('c'))
    clock.advance(300)
    handle?.cancel()
    const aborted = engine.snapshot().loads.slice(1)
    assert.deepEqual(
      aborted.map(({ model, beganAt, endedAt, outcome, evicted }) => [
        model,
        beganAt,
        endedAt,
        outcome,
        ...evicted,
      ]),
      [
        ['b', 2000, 2000, 'aborted', 'a'],
        ['c', 2500, 2800, 'aborted'],
      ],
    )
    assert.deepEqual(engine.snapshot().loaded, [])
    assert.deepEqual([engine.counters.total().loads, engine.counters.total().failedLoads], [1, 0])
  })

  it('keeps the last thousand loads, until the counters are reset', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1, loadMs: 1 })
    for (let round = 0; round < 1100; round++) {
      engine.submit(call(`m${round}`, 0))
      clock.advance(10)
    }
    const { loads, peakLoaded } = engine.snapshot()
    assert.deepEqual([loads.length, loads[0]?.model, loads.at(-1)?.model], [1000, 'm100', 'm1099'])
    assert.equal(peakLoaded, 1)
    engine.resetCounters()
    assert.deepEqual(engine.snapshot().loads, [])
  })

  it('comes with the most models that were in memory at once', () => {
    const { engine, clock } = anEngine({ maxLoaded: 2, keepAliveMs: 5000 })
    for (const model of ['a', 'b', 'c']) engine.submit(call(model))
    clock.advance(3000)
    assert.equal(engine.snapshot().peakLoaded, 2)
    clock.advance(10_000)
    engine.resetCounters()
    assert.equal(engine.snapshot().peakLoaded, 0)
  })
})

describe('a call for the runner that is to leave', () => {
  /** `a` runs until 2000, `b` waits for the eviction of `a` from 1200 on, and another call for `a` comes at 1500. */
  function servedAt(keepAliveMs: number | undefined): number {
    const { engine, clock } = anEngine({ maxLoaded: 1, numParallel: 2 })
    let served = 0
    engine.submit(call('a', 100))
    clock.advance(1200)
    engine.submit(call('b', 0, { onDone: () => (served = clock.now()) }))
    clock.advance(300)
    engine.submit(call('a', 60, { keepAliveMs }))
    clock.advance(1e6)
    return served
  }

  it('delays the eviction until the call ends', () => assert.equal(servedAt(undefined), 2100 + 1000))

  it('takes the eviction back when it has a keep-alive, which then runs out', () =>
    assert.equal(servedAt(12_000), 2100 + 12_000 + 1000))

  it('takes the eviction back for ever when the keep-alive is for ever', () =>
    assert.equal(servedAt(Number.POSITIVE_INFINITY), 0))

  it('leaves the eviction as it is when its keep-alive is 0', () => assert.equal(servedAt(0), 2100 + 1000))

  it('stops the calls of all other models that wait for a load, too, and none of the loaded one', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1, numParallel: 2 })
    const ends: [string, number][] = []
    const ask = (model: string, tokens: number, keepAliveMs?: number) =>
      engine.submit(call(model, tokens, { keepAliveMs, onDone: () => ends.push([model, clock.now()]) }))
    ask('a', 100)
    clock.advance(1200)
    ask('b', 0)
    ask('c', 0)
    ask('a', 10, 60_000)
    clock.advance(30_000)
    ask('a', 10)
    clock.advance(200_000)
    // The second call for a begins its keep-alive anew.
    assert.deepEqual(ends, [
      ['a', 1300],
      ['a', 2000],
      ['a', 31_300],
      ['b', 92_300],
      ['c', 93_300],
    ])
    assert.equal(engine.snapshot().models.a?.evictions, 0)
  })
})

it('a model with a load time of its own takes that time', () => {
  const { engine, clock } = anEngine()
  const ends: number[] = []
  for (const loadMs of [30_000, undefined]) {
    const model = inventModel({ name: `m${loadMs}`, ...(loadMs === undefined ? {} : { loadMs }) }, 0)
    engine.submit(call(model.name, 0, { runner: requestRunner(model), onDone: () => ends.push(clock.now()) }))
  }
  clock.advance(100_000)
  assert.deepEqual(ends, [30_000, 31_000])
})
