import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FaultInput } from '../../src/simulator/faults.ts'
import { aSimulator, everything, masked, post, rawPost, rawRequest, saysHi, until } from './support.ts'

const MODEL = 'llama3.2:latest'
const question = { model: 'llama3.2', prompt: 'x', messages: [{ role: 'user', content: 'x' }] }

async function bytesOf(
  port: number,
  t: Parameters<typeof rawRequest>[0],
  path = '/api/generate',
  stream = true,
) {
  const socket = await rawRequest(
    t,
    port,
    rawPost(path, JSON.stringify({ ...question, stream }), 'Connection: close\r\n'),
  )
  return everything(socket)
}

describe('faults', () => {
  it('refuse: the connection is reset without an answer, for the given number of calls', async (t) => {
    const { simulator, port, url } = await aSimulator(t)
    simulator.faults.set({ refuse: { calls: 1 } })
    assert.deepEqual(await bytesOf(port, t), { text: '', error: 'ECONNRESET' })
    assert.equal((await post(`${url}/api/generate`, question)).status, 200)
    assert.deepEqual(simulator.faults.snapshot(), {})
  })

  it('refuse and stall leave other routes alone unless the scope is all', async (t) => {
    const { simulator, url } = await aSimulator(t)
    simulator.faults.set({ refuse: true })
    assert.equal((await fetch(`${url}/api/version`)).status, 200)
    simulator.faults.set({ refuse: { scope: 'all' } })
    await assert.rejects(fetch(`${url}/api/version`))
    simulator.faults.set({ refuse: false })
    assert.equal((await fetch(`${url}/api/version`)).status, 200)
  })

  it('stall: the request is taken, counts as being on the wire, and gets no answer', async (t) => {
    const { simulator, port } = await aSimulator(t)
    simulator.faults.set({ stall: true })
    const socket = await rawRequest(t, port, rawPost('/api/generate', JSON.stringify(question)))
    const counters = simulator.engine.counters.of(MODEL)
    await until(() => counters.onWire === 1)
    assert.equal(counters.submitted, 0)
    socket.end()
    await until(() => counters.onWire === 0)
  })

  it('fail: 500 before the first byte, in the format of the route', async (t) => {
    const { simulator, url } = await aSimulator(t)
    simulator.faults.set({ fail: { calls: 2 } })
    const native = await post(`${url}/api/generate`, question)
    assert.equal(native.status, 500)
    assert.match(await native.text(), /^\{"error":"model runner has unexpectedly stopped/)
    const openai = await post(`${url}/v1/chat/completions`, question)
    assert.equal(openai.status, 500)
    assert.match(await openai.text(), /"type":"api_error"/)
    assert.equal((await post(`${url}/api/generate`, question)).status, 200)
  })

  it('V16 crash: the stream sends an error in its format and ends cleanly', async (t) => {
    const { simulator, url } = await aSimulator(t, { script: saysHi })
    simulator.faults.set({ crash: true })
    assert.equal(
      masked(await (await post(`${url}/api/generate`, question)).text()),
      '{"model":"llama3.2","created_at":"TIME","response":"Hi","done":false}\n' +
        '{"error":"an error was encountered while running the model: unexpected EOF"}\n',
    )
    const chat = masked(
      await (await post(`${url}/v1/chat/completions`, { ...question, stream: true })).text(),
    )
    assert.match(
      chat,
      /"model":"","system_fingerprint":"fp_ollama","choices":\[\{"index":0,"delta":\{"content":""\},"finish_reason":null\}\]\}\n\n$/,
    )
    const message = await (
      await post(`${url}/v1/messages`, { ...question, stream: true, max_tokens: 9 })
    ).text()
    assert.match(message, /content_block_delta/)
    assert.doesNotMatch(message, /message_stop/)
    const whole = await post(`${url}/api/chat`, { ...question, stream: false })
    assert.equal(whole.status, 500)
    const counters = simulator.engine.counters.of(MODEL)
    assert.equal(counters.failed, 3)
    assert.equal(counters.active + counters.onWire, 0)
  })

  it('silence: a clean end without the last line', async (t) => {
    const { simulator, url } = await aSimulator(t, { script: saysHi })
    simulator.faults.set({ silence: { after: 2 } })
    const text = await (await post(`${url}/api/generate`, question)).text()
    assert.equal(text.split('\n').length, 3)
    assert.doesNotMatch(text, /"done":true/)
  })

  const breaks: [string, FaultInput, string | undefined][] = [
    ['cut', { cut: { after: 1 } }, undefined],
    ['reset', { reset: { after: 1 } }, 'ECONNRESET'],
  ]
  for (const [name, fault, error] of breaks) {
    it(`${name}: half a line, then the connection ends with ${error ?? 'a FIN'}`, async (t) => {
      const { simulator, port } = await aSimulator(t, { script: saysHi })
      simulator.faults.set(fault)
      const streamed = await bytesOf(port, t)
      assert.match(
        streamed.text,
        /"response":"Hi","done":false\}\n\r\n[0-9a-f]+\r\n\{"model":"llama3\.2","created_at":"[^}]*$/,
      )
      assert.equal(streamed.error, error)
      const whole = await bytesOf(port, t, '/api/generate', false)
      const [head = '', body = ''] = whole.text.split('\r\n\r\n')
      const length = Number(/Content-Length: (\d+)/.exec(head)?.[1])
      assert.equal(body.length, length >> 1)
      assert.equal(whole.error, error)
      await until(() => simulator.engine.counters.of(MODEL).onWire === 0)
      assert.equal(simulator.engine.counters.of(MODEL).active, 0)
    })

    it(`${name}: may come before the first piece`, async (t) => {
      const { simulator, port } = await aSimulator(t, { script: saysHi })
      simulator.faults.set(name === 'cut' ? { cut: { after: 0 } } : { reset: { after: 0 } })
      const { text } = await bytesOf(port, t, '/v1/chat/completions')
      assert.match(text, /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/)
      assert.match(text, /Transfer-Encoding: chunked/i)
      assert.match(text, /\r\n\r\n[0-9a-f]+\r\ndata: \{[^}]*$/)
    })
  }

  it('slow: the work of a call takes `factor` times as long', async (t) => {
    const { simulator, url } = await aSimulator(t, {
      promptTokensPerSecond: 100_000,
      outputTokensPerSecond: 10_000,
    })
    const duration = async () =>
      (
        await (
          await post(`${url}/api/generate`, { ...question, stream: false, options: { num_predict: 10 } })
        ).json()
      ).eval_duration
    simulator.faults.set({ slow: { factor: 50, calls: 1 } })
    assert.ok((await duration()) >= 50e6)
    assert.deepEqual(simulator.faults.snapshot(), {})
  })
})

describe('the control routes', () => {
  it('set faults, show them with the counters, and reset the counters', async (t) => {
    const { url } = await aSimulator(t)
    await (await post(`${url}/api/generate`, question)).text()
    const set = await post(`${url}/_sim/faults`, { refuse: true, cut: { after: 3, calls: 2 } })
    assert.deepEqual(await set.json(), { refuse: { scope: 'calls' }, cut: { after: 3, calls: 2 } })
    const state = await (await fetch(`${url}/_sim/state`)).json()
    assert.equal(state.models[MODEL].finished, 1)
    assert.equal(state.models[MODEL].peakOnWire, 1)
    assert.equal(state.loaded[0].model, MODEL)
    assert.deepEqual(state.faults.cut, { after: 3, calls: 2 })
    assert.deepEqual(await (await post(`${url}/_sim/faults`, { refuse: false })).json(), {
      cut: { after: 3, calls: 2 },
    })
    const reset = await (await post(`${url}/_sim/reset`, '')).json()
    assert.equal(reset.models[MODEL].finished, 0)
  })

  it('stay reachable whatever fault is on', async (t) => {
    const { simulator, url } = await aSimulator(t)
    simulator.faults.set({ refuse: { scope: 'all' }, stall: { scope: 'all' } })
    assert.equal((await fetch(`${url}/_sim/state`)).status, 200)
  })

  it('refuse unknown faults, and change nothing then', async (t) => {
    const { simulator, url } = await aSimulator(t)
    for (const body of ['{"refuse":true,"explode":true}', '{"cut":{"calls":0}}', '{"slow":true}', '[', '7']) {
      const response = await post(`${url}/_sim/faults`, body)
      assert.equal(response.status, 400, body)
      assert.equal(typeof (await response.json()).error, 'string')
    }
    assert.deepEqual(simulator.faults.snapshot(), {})
    assert.throws(() => simulator.faults.set({ slow: { factor: -1 } }))
  })
})
