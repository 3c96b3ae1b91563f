import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseModelRef } from '../../src/simulator/model-ref.ts'
import { Library } from '../../src/simulator/models.ts'
import { anEngine, aSimulator, masked, post, saysHi } from './support.ts'

const STUB = { name: 'gpt-oss:120b-cloud' }
const MESSAGES = [{ role: 'user', content: 'Say hi' }]

describe('the source of a name', () => {
  const refs: [given: string, base: string, source: 'cloud' | 'local' | undefined][] = [
    ['gpt-oss:20b-cloud', 'gpt-oss:20b', 'cloud'],
    ['gpt-oss:20b:cloud', 'gpt-oss:20b', 'cloud'],
    [' gpt-oss:Cloud ', 'gpt-oss', 'cloud'],
    ['llama2:local', 'llama2', 'local'],
    ['llama2', 'llama2', undefined],
    ['x-cloud', 'x-cloud', undefined],
    ['localhost:5000/x/y-cloud', 'localhost:5000/x/y-cloud', undefined],
  ]
  for (const [given, base, source] of refs) {
    it(`of ${JSON.stringify(given)} is ${source}`, () =>
      assert.deepEqual(parseModelRef(given), { base, source }))
  }
})

describe('a stub of a cloud model', () => {
  it('names its place in /api/tags and /api/show', async (t) => {
    const { url } = await aSimulator(t, { models: [STUB] })
    const [listed] = (await (await fetch(`${url}/api/tags`)).json()).models
    assert.deepEqual(Object.keys(listed).slice(0, 4), ['name', 'model', 'remote_model', 'remote_host'])
    assert.deepEqual([listed.remote_model, listed.remote_host], ['gpt-oss:120b', 'https://ollama.com:443'])
    assert.equal(listed.details.format, '')
    await post(`${url}/api/copy`, { source: STUB.name, destination: 'mine' })
    const shown = await (await post(`${url}/api/show`, { model: 'mine' })).json()
    assert.deepEqual([shown.remote_model, shown.remote_host], ['gpt-oss:120b', 'https://ollama.com:443'])
    assert.match(shown.modelfile, /^FROM $/m)
  })

  it('can stand for a model of another host', () => {
    const spec = { name: 'big', remoteHost: 'http://gpu:11434', remoteModel: 'llama3:70b' }
    const remote = new Library([spec], false, () => 0).find('big')?.remote
    assert.deepEqual(remote, { host: 'http://gpu:11434', model: 'llama3:70b', byName: false })
  })

  it('is answered without a runner, a load or a slot, and every line names its place', async (t) => {
    const { url, simulator } = await aSimulator(t, { models: [STUB], script: saysHi, loadMs: 3_600_000 })
    await post(`${url}/api/copy`, { source: STUB.name, destination: 'mine' })
    const place = '"remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443"'
    const metrics =
      '"total_duration":NS,"prompt_eval_count":26,"prompt_eval_duration":NS,"eval_count":3,"eval_duration":NS'
    const options = { script: saysHi, promptTokensPerSecond: 10_000, outputTokensPerSecond: 500 }
    const timed = await aSimulator(t, {
      ...options,
      models: [
        STUB,
        { ...STUB, name: 'mine', remoteHost: 'https://ollama.com:443', remoteModel: 'gpt-oss:120b' },
      ],
    })
    const streamed = await post(`${timed.url}/api/chat`, { model: 'mine', messages: MESSAGES })
    assert.equal(streamed.headers.get('content-type'), 'application/x-ndjson')
    const message = (content: string) => `"message":{"role":"assistant","content":"${content}"}`
    const line = (text: string) =>
      `{"model":"mine",${place},"created_at":"TIME",${message(text)},"done":false}\n`
    assert.equal(
      masked(await streamed.text()),
      `${line('Hi')}${line('!')}{"model":"mine",${place},"created_at":"TIME",${message('')},"done":true,"done_reason":"stop",${metrics}}\n`,
    )
    const whole = await post(`${url}/api/generate`, { model: 'mine', prompt: 'x', stream: false })
    assert.match(await whole.text(), /"response":"Hi!".*\}\n$/)
    const { models, weights, loaded } = simulator.snapshot()
    const { submitted, started, finished, loads, peakActive, peakOnWire } = models['mine:latest'] ?? {}
    assert.deepEqual(
      { submitted, started, finished, loads, peakActive, peakOnWire },
      { submitted: 1, started: 1, finished: 1, loads: 0, peakActive: 0, peakOnWire: 1 },
    )
    assert.deepEqual([weights, loaded], [{}, []])
  })

  it('is unknown as a local model', async (t) => {
    const { url } = await aSimulator(t, { models: [{ name: 'big', remoteHost: 'http://gpu:11434' }] })
    const response = await post(`${url}/api/chat`, { model: 'big:local', messages: MESSAGES })
    assert.deepEqual(
      [response.status, await response.text()],
      [404, `{"error":"model 'big:local' not found"}`],
    )
  })

  it('is unloaded by /api/chat, but /api/generate asks the cloud', async (t) => {
    const { url } = await aSimulator(t, { models: [{ name: 'big', remoteHost: 'http://gpu:11434' }] })
    const reason = async (path: string, body: object) =>
      (await (await post(`${url}${path}`, { model: 'big', keep_alive: 0, ...body })).json()).done_reason
    assert.equal(await reason('/api/chat', { messages: [] }), 'unload')
    assert.equal(await reason('/api/generate', {}), 'load')
  })
})

