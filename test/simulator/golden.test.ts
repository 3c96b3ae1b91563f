import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { anEngine, aSimulator, post, until } from './support.ts'

const WALL_TIME = Date.UTC(2026, 7, 21, 18, 48, 22, 163)
const AT = '"created_at":"2026-08-21T18:48:22.163Z"'
const DETAILS =
  '{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"3.2B","quantization_level":"Q4_K_M"'

/** A simulator whose clock stands still, and the text of its answers: the clock moves by `ms` to let a call end. */
async function still(t: TestContext, options: SimulatorOptions = {}) {
  const clock = new ManualClock(WALL_TIME)
  const { simulator, url } = await aSimulator(t, { clock, ...options })
  const get = async (path: string) =>
    (await (await fetch(`${url}${path}`)).text()).replace(/[0-9a-f]{64}/g, 'HEX')
  const call = async (path: string, body: string, ms = 0) => {
    const { submitted } = simulator.engine.counters.total()
    const answer = post(`${url}${path}`, body)
    await until(() => simulator.engine.counters.total().submitted > submitted)
    clock.advance(ms)
    const response = await answer
    return [response.headers.get('content-type'), await response.text()]
  }
  return { simulator, clock, url, get, call }
}

const GIN = 'application/json; charset=utf-8'

describe('V3: load-only calls', () => {
  const native = (rest: string) => `{"model":"llama3.2",${AT},${rest},"done":true,"done_reason":"load"}`
  const loads: [path: string, body: string, type: string, answer: string][] = [
    ['/api/generate', '{"model":"llama3.2"}', GIN, native('"response":""')],
    ['/api/generate', '{"model":"llama3.2","prompt":"","stream":true}', GIN, native('"response":""')],
    ['/api/generate', '{"model":"llama3.2","suffix":"x","images":["aGk="]}', GIN, native('"response":""')],
    ['/api/generate', '{"model":"llama3.2","keep_alive":0,"keep_alive":null}', GIN, native('"response":""')],
    ['/api/chat', '{"model":"llama3.2"}', GIN, native('"message":{"role":"assistant","content":""}')],
    [
      '/api/chat',
      '{"model":"llama3.2","messages":[],"keep_alive":"5m"}',
      GIN,
      native('"message":{"role":"assistant","content":""}'),
    ],
    ['/api/embed', '{"model":"llama3.2"}', GIN, '{"model":"llama3.2","embeddings":[]}'],
    ['/api/embed', '{"model":"llama3.2","input":""}', GIN, '{"model":"llama3.2","embeddings":[]}'],
    ['/api/embed', '{"model":"llama3.2","input":[]}', GIN, '{"model":"llama3.2","embeddings":[]}'],
    ['/api/embeddings', '{"model":"llama3.2"}', GIN, '{"embedding":[]}'],
    ['/api/embeddings', '{"model":"llama3.2","prompt":""}', GIN, '{"embedding":[]}'],
  ]
  for (const [path, body, type, answer] of loads) {
    it(`${path} ${body}`, async (t) => {
      const { simulator, call } = await still(t)
      assert.deepEqual(await call(path, body), [type, answer])
      const { loads, finished, peakActive } = simulator.engine.counters.of('llama3.2:latest')
      assert.deepEqual([loads, finished, peakActive], [1, 1, 0])
    })
  }

  it('/v1/completions with an empty prompt', async (t) => {
    const { simulator, call } = await still(t)
    const [type, text] = await call('/v1/completions', '{"model":"llama3.2","prompt":""}')
    assert.equal(type, 'application/json')
    assert.match(
      text ?? '',
      /"choices":\[\{"text":"","index":0,"finish_reason":"load"\}\],"usage":\{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0\}\}\n$/,
    )
    assert.equal(simulator.engine.counters.total().peakActive, 0)
  })

  it('/api/embed with keep_alive 0 loads the model and unloads it', async (t) => {
    const { simulator, call } = await still(t)
    await call('/api/embed', '{"model":"llama3.2","input":[],"keep_alive":0}')
    assert.equal(simulator.engine.counters.total().loads, 1)
    assert.deepEqual(simulator.snapshot().loaded, [])
  })

  it('unloads are answered at once, and keep_alive null before 0 is one', async (t) => {
    const { url, get, call } = await still(t)
    for (const keepAlive of ['0', '"0"', '"0s"', 'null,"keep_alive":0']) {
      await call('/api/generate', '{"model":"llama3.2"}')
      const answer = await post(`${url}/api/generate`, `{"model":"llama3.2","keep_alive":${keepAlive}}`)
      const text = `{"model":"llama3.2",${AT},"response":"","done":true,"done_reason":"unload"}`
      assert.equal(await answer.text(), text, keepAlive)
      assert.equal(await get('/api/ps'), '{"models":[]}')
    }
  })

  it('null does not take back a text that came before', async (t) => {
    const { call } = await still(t)
    const body = '{"model":"llama3.2","model":null,"prompt":"x","prompt":null,"stream":false,"raw":true}'
    assert.match((await call('/api/generate', body))[1] ?? '', /"done_reason":"stop"/)
  })
})

it('V6: /api/embed has the total, the load and the tokens of all inputs', async (t) => {
  const script = () => ({ pieces: [], promptTokens: 8 })
  const { call } = await still(t, { script, promptTokensPerSecond: 1000, loadMs: 500, overheadMs: 2 })
  const [type, text] = await call('/api/embed', '{"model":"all-minilm","input":["a","b"]}', 10_000)
  assert.equal(type, GIN)
  assert.match(
    text ?? '',
    /^\{"model":"all-minilm","embeddings":\[\[[^\]]+\],\[[^\]]+\]\],"total_duration":510000000,"load_duration":500000000,"prompt_eval_count":8\}$/,
  )
})

