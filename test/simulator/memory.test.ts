import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineCall, EngineLimits } from '../../src/simulator/engine-call.ts'
import { recoveryMs } from '../../src/simulator/graphics-memory.ts'
import { inventModel, type OptionValue } from '../../src/simulator/model-spec.ts'
import { requestRunner } from '../../src/simulator/runner-request.ts'
import { anEngine, aSimulator, post } from './support.ts'

const GB = 1e9

/** Calls for models of `sizes` gigabytes without a context. A load takes a second and an output token 10 ms. */
function machine(sizes: Readonly<Record<string, number>>, limits: Partial<EngineLimits>, bytesPerToken = 0) {
  const { engine, clock } = anEngine({ maxLoaded: 10, ...limits })
  const ends: [string, number][] = []
  const ask = (
    name: string,
    tokens = 0,
    parts: Partial<EngineCall> = {},
    options: [string, OptionValue][] = [],
  ) => {
    const model = inventModel({ name, size: (sizes[name] ?? 0) * GB, bytesPerToken }, 0)
    return engine.submit({
      model: name,
      runner: requestRunner(model, new Map(options)),
      promptTokens: 0,
      outputTokens: tokens,
      onDone: () => ends.push([name, clock.now()]),
      ...parts,
    })
  }
  const loaded = () =>
    engine
      .loaded()
      .map(({ model }) => model)
      .sort()
  return { engine, clock, ask, ends, loaded }
}

describe('models that share the memory', () => {
  it('stay together while the next one needs at most four fifths of what is free', () => {
    const { ask, clock, loaded } = machine({ a: 10, b: 8, c: 1.7 }, { memoryBytes: 20 * GB })
    for (const name of ['a', 'b']) {
      ask(name)
      clock.advance(2000)
    }
    assert.deepEqual(loaded(), ['a', 'b'])
    // 1.7 of 2 GB is more than four fifths.
    ask('c')
    clock.advance(2000)
    assert.equal(loaded().length, 2)
    assert.ok(loaded().includes('c'))
  })

  it('leave one after another until the next one fits, each when it is idle: shortest keep-alive first', () => {
    const { ask, clock, engine, ends, loaded } = machine(
      { a: 5, b: 5, c: 5, big: 9 },
      { memoryBytes: 20 * GB },
    )
    ask('a', 0, { keepAliveMs: 300_000 })
    ask('b', 0, { keepAliveMs: 100_000 })
    ask('c', 300, { keepAliveMs: 200_000 })
    clock.advance(3500)
    // 5 GB are free. b is idle and leaves: 10 are free. a is idle and leaves: 15 are free, so that c may stay.
    ask('big')
    clock.advance(1000)
    assert.deepEqual(loaded(), ['big', 'c'])
    clock.advance(10_000)
    const [record] = engine.snapshot().loads.slice(-1)
    const key = (name: string) => inventModel({ name }, 0).weights
    assert.deepEqual(record?.evicted, [key('b'), key('a')])
    assert.deepEqual(ends.slice(-2), [
      ['big', 4500],
      ['c', 6000],
    ])
  })

  it('wait for a busy model only when no idle one is left', () => {
    const { ask, clock, ends } = machine({ a: 8, b: 8, big: 15 }, { memoryBytes: 20 * GB })
    ask('a', 500)
    clock.advance(1000)
    ask('b')
    clock.advance(1500)
    ask('big')
    clock.advance(10_000)
    assert.deepEqual(ends, [
      ['b', 2000],
      ['a', 6000],
      ['big', 7000],
    ])
  })

  it('are also at most MAX_LOADED_MODELS', () => {
    const { ask, clock, loaded } = machine({ a: 1, b: 1, c: 1 }, { memoryBytes: 20 * GB, maxLoaded: 2 })
    for (const name of ['a', 'b', 'c']) {
      ask(name)
      clock.advance(2000)
    }
    assert.equal(loaded().length, 2)
  })

  it('need memory for the context of each slot, and a reload with a longer one can push out others', () => {
    // 4096 tokens of 1 MB take 4.096 GB a slot.
    const { ask, clock, engine, loaded } = machine(
      { a: 4, b: 1 },
      { memoryBytes: 40 * GB, numParallel: 2 },
      1e6,
    )
    ask('b')
    ask('a')
    clock.advance(3000)
    assert.deepEqual(
      engine.snapshot().loaded.map(({ bytes, graphicsBytes }) => [bytes, graphicsBytes]),
      [
        [12.192 * GB, 12.192 * GB],
        [9.192 * GB, 9.192 * GB],
      ],
    )
    ask('a', 0, {}, [['num_ctx', 16_384]])
    clock.advance(3000)
    assert.deepEqual(loaded(), ['a'])
    assert.equal(engine.snapshot().loads.at(-1)?.evicted.length, 2)
  })

  it('load alone in any case, with the rest in the memory of the system, and then make no room', () => {
    const { ask, clock, engine, loaded } = machine({ a: 1, huge: 50 }, { memoryBytes: 20 * GB })
    ask('huge')
    clock.advance(2000)
    const [{ bytes, graphicsBytes } = { bytes: 0, graphicsBytes: 0 }] = engine.snapshot().loaded
    assert.deepEqual([bytes, graphicsBytes], [50 * GB, 20 * GB])
    ask('a')
    clock.advance(2000)
    assert.deepEqual(loaded(), ['a'])
  })

  it('take none of it when a call keeps the model off the graphics cards', () => {
    const { ask, clock, engine, loaded } = machine({ a: 15, b: 15 }, { memoryBytes: 20 * GB })
    ask('a')
    ask('b', 0, {}, [['num_gpu', 0]])
    clock.advance(3000)
    assert.deepEqual(loaded(), ['a', 'b'])
    assert.deepEqual(
      engine
        .snapshot()
        .loaded.map(({ graphicsBytes }) => graphicsBytes)
        .sort(),
      [0, 15 * GB],
    )
  })

  it('have the memory of a load that its client has given up', () => {
    const { ask, clock, ends } = machine({ a: 15, b: 15 }, { memoryBytes: 20 * GB })
    ask('a')?.cancel()
    ask('b')
    clock.advance(1000)
    assert.deepEqual(ends, [['b', 1000]])
  })
})