describe('a name with the suffix cloud', () => {
  it('is answered under its name without the suffix, and counted with it', async (t) => {
    const { url, simulator } = await aSimulator(t, { script: saysHi })
    for (const model of ['gpt-oss:20b-cloud', 'gpt-oss:20b:cloud']) {
      const native = await (
        await post(`${url}/api/chat`, { model, messages: MESSAGES, stream: false })
      ).json()
      assert.deepEqual(
        [native.model, native.remote_host, native.message.content],
        ['gpt-oss:20b', undefined, 'Hi!'],
      )
      const openai = await (await post(`${url}/v1/chat/completions`, { model, messages: MESSAGES })).json()
      assert.equal(openai.model, 'gpt-oss:20b')
      const anthropic = { model, messages: MESSAGES, max_tokens: 9 }
      assert.equal((await (await post(`${url}/v1/messages`, anthropic)).json()).model, 'gpt-oss:20b')
      const responses = await (await post(`${url}/v1/responses`, { model, input: 'x' })).json()
      assert.equal(responses.model, 'gpt-oss:20b')
    }
    const { models, loaded } = simulator.snapshot()
    assert.deepEqual(Object.keys(models), ['gpt-oss:20b-cloud'])
    assert.equal(models['gpt-oss:20b-cloud']?.finished, 8)
    assert.deepEqual(loaded, [])
  })

  it('must not name a second source', async (t) => {
    const { url } = await aSimulator(t)
    const response = await post(`${url}/api/generate`, { model: 'x:local:cloud', prompt: 'x' })
    assert.deepEqual(
      [response.status, await response.text()],
      [400, '{"error":"use either :local or :cloud, not both: \\"x:local:cloud\\""}'],
    )
  })

  it('is deleted and pulled as the stub on the disk', async (t) => {
    const { url } = await aSimulator(t, { models: [STUB] })
    const body = JSON.stringify({ model: 'gpt-oss:120b:cloud' })
    assert.equal((await fetch(`${url}/api/delete`, { method: 'DELETE', body })).status, 200)
    assert.deepEqual((await (await fetch(`${url}/api/tags`)).json()).models, [])
    assert.match(await (await post(`${url}/api/pull`, body)).text(), /"status":"success"/)
    const [{ name, remote_model }] = (await (await fetch(`${url}/api/tags`)).json()).models
    assert.deepEqual([name, remote_model], ['gpt-oss:120b-cloud', 'gpt-oss:120b'])
  })
})

describe('the cloud in the engine', () => {
  const call = { model: 'c', runner: 'cloud' as const, promptTokens: 100, outputTokens: 10 }

  it('runs any number of calls at once, none slower than alone', () => {
    const { engine, clock } = anEngine({ numParallel: 1, slowdown: 1, maxQueue: 0 })
    const ends: number[] = []
    for (let index = 0; index < 5; index++) engine.submit({ ...call, onDone: () => ends.push(clock.now()) })
    clock.advance(200)
    assert.deepEqual(ends, [200, 200, 200, 200, 200])
  })

  it('ends a call whose client leaves, and stops for a client that does not read', () => {
    const { engine, clock } = anEngine()
    const told: number[] = []
    const first = engine.submit({ ...call, onToken: (index) => told.push(index) })
    engine.submit(call)?.cancel()
    clock.advance(110)
    first?.pause()
    clock.advance(1000)
    assert.deepEqual(told, [0])
    first?.resume()
    clock.advance(1000)
    assert.equal(told.length, 10)
    const { aborted, finished } = engine.counters.of('c')
    assert.deepEqual([aborted, finished, clock.pending], [1, 1, 0])
  })
})
