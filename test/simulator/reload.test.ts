import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineCall } from '../../src/simulator/engine-call.ts'
import { asLoaded, loadOptionsOf, needsReload } from '../../src/simulator/load-options.ts'
import { inventModel, type ModelSpec, type OptionValue } from '../../src/simulator/model-spec.ts'
import { requestRunner } from '../../src/simulator/runner-request.ts'
import { anEngine, aSimulator, post } from './support.ts'

type Options = Readonly<Record<string, OptionValue | null>>

const optionMap = (options: Options) => new Map(Object.entries(options))

/** A call for llama3.2, one token of prompt a millisecond, ten milliseconds of output a token. */
function call(options: Options, parts: Partial<EngineCall> = {}, spec: Partial<ModelSpec> = {}): EngineCall {
  const model = inventModel({ name: 'llama3.2', ...spec }, 0)
  const runner = requestRunner(model, optionMap(options))
  return { model: model.name, runner, promptTokens: 0, outputTokens: 10, ...parts }
}

describe('needsReload', () => {
  const model = inventModel({ name: 'llama3.2', trainedContext: 8192 }, 0)
  const reloads = (loaded: Options, wanted: Options, of = model, slots = 1) =>
    needsReload(
      asLoaded(loadOptionsOf(of, optionMap(loaded), undefined), of.trainedContext, slots),
      loadOptionsOf(of, optionMap(wanted), undefined),
      of.trainedContext,
    )

  const cases: [loaded: Options, wanted: Options, reload: boolean][] = [
    [{}, {}, false],
    [{ num_ctx: 2048 }, { num_ctx: 4096 }, true],
    [{ num_ctx: 2048 }, {}, true],
    // The automatic number is 4096, so these runners are equal.
    [{ num_ctx: 4096 }, {}, false],
    [{}, { num_ctx: 4096 }, false],
    [{}, { num_ctx: null }, false],
    [{ num_ctx: 8192 }, { num_ctx: 1_000_000 }, false],
    [{ num_ctx: 1 }, { num_ctx: 4 }, false],
    [{}, { num_batch: 512 }, false],
    [{}, { num_batch: 256 }, true],
    [{}, { num_gpu: 10 }, true],
    [{ num_gpu: 10 }, { num_gpu: 20 }, true],
    [{ num_gpu: 10 }, {}, false],
    [{}, { main_gpu: 0 }, true],
    [{}, { use_mmap: true }, true],
    [{ use_mmap: false }, { use_mmap: false }, false],
    [{}, { num_thread: 2 }, true],
    [{}, { num_thread: 0 }, false],
    [{}, { temperature: 0, num_predict: 5, seed: 1, stop: ['x'] }, false],
  ]
  for (const [loaded, wanted, reload] of cases) {
    it(`of a runner with ${JSON.stringify(loaded)} for ${JSON.stringify(wanted)} is ${reload}`, () =>
      assert.equal(reloads(loaded, wanted), reload))
  }

  it('counts the options of the model where the request has none', () => {
    const child = inventModel({ name: 'child', parameters: { num_ctx: 2048 } }, 0)
    assert.equal(reloads({}, { num_ctx: 2048 }, child), false)
    assert.equal(reloads({}, { num_ctx: 4096 }, child), true)
  })

  it('clips the context of an embedding model, but not the batch that follows from it', () => {
    const embedding = inventModel({ name: 'all-minilm' }, 0)
    assert.equal(reloads({}, { num_ctx: 4096 }, embedding), false)
    assert.equal(reloads({}, { num_ctx: 1024 }, embedding), true)
  })

  it('compares the batch that Ollama chose for the context of all slots', () => {
    const wide = inventModel({ name: 'llama3.2' }, 0)
    assert.equal(reloads({}, { num_batch: 512 }, wide, 4), true)
    assert.equal(reloads({}, { num_batch: 1024 }, wide, 4), false)
    assert.equal(reloads({ num_ctx: 16_384 }, { num_ctx: 16_384, num_batch: 2048 }, wide, 4), false)
    assert.equal(reloads({}, {}, wide, 4), false)
  })

  it('sees the option shift', () => {
    const plain = loadOptionsOf(model, new Map(), undefined)
    assert.equal(needsReload(plain, loadOptionsOf(model, new Map(), true), 8192), false)
    assert.equal(needsReload(plain, loadOptionsOf(model, new Map(), false), 8192), true)
  })

  it('gives a model that sees images a context of at least 2048', () => {
    const eyes = inventModel({ name: 'x', capabilities: ['completion', 'vision'] }, 0)
    assert.equal(loadOptionsOf(eyes, optionMap({ num_ctx: 512 }), undefined).numCtx, 2048)
  })
})

