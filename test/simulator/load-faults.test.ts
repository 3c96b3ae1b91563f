import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineCall, EngineLimits } from '../../src/simulator/engine-call.ts'
import type { LoadFailure, LoadFaultInput } from '../../src/simulator/load-faults.ts'
import { anEngine, aSimulator, masked, post } from './support.ts'

/** An engine whose loads of `b` fail as `fault` says. `ends` has the calls that finished and those that failed. */
function faulty(fault: LoadFaultInput, limits: Partial<EngineLimits> = {}) {
  const { engine, clock } = anEngine({ numParallel: 2, maxLoaded: 10, ...limits })
  engine.loadFaults.set('b', fault)
  const ends: [name: string, at: number, failure?: LoadFailure][] = []
  const ask = (model: string, outputTokens = 0, parts: Partial<EngineCall> = {}) =>
    engine.submit({
      model,
      promptTokens: 0,
      outputTokens,
      onDone: () => ends.push([model, clock.now()]),
      onLoadFailed: (failure) => ends.push([model, clock.now(), failure]),
      ...parts,
    })
  const outcomes = () => engine.snapshot().loads.map(({ model, outcome }) => `${model} ${outcome}`)
  return { engine, clock, ask, ends, outcomes }
}

describe('a load that runs out of memory', () => {
  it('fails at once when the model is alone, and the next call goes on', () => {
    const { engine, clock, ask, ends, outcomes } = faulty({ kind: 'oom' })
    ask('b')
    ask('b')
    ask('c')
    clock.advance(10_000)
    // Each waiting call for the model tries a load of its own.
    assert.deepEqual(ends, [
      ['b', 1000, 'oom'],
      ['b', 2000, 'oom'],
      ['c', 3000],
    ])
    assert.deepEqual(outcomes(), ['b oom', 'b oom', 'c loaded'])
    const { failed, failedLoads, loads, pending } = engine.counters.of('b')
    assert.deepEqual([failed, failedLoads, loads, pending], [2, 2, 0, 0])
    assert.equal(engine.snapshot().weights.b?.failedLoads, 2)
  })

  it('evicts all others, waits until each is idle and gone, and is tried once more', () => {
    const { engine, clock, ask, ends, outcomes } = faulty({ kind: 'oom', beside: true })
    ask('a', 300)
    ask('c', 500)
    ask('d')
    clock.advance(3000)
    ask('b')
    ask('e')
    clock.advance(3500)
    // The load fails at 4000. a and d are idle then and leave; c runs until 7000.
    assert.deepEqual(
      engine.loaded().map(({ key }) => key),
      ['c'],
    )
    clock.advance(10_000)
    assert.deepEqual(ends.slice(1), [
      ['a', 4000],
      ['c', 7000],
      ['b', 8000],
      ['e', 9000],
    ])
    assert.deepEqual(outcomes().slice(3), ['b oom', 'b loaded', 'e loaded'])
    assert.deepEqual(engine.snapshot().loads[4]?.evicted, ['a', 'd', 'c'])
    assert.equal(engine.counters.total().evictions, 3)
  })

  it('fails for good when the second try is out of memory as well', () => {
    const { engine, clock, ask, ends, outcomes } = faulty({ kind: 'oom', times: 2 })
    ask('a')
    clock.advance(2000)
    ask('b')
    ask('b')
    clock.advance(10_000)
    assert.deepEqual(ends.slice(1), [
      ['b', 4000, 'oom'],
      ['b', 5000],
    ])
    assert.deepEqual(outcomes(), ['a loaded', 'b oom', 'b oom', 'b loaded'])
    assert.deepEqual(engine.loadFaults.snapshot(), {})
  })

  it('waits for the keep-alive of a call that takes an eviction back', () => {
    const { clock, ask, ends } = faulty({ kind: 'oom', beside: true })
    ask('a', 500)
    ask('c')
    clock.advance(2000)
    ask('b')
    clock.advance(1500)
    ask('a', 0, { keepAliveMs: 20_000 })
    clock.advance(100_000)
    assert.deepEqual(ends.at(-1), ['b', 6000 + 20_000 + 1000])
  })

  it('evicts the others also for a client that leaves meanwhile, and is not tried again then', () => {
    const { engine, clock, ask, outcomes } = faulty({ kind: 'oom', beside: true })
    ask('a', 500)
    clock.advance(2000)
    const handle = ask('b')
    clock.advance(1500)
    handle?.cancel()
    ask('c')
    clock.advance(10_000)
    assert.deepEqual(outcomes(), ['a loaded', 'b oom', 'b aborted', 'c loaded'])
    assert.deepEqual(engine.snapshot().loads[2]?.evicted, ['a'])
    assert.equal(engine.counters.of('b').aborted, 1)
  })

  it('is forgotten by a restart in the middle of the evictions', () => {
    const { engine, clock, ask, ends } = faulty({ kind: 'oom', beside: true })
    ask('a', 500)
    clock.advance(2000)
    ask('b')
    clock.advance(1500)
    engine.restart()
    ask('b')
    clock.advance(2000)
    assert.deepEqual(ends, [['b', 4500]])
    assert.deepEqual([engine.counters.total().failed, engine.counters.total().pending], [2, 0])
  })
})

