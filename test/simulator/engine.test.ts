import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineFigures, EngineHandle } from '../../src/simulator/engine-call.ts'
import { inventModel } from '../../src/simulator/model-spec.ts'
import { requestRunner } from '../../src/simulator/runner-request.ts'
import { anEngine } from './support.ts'

function work(model: string, tokens = 10) {
  return { model, promptTokens: 100, outputTokens: tokens }
}

describe('slots of a loaded model', () => {
  it('runs a call through load, prompt and output, and reports each time', () => {
    const { engine, clock } = anEngine()
    let figures: EngineFigures | undefined
    engine.submit({ ...work('a'), onDone: (it) => (figures = it) })
    clock.advance(1199)
    assert.equal(figures, undefined)
    clock.advance(1)
    assert.deepEqual(figures, {
      promptTokens: 100,
      outputTokens: 10,
      totalMs: 1200,
      loadMs: 1000,
      waitMs: 0,
      promptMs: 100,
      outputMs: 100,
    })
  })

  it('gives a freed slot to the first call in line at the same time', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    const ends: [string, number, number][] = []
    for (const name of ['p', 'q', 'r', 's']) {
      engine.submit({ ...work('a'), onDone: ({ waitMs }) => ends.push([name, clock.now(), waitMs]) })
    }
    clock.advance(1000)
    assert.equal(engine.counters.of('a').active, 2)
    assert.equal(engine.counters.of('a').waiting, 2)
    clock.advance(400)
    assert.deepEqual(ends, [
      ['p', 1200, 0],
      ['q', 1200, 0],
      ['r', 1400, 200],
      ['s', 1400, 200],
    ])
    assert.equal(engine.counters.of('a').peakActive, 2)
  })

  it('lets the line of a loaded model grow without a bound, whatever MAX_QUEUE says', () => {
    const { engine, clock } = anEngine({ maxQueue: 1 })
    engine.submit({ model: 'a', promptTokens: 0, outputTokens: 0, loadOnly: true })
    clock.advance(1000)
    for (let index = 0; index < 1000; index++) assert.notEqual(engine.submit(work('a')), undefined)
    assert.equal(engine.counters.of('a').waiting, 999)
    assert.equal(engine.counters.of('a').refused, 0)
  })

  it('calls onToken for every token at its own time', () => {
    const { engine, clock } = anEngine({ loadMs: 0 })
    const told: [number, number][] = []
    engine.submit({ ...work('a', 3), onToken: (index) => told.push([index, clock.now()]) })
    clock.advance(1000)
    assert.deepEqual(told, [
      [0, 110],
      [1, 120],
      [2, 130],
    ])
  })

  it('slows every slot down while other slots compute, as EngineLimits says', () => {
    const { engine, clock } = anEngine({ numParallel: 4, slowdown: 0.5, loadMs: 0 })
    const ends: number[] = []
    const twice = { model: 'a', promptTokens: 0, outputTokens: 10, onDone: () => ends.push(clock.now()) }
    engine.submit(twice)
    engine.submit(twice)
    clock.advance(1000)
    assert.deepEqual(ends, [150, 150], 'two computing calls run at 1 / 1.5')
    ends.length = 0
    engine.submit(twice)
    clock.advance(50)
    engine.submit(twice)
    clock.advance(1000)
    // The first call computes half alone in 50 ms, and half beside the second call in 75 ms. Then the second call has
    // half of its work left, alone.
    assert.deepEqual(ends, [1125, 1175])
  })

  it('keeps the slot of a paused call and computes nothing for it', () => {
    const { engine, clock } = anEngine({ loadMs: 0 })
    const told: number[] = []
    let figures: EngineFigures | undefined
    const onDone = (it: EngineFigures) => (figures = it)
    const first = engine.submit({ ...work('a', 3), onDone, onToken: () => told.push(clock.now()) })
    engine.submit(work('a'))
    clock.advance(115)
    first?.pause()
    clock.advance(10_000)
    assert.deepEqual(told, [110])
    assert.equal(engine.counters.of('a').active, 1)
    assert.equal(engine.counters.of('a').waiting, 1)
    first?.resume()
    clock.advance(100)
    assert.deepEqual(told, [110, 10_120, 10_130])
    assert.deepEqual(
      [figures?.totalMs, figures?.waitMs, figures?.promptMs, figures?.outputMs],
      [10_130, 0, 100, 30],
    )
  })

  it('gives a runner with a single slot one slot, whatever NUM_PARALLEL is', () => {
    const { engine, clock } = anEngine({ numParallel: 8 })
    const runner = requestRunner(inventModel({ name: 'all-minilm' }, 0))
    for (let index = 0; index < 4; index++) {
      engine.submit({ ...work('e', 1000), runner })
      engine.submit(work('a', 1000))
    }
    clock.advance(2000)
    assert.equal(engine.counters.of('e').active, 1)
    assert.equal(engine.counters.of('a').active, 4)
  })
})