describe('memory that comes back late', () => {
  it('is waited for with a look every 250 ms, at most five seconds', () => {
    assert.deepEqual(
      [0, 1, 250, 251, 1400, 5000, 60_000].map((returnMs) => recoveryMs(returnMs)),
      [0, 250, 250, 500, 1500, 5000, 5000],
    )
  })

  it('delays the next load, while /api/ps shows the model gone at once', () => {
    const { ask, clock, ends, loaded } = machine(
      { a: 15, b: 15 },
      { memoryBytes: 20 * GB, vramReturnMs: 900 },
    )
    ask('a')
    clock.advance(2000)
    ask('b')
    clock.advance(1)
    assert.deepEqual(loaded(), [])
    clock.advance(10_000)
    assert.deepEqual(ends[1], ['b', 2000 + 1000 + 1000])
    assert.equal(clock.pending, 1, 'only the keep-alive of b')
  })

  it('delays each of several evictions, one after another', () => {
    const { ask, clock, ends, loaded } = machine(
      { a: 6, b: 6, big: 15 },
      { memoryBytes: 20 * GB, vramReturnMs: 500 },
    )
    ask('a')
    ask('b')
    clock.advance(3000)
    ask('big')
    clock.advance(100)
    assert.equal(loaded().length, 1)
    clock.advance(10_000)
    assert.deepEqual(ends[2], ['big', 3000 + 500 + 500 + 1000])
  })

  it('is not there for the next load when it is later than Ollama waits, so one more model leaves', () => {
    const run = (vramReturnMs: number) => {
      const { ask, clock, loaded } = machine({ a: 8, b: 8, c: 8 }, { memoryBytes: 20 * GB, vramReturnMs })
      for (const name of ['a', 'b', 'c']) {
        ask(name)
        clock.advance(20_000)
      }
      return loaded().length
    }
    assert.deepEqual([run(5000), run(6000)], [2, 1])
  })

  for (const [tokens, what] of [
    [20, 'is over before'],
    [200, 'runs on after'],
  ] as const) {
    it(`lets a model whose turn to leave has not come take a call that ${what} that turn`, () => {
      const sizes = { a: 1, b: 1 }
      const { ask, clock, engine, ends, loaded } = machine(sizes, {
        memoryBytes: 18 * GB,
        vramReturnMs: 1000,
      })
      ask('a')
      ask('b')
      clock.advance(3000)
      const [first, second] = engine.loaded()
      first?.unload()
      second?.evict()
      const [last = ''] = loaded()
      ask(last, tokens, { keepAliveMs: 600_000 })
      clock.advance(10_000)
      // The eviction found the model idle, so the keep-alive of the later call does not take it back.
      assert.deepEqual(loaded(), [])
      assert.deepEqual(ends.at(-1), [last, 3000 + tokens * 10])
      assert.equal(engine.counters.total().evictions, 1)
      assert.equal(clock.pending, 0)
    })
  }
})

it('/api/ps tells the bytes of a model and the part on the graphics cards', async (t) => {
  const models = [{ name: 'a', size: 6e9, bytesPerToken: 100_000, parameters: { num_ctx: 10_000 } }]
  const { url } = await aSimulator(t, { models, numParallel: 2, memoryBytes: 5e9 })
  await (await post(`${url}/api/generate`, { model: 'a' })).text()
  const [{ size, size_vram }] = (await (await fetch(`${url}/api/ps`)).json()).models
  assert.deepEqual([size, size_vram], [8e9, 5e9])
  const [tagged] = (await (await fetch(`${url}/api/tags`)).json()).models
  assert.equal(tagged.size, 6e9)
})