describe('a load that crashes', () => {
  it('fails at once and evicts nobody', () => {
    const { engine, clock, ask, ends } = faulty({ kind: 'crash', times: 1 })
    ask('a')
    ask('b')
    ask('b')
    clock.advance(10_000)
    assert.deepEqual(ends, [
      ['a', 1000],
      ['b', 2000, 'crash'],
      ['b', 3000],
    ])
    assert.equal(engine.counters.total().evictions, 0)
  })

  it('gives its memory back', async (t) => {
    const models = ['a', 'b'].map((name) => ({ name, size: 15e9, bytesPerToken: 0 }))
    const { simulator, url } = await aSimulator(t, { models, memoryBytes: 20e9 })
    simulator.failLoads('b', { kind: 'crash' })
    for (const model of ['b', 'a']) await (await post(`${url}/api/generate`, { model })).text()
    assert.deepEqual(
      simulator.snapshot().loaded.map(({ graphicsBytes }) => graphicsBytes),
      [15e9],
    )
  })
})

describe('on the wire, a load that fails', () => {
  const oom =
    'llama-server process has terminated: exit status 1: cudaMalloc failed: out of memory\\nerror loading model: unable to allocate CUDA0 buffer'
  const crash = 'llama-server process has terminated: signal: segmentation fault (core dumped)'
  const messages = [{ role: 'user', content: 'x' }]
  const openai = (text: string) =>
    `{"error":{"message":"${text}","type":"api_error","param":null,"code":null}}\n`
  const answers: [path: string, body: object, text: (error: string) => string][] = [
    ['/api/chat', { messages }, (text) => `{"error":"${text}"}`],
    ['/api/generate', { stream: true, prompt: 'x' }, (text) => `{"error":"${text}"}`],
    ['/api/generate', {}, (text) => `{"error":"${text}"}`],
    ['/api/embed', { input: 'x' }, (text) => `{"error":"${text}"}`],
    ['/v1/chat/completions', { messages, stream: true }, openai],
    [
      '/v1/messages',
      { messages, max_tokens: 5 },
      (text) => `{"type":"error","error":{"type":"api_error","message":"${text}"},"request_id":"req_HEX"}\n`,
    ],
  ]
  for (const [path, body, text] of answers) {
    it(`is a 500 of ${path} with ${JSON.stringify(body)}`, async (t) => {
      const { simulator, url } = await aSimulator(t, {
        models: [{ name: 'llama3.2', loadFault: { kind: 'oom' } }],
      })
      const ask = async () => {
        const response = await post(`${url}${path}`, { model: 'llama3.2', ...body })
        return [response.status, masked(await response.text())]
      }
      assert.deepEqual(await ask(), [500, text(oom)])
      simulator.failLoads('llama3.2', { kind: 'crash' })
      assert.deepEqual(await ask(), [500, text(crash)])
      simulator.failLoads('llama3.2', undefined)
      assert.equal((await ask())[0], 200)
    })
  }

  it('is switched by POST /_sim/load-faults, for all names of the model, and shown in /_sim/state', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama3.2', 'mistral'] })
    const set = async (faults: object) => {
      const response = await post(`${url}/_sim/load-faults`, faults)
      return [response.status, await response.json()]
    }
    await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'other' })
    const [status, on] = await set({ other: { kind: 'crash', times: 2 } })
    assert.equal(status, 200)
    assert.deepEqual(Object.values(on), [{ kind: 'crash', times: 2, beside: false }])
    const load = async (model: string) => (await post(`${url}/api/generate`, { model })).status
    assert.deepEqual([await load('mistral'), await load('llama3.2')], [200, 500])
    const state = await (await fetch(`${url}/_sim/state`)).json()
    assert.deepEqual(
      [state.total.loads, state.total.failedLoads, state.peakLoaded, state.loads[1].outcome],
      [1, 1, 1, 'crash'],
    )
    assert.equal(Object.values<{ times: number }>(state.loadFaults)[0]?.times, 1)
    assert.deepEqual(await set({ other: null }), [200, {}])
    assert.equal(await load('llama3.2'), 200)
  })

  it('needs a model that is there, and a fault of the right form', async (t) => {
    const { simulator, url } = await aSimulator(t, { models: ['llama3.2'] })
    const set = async (faults: object) => (await post(`${url}/_sim/load-faults`, faults)).status
    assert.equal(await set({ 'llama3.2': { kind: 'oom' }, nobody: { kind: 'oom' } }), 404)
    assert.equal(await set({ 'llama3.2': { kind: 'fire' } }), 400)
    assert.deepEqual(simulator.engine.loadFaults.snapshot(), {})
    assert.throws(() => simulator.failLoads('nobody', { kind: 'oom' }), RangeError)
  })
})