describe('the pending line', () => {
  it('refuses a call when MAX_QUEUE calls wait behind the loading call', () => {
    const { engine, clock } = anEngine({ maxQueue: 2 })
    assert.notEqual(engine.submit(work('a')), undefined)
    assert.notEqual(engine.submit(work('b')), undefined)
    assert.notEqual(engine.submit(work('c')), undefined)
    assert.equal(engine.submit(work('d')), undefined)
    assert.equal(engine.counters.of('d').refused, 1)
    assert.equal(engine.counters.total().pending, 3)
    clock.advance(1000)
    assert.notEqual(engine.submit(work('d')), undefined)
  })

  it('loads one model at a time, strictly in order', () => {
    const { engine, clock } = anEngine()
    const ends: [string, number][] = []
    for (const model of ['a', 'b', 'a']) {
      engine.submit({ ...work(model), onDone: () => ends.push([model, clock.now()]) })
    }
    clock.advance(5000)
    // The second call for a waited behind b, although a was in memory long before.
    assert.deepEqual(ends, [
      ['a', 1200],
      ['b', 2200],
      ['a', 2200],
    ])
    assert.equal(engine.counters.of('a').loads, 1)
  })

  it('counts a cancelled call until the line reaches the call', () => {
    const { engine, clock } = anEngine({ maxQueue: 1 })
    engine.submit(work('a'))
    const second = engine.submit(work('b'))
    second?.cancel()
    assert.equal(engine.counters.of('b').pending, 0)
    assert.equal(engine.submit(work('c')), undefined)
    clock.advance(1000)
    assert.notEqual(engine.submit(work('c')), undefined)
    clock.advance(1000)
    assert.equal(engine.counters.of('b').loads, 0)
    assert.equal(engine.counters.of('c').loads, 1)
  })

  it('ends a load with the call that started the load; the next load starts from zero', () => {
    const { engine, clock } = anEngine()
    const first = engine.submit(work('a'))
    let end = 0
    engine.submit({ ...work('a'), onDone: () => (end = clock.now()) })
    clock.advance(900)
    first?.cancel()
    clock.advance(5000)
    assert.equal(end, 900 + 1000 + 200)
    assert.equal(engine.counters.of('a').loads, 1)
    assert.equal(engine.counters.of('a').aborted, 1)
  })

  it('survives a very long line of calls for one model', () => {
    const { engine, clock } = anEngine({ maxQueue: 50_000, numParallel: 4 })
    for (let index = 0; index < 50_000; index++)
      engine.submit({ model: 'a', promptTokens: 0, outputTokens: 0 })
    clock.advance(1000)
    assert.equal(engine.counters.of('a').pending, 0)
  })
})

describe('models that come and go', () => {
  it('evicts the idle model with the shortest keep-alive', () => {
    const { engine, clock } = anEngine({ maxLoaded: 2 })
    engine.submit({ ...work('a'), keepAliveMs: 60_000 })
    engine.submit({ ...work('b'), keepAliveMs: 50_000 })
    clock.advance(3000)
    engine.submit(work('c'))
    clock.advance(1100)
    assert.deepEqual(
      engine
        .snapshot()
        .loaded.map(({ model }) => model)
        .sort(),
      ['a', 'c'],
    )
  })

  it('lets a busy model finish before it leaves, while all other pending calls wait', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1 })
    const ends: [string, number][] = []
    const note = (model: string, tokens: number) =>
      engine.submit({
        model,
        promptTokens: 0,
        outputTokens: tokens,
        onDone: () => ends.push([model, clock.now()]),
      })
    note('a', 500)
    clock.advance(2000)
    note('b', 10)
    clock.advance(10_000)
    assert.deepEqual(ends, [
      ['a', 6000],
      ['b', 7100],
    ])
  })

  it('starves a pending load while new calls keep the leaving model busy', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1, numParallel: 2 })
    let started = false
    engine.submit(work('a', 100))
    clock.advance(1500)
    engine.submit({ ...work('b', 1), onDone: () => (started = true) })
    for (let round = 0; round < 20; round++) {
      engine.submit(work('a', 100))
      clock.advance(550)
    }
    assert.equal(started, false)
    clock.advance(10_000)
    assert.equal(started, true)
  })

  it('unloads after the keep-alive, which a call can change for later calls, too', () => {
    const { engine, clock } = anEngine()
    engine.submit({ ...work('a'), keepAliveMs: 5000 })
    clock.advance(1200 + 4999)
    assert.equal(engine.snapshot().loaded.length, 1)
    engine.submit(work('a'))
    clock.advance(200 + 4999)
    assert.equal(engine.snapshot().loaded.length, 1)
    clock.advance(1)
    assert.equal(engine.snapshot().loaded.length, 0)
    assert.equal(clock.pending, 0)
  })

  it('keeps a model for ever when the keep-alive is Infinity', () => {
    const { engine, clock } = anEngine()
    engine.submit({ ...work('a'), keepAliveMs: Number.POSITIVE_INFINITY })
    clock.advance(1e9)
    assert.equal(engine.snapshot().loaded[0]?.expiresInMs, Number.POSITIVE_INFINITY)
  })

  it('unloads an idle model at once and a busy one with its last call', () => {
    const { engine, clock } = anEngine()
    engine.submit(work('a'))
    clock.advance(1100)
    engine.unload('a')
    assert.equal(engine.snapshot().loaded.length, 1)
    clock.advance(1)
    assert.equal(engine.snapshot().loaded[0]?.expiresInMs, -1)
    clock.advance(99)
    assert.equal(engine.snapshot().loaded.length, 0)
    assert.equal(engine.counters.of('a').finished, 1)
  })

  it('takes no slot for a call that only loads', () => {
    const { engine, clock } = anEngine()
    let done = false
    engine.submit({
      model: 'a',
      promptTokens: 0,
      outputTokens: 0,
      loadOnly: true,
      onDone: () => (done = true),
    })
    clock.advance(1000)
    assert.equal(done, true)
    assert.equal(engine.counters.of('a').peakActive, 0)
    assert.equal(engine.counters.of('a').finished, 1)
  })
})