describe('V17: introspection', () => {
  it('/api/tags', async (t) => {
    const { get } = await still(t, { models: ['llama3.2'] })
    assert.equal(
      await get('/api/tags'),
      `{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","modified_at":"2026-08-21T18:48:22.163Z","size":2016000000,"digest":"HEX","details":${DETAILS},"context_length":131072,"embedding_length":3072},"capabilities":["completion","tools"]}]}`,
    )
  })

  it('/api/ps: the time stands while calls run, moves while the model was never idle, and is past after an unload', async (t) => {
    const { get, call, clock, url, simulator } = await still(t, { outputTokensPerSecond: 1 })
    // The weights, and 4096 tokens of context in one slot.
    const bytes = 2_016_000_000 + 4096 * 73_271
    const ps = (expiresAt: string) =>
      `{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","size":${bytes},"digest":"HEX","details":${DETAILS}},"expires_at":"2026-08-21T18:${expiresAt}.163Z","size_vram":${bytes},"context_length":4096}]}`
    const run = '{"model":"llama3.2","prompt":"x","stream":false,"options":{"num_predict":60}}'
    const first = post(`${url}/api/generate`, run)
    await until(() => simulator.engine.counters.total().submitted === 1)
    clock.advance(10_000)
    assert.equal(await get('/api/ps'), ps('53:32'))
    clock.advance(10_000)
    assert.equal(await get('/api/ps'), ps('53:42'))
    clock.advance(40_000)
    await (await first).text()
    assert.equal(await get('/api/ps'), ps('54:22'))
    const second = post(`${url}/api/generate`, run)
    await until(() => simulator.engine.counters.total().submitted === 2)
    clock.advance(10_000)
    assert.equal(await get('/api/ps'), ps('54:22'))
    await (await post(`${url}/api/generate`, '{"model":"llama3.2","keep_alive":0}')).text()
    clock.advance(5000)
    assert.equal(await get('/api/ps'), ps('49:32'))
    clock.advance(45_000)
    await (await second).text()
    assert.equal(await get('/api/ps'), '{"models":[]}')
    // A call with a keep-alive of its own takes back an unload that waits.
    const third = post(`${url}/api/generate`, run)
    await until(() => simulator.engine.counters.total().submitted === 3)
    clock.advance(1)
    await (await post(`${url}/api/generate`, '{"model":"llama3.2","keep_alive":0}')).text()
    await call('/api/generate', '{"model":"llama3.2","keep_alive":"1m"}', 60_000)
    await (await third).text()
    assert.match(await get('/api/ps'), /"expires_at":"2026-08-21T18:52:/)
  })
})

describe('as seen on a real Ollama', () => {
  const names = ['alpha', 'beta', 'gamma', 'delta']

  it('four names of one file have one runner, and one load', async (t) => {
    const { url, simulator, call } = await still(t, { models: ['alpha'], maxLoaded: 1 })
    for (const destination of names.slice(1)) await post(`${url}/api/copy`, { source: 'alpha', destination })
    for (const name of [...names, ...names]) await call('/api/generate', `{"model":"${name}","prompt":"x"}`)
    assert.equal(simulator.engine.counters.total().loads, 1)
  })

  it('four names of four files with MAX_LOADED_MODELS=1 load at each change', async (t) => {
    const { simulator, call } = await still(t, { models: names, maxLoaded: 1 })
    for (const name of [...names, ...names]) await call('/api/generate', `{"model":"${name}","prompt":"x"}`)
    assert.equal(simulator.engine.counters.total().loads, 8)
  })

  it('a burst over three models loads at each change in the order of arrival', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1 })
    const order = Array.from({ length: 60 }, (_, index) => ['a', 'b', 'a', 'c', 'a', 'b'][index % 6] ?? 'a')
    for (const model of order) engine.submit({ model, promptTokens: 0, outputTokens: 10 })
    clock.advance(600_000)
    const changes = order.filter((model, index) => model !== order[index - 1]).length
    assert.deepEqual([engine.counters.total().finished, engine.counters.total().loads], [60, changes])
  })

  it('of four calls at NUM_PARALLEL=1 three wait inside, and the rest of the total tells how long', () => {
    const { engine, clock } = anEngine({ overheadMs: 6 })
    const rests: number[] = []
    engine.submit({ model: 'a', promptTokens: 0, outputTokens: 0, loadOnly: true })
    clock.advance(1000)
    for (let index = 0; index < 4; index++) {
      engine.submit({
        model: 'a',
        promptTokens: 9,
        outputTokens: 9,
        onDone: ({ totalMs, loadMs, promptMs, outputMs }) =>
          rests.push(Math.round(totalMs - loadMs - promptMs - outputMs)),
      })
    }
    clock.advance(5000)
    assert.deepEqual(rests, [6, 105, 204, 303])
  })

  it('a call to the leaving model is let through at once, and waits for its slot, not for the load', () => {
    const { engine, clock } = anEngine({ maxLoaded: 1 })
    const figures: Record<string, number[]> = {}
    const ask = (name: string, model: string) =>
      engine.submit({
        model,
        promptTokens: 0,
        outputTokens: 100,
        onDone: ({ loadMs, waitMs }) => (figures[name] = [loadMs, waitMs]),
      })
    ask('alpha', 'alpha')
    clock.advance(1500)
    ask('beta', 'beta')
    ask('third', 'alpha')
    clock.advance(10_000)
    assert.deepEqual(figures, { alpha: [1000, 0], third: [0, 500], beta: [2500, 0] })
  })
})