describe('a call with other options', () => {
  it('waits until the runner is idle, and loads the model again', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    const ends: [string, number][] = []
    const ask = (name: string, options: Options) =>
      engine.submit(call(options, { onDone: () => ends.push([name, clock.now()]) }))
    ask('first', {})
    clock.advance(1050)
    ask('other', { num_ctx: 8192 })
    clock.advance(10)
    // The loaded options still take the short way, and keep the runner busy.
    ask('second', {})
    clock.advance(5000)
    assert.deepEqual(ends, [
      ['first', 1100],
      ['second', 1160],
      ['other', 2260],
    ])
    assert.equal(engine.counters.of('llama3.2:latest').loads, 2)
    assert.equal(engine.loaded()[0]?.options?.numCtx, 8192)
  })

  it('starves while calls with the loaded options keep the runner busy, and so do all who need a load', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    const ends: string[] = []
    const ask = (name: string, options: Options, spec?: Partial<ModelSpec>) =>
      engine.submit(call(options, { onDone: () => ends.push(name) }, spec))
    ask('first', {})
    clock.advance(1050)
    ask('other options', { num_ctx: 8192 })
    ask('other model', {}, { name: 'mistral' })
    for (let round = 0; round < 100; round++) {
      clock.advance(40)
      ask('fast', {})
    }
    assert.deepEqual([...new Set(ends)], ['first', 'fast'])
    clock.advance(10_000)
    assert.deepEqual(ends.slice(-2), ['other options', 'other model'])
  })

  it('waits for the whole keep-alive when a call with the loaded options sets a new one', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    let end = 0
    engine.submit(call({}))
    clock.advance(1050)
    engine.submit(call({ num_ctx: 8192 }, { onDone: () => (end = clock.now()) }))
    engine.submit(call({}, { keepAliveMs: 60_000 }))
    clock.advance(100_000)
    assert.equal(end, 1150 + 60_000 + 1100)
  })

  it('alternates at every call, and stops when the client of a waiting reload leaves', () => {
    const { engine, clock } = anEngine()
    for (let round = 0; round < 6; round++) {
      engine.submit(call(round % 2 === 0 ? {} : { num_ctx: 8192 }))
      clock.advance(2000)
    }
    assert.equal(engine.counters.of('llama3.2:latest').loads, 6)
    engine.submit(call({ num_ctx: 8192 }, { outputTokens: 100 }))
    clock.advance(10)
    engine.submit(call({}))?.cancel()
    clock.advance(2000)
    const { loads, aborted, pending } = engine.counters.of('llama3.2:latest')
    assert.deepEqual([loads, aborted, pending], [6, 1, 0])
  })

  it('never reloads a model of format safetensors', () => {
    const { engine, clock } = anEngine()
    for (const num_ctx of [2048, 4096, 8192]) {
      engine.submit(call({ num_ctx }, {}, { format: 'safetensors' }))
      clock.advance(2000)
    }
    assert.equal(engine.counters.of('llama3.2:latest').loads, 1)
  })
})

describe('options on the wire', () => {
  const loadsOf = async (t: Parameters<typeof aSimulator>[0], calls: [path: string, body: object][]) => {
    const { url, simulator } = await aSimulator(t)
    for (const [path, body] of calls) {
      await (await post(`${url}${path}`, { model: 'llama3.2', ...body })).text()
    }
    const [loaded] = (await (await fetch(`${url}/api/ps`)).json()).models
    return [simulator.engine.counters.total().loads, loaded.context_length]
  }
  const messages = [{ role: 'user', content: 'x' }]
  const wide = { options: { num_ctx: 8192 } }

  it('a /v1 call has automatic options, so it reloads a runner with a num_ctx of its own', async (t) => {
    const openai: [string, object] = ['/v1/chat/completions', { messages, ...wide }]
    assert.deepEqual(await loadsOf(t, [['/api/chat', { messages, ...wide }], openai]), [2, 4096])
    assert.deepEqual(await loadsOf(t, [['/api/chat', { messages }], openai]), [1, 4096])
  })

  it('/api/ps shows the context in force, clipped to the one that was trained', async (t) => {
    const huge = { options: { num_ctx: 10_000_000 } }
    assert.deepEqual(await loadsOf(t, [['/api/generate', huge]]), [1, 131_072])
    assert.deepEqual(await loadsOf(t, [['/api/embed', { input: 'x', ...wide }]]), [1, 8192])
    assert.deepEqual(await loadsOf(t, [['/api/embeddings', { prompt: 'x', ...wide }]]), [1, 8192])
  })

  it('the option shift of a request reloads', async (t) => {
    assert.deepEqual(
      await loadsOf(t, [
        ['/api/generate', {}],
        ['/api/generate', { shift: false }],
      ]),
      [2, 4096],
    )
  })

  it('an option of a wrong type is 500', async (t) => {
    const { url } = await aSimulator(t)
    const ask = async (options: object) => {
      const response = await post(`${url}/api/generate`, { model: 'llama3.2', prompt: 'x', options })
      return [response.status, await response.text()]
    }
    const error = (name: string, type: string) => `{"error":"option \\"${name}\\" must be of type ${type}"}`
    assert.deepEqual(await ask({ num_ctx: '8192' }), [500, error('num_ctx', 'integer')])
    assert.deepEqual(await ask({ use_mmap: 1 }), [500, error('use_mmap', 'boolean')])
  })
})