describe('a cancelled call', () => {
  it('frees its slot for the next call at once, is counted once and runs no more callbacks', () => {
    const { engine, clock } = anEngine()
    let told = 0
    const first = engine.submit({
      ...work('a', 1000),
      onToken: () => told++,
      onDone: () => assert.fail('it was cancelled'),
    })
    let end = 0
    engine.submit({ ...work('a'), onDone: () => (end = clock.now()) })
    clock.advance(1150)
    const before = told
    first?.cancel()
    first?.cancel()
    first?.fail()
    assert.equal(engine.counters.of('a').active, 1)
    assert.equal(engine.counters.of('a').aborted, 1)
    assert.equal(engine.counters.of('a').failed, 0)
    clock.advance(1000)
    assert.equal(told, before)
    assert.equal(end, 1150 + 200)
  })

  it('gives up its place in the line of a loaded model', () => {
    const { engine, clock } = anEngine()
    engine.submit(work('a'))
    const waiting = engine.submit(work('a'))
    let end = 0
    engine.submit({ ...work('a'), onDone: () => (end = clock.now()) })
    clock.advance(1000)
    waiting?.cancel()
    assert.equal(engine.counters.of('a').waiting, 1)
    clock.advance(1000)
    assert.equal(end, 1400)
  })

  it('may be cancelled from its own token', () => {
    const { engine, clock } = anEngine({ loadMs: 0 })
    let told = 0
    const handle: EngineHandle | undefined = engine.submit({
      ...work('a', 100),
      onToken: () => {
        told++
        handle?.cancel()
      },
    })
    clock.advance(10_000)
    assert.equal(told, 1)
    assert.equal(engine.counters.of('a').active, 0)
    assert.equal(engine.counters.of('a').aborted, 1)
  })
})

it('loses no call in hours of simulated time with a hundred thousand calls, many of them cancelled', () => {
  const { engine, clock } = anEngine({ numParallel: 4, slowdown: 0.2, maxLoaded: 2, maxQueue: 64 })
  const models = ['a', 'b', 'c']
  const arrivals = 100_000
  let seed = 42
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  const handles: EngineHandle[] = []
  for (let index = 0; index < arrivals; index++) {
    clock.advance(random() * 200)
    const model = models[Math.floor(random() ** 3 * models.length)] ?? 'a'
    const handle = engine.submit({ model, promptTokens: 20, outputTokens: Math.floor(random() * 30) })
    if (handle) handles[index % 50] = handle
    if (random() < 0.1) handles[Math.floor(random() * 50)]?.cancel()
    for (const it of models) assert.ok(engine.counters.of(it).active <= 4)
  }
  assert.ok(clock.now() > 2 * 3_600_000)
  clock.advance(24 * 3_600_000)
  const { submitted, finished, aborted, refused, active, waiting, pending } = engine.counters.total()
  assert.equal(submitted, arrivals)
  assert.equal(finished + aborted + refused, arrivals)
  assert.deepEqual({ active, waiting, pending }, { active: 0, waiting: 0, pending: 0 })
  assert.ok(aborted > 1000)
  assert.equal(clock.pending, 0)
})
