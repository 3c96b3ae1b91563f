import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../support/manual-clock.ts'
import { aSimulator, post, until } from './support.ts'

/** The lines of a stream, with the digests masked. */
async function created(url: string, body: object): Promise<string[]> {
  const response = await post(`${url}/api/create`, body)
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
  const text = await response.text()
  return text
    .replace(/[0-9a-f]{64}/g, 'HEX')
    .trimEnd()
    .split('\n')
}

const tagOf = async (url: string, name: string) => {
  const { models } = await (await fetch(`${url}/api/tags`)).json()
  return models.find((model: { name: string }) => model.name === name)
}
const show = async (url: string, model: string) => (await post(`${url}/api/show`, { model })).json()

describe('/api/create', () => {
  it('makes a child with the weights of its parent and a manifest of its own', async (t) => {
    const { url, simulator } = await aSimulator(t)
    const child = { model: 'mine', from: 'llama3.2', system: 'Be brief.', parameters: { num_ctx: 8192 } }
    const old = '{"status":"using existing layer sha256:HEX"}'
    const added = '{"status":"creating new layer sha256:HEX"}'
    const end = ['{"status":"writing manifest"}', '{"status":"success"}']
    assert.deepEqual(await created(url, child), [old, old, added, added, ...end])
    const [parent, made] = [await tagOf(url, 'llama3.2:latest'), await tagOf(url, 'mine:latest')]
    assert.notEqual(made.digest, parent.digest)
    assert.equal(made.details.parent_model, 'llama3.2:latest')
    const { modelfile, system, parameters } = await show(url, 'mine')
    const blobOf = (text: string) => /^FROM (\S+)$/m.exec(text)?.[1]
    assert.equal(blobOf(modelfile), blobOf((await show(url, 'llama3.2')).modelfile))
    assert.match(modelfile, /\nSYSTEM Be brief\.\nPARAMETER num_ctx 8192\n$/)
    assert.deepEqual([system, parameters], ['Be brief.', 'num_ctx                        8192'])
    for (const model of ['mine', 'llama3.2']) {
      await (await post(`${url}/api/generate`, { model, prompt: 'x', options: { num_ctx: 8192 } })).text()
    }
    const [weights] = Object.values(simulator.snapshot().weights)
    assert.deepEqual([weights?.finished, weights?.loads], [2, 1])
  })

  it('keeps the layers of the parent that it does not replace, and knows a layer that it has made', async (t) => {
    const { url } = await aSimulator(t)
    await created(url, {
      model: 'a',
      from: 'llama3.2',
      system: 'One',
      parameters: { stop: ['x', 'y'], top_k: 1 },
    })
    const lines = await created(url, { model: 'b', from: 'a', system: 'Two', parameters: { top_k: 2 } })
    assert.equal(lines.filter((line) => line.includes('creating new')).length, 2)
    const { system, parameters } = await show(url, 'b')
    assert.equal(system, 'Two')
    assert.match(parameters, /^stop +"x"\nstop +"y"\ntop_k +2$/)
    const again = await created(url, { model: 'c', from: 'llama3.2', system: 'One' })
    assert.equal(again.filter((line) => line.includes('creating new')).length, 0)
  })

  it('without a stream answers with the last line', async (t) => {
    const { url } = await aSimulator(t)
    const response = await post(`${url}/api/create`, { name: 'mine', from: 'llama3.2', stream: false })
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(await response.text(), '{"status":"success"}')
    assert.notEqual(await tagOf(url, 'mine:latest'), undefined)
  })

  it('pulls a parent that is not on the disk, and ends with the error of the pull', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama2'] })
    await fetch(`${url}/api/delete`, { method: 'DELETE', body: '{"model":"llama2"}' })
    const lines = await created(url, { model: 'mine', from: 'llama2' })
    assert.equal(lines[0], '{"status":"pulling manifest"}')
    assert.equal(lines.at(-1), '{"status":"success"}')
    assert.notEqual(await tagOf(url, 'llama2:latest'), undefined)
    const missing = '{"error":"pull model manifest: file does not exist"}'
    const body = { model: 'other', from: 'nope' }
    assert.deepEqual(await created(url, body), ['{"status":"pulling manifest"}', missing])
    const whole = await post(`${url}/api/create`, { ...body, stream: false })
    assert.deepEqual([whole.status, await whole.text()], [500, missing])
    assert.equal(await tagOf(url, 'other:latest'), undefined)
  })

  it('makes a stub from a model of the cloud', async (t) => {
    const { url } = await aSimulator(t)
    assert.deepEqual(await created(url, { model: 'big', from: 'gpt-oss:120b-cloud' }), [
      '{"status":"writing manifest"}',
      '{"status":"success"}',
    ])
    const { remote_model, remote_host } = await tagOf(url, 'big:latest')
    assert.deepEqual([remote_model, remote_host], ['gpt-oss:120b', 'https://ollama.com:443'])
  })

  const refusals: [body: unknown, error: string][] = [
    ['', 'missing request body'],
    [{ from: 'llama3.2' }, 'invalid model name'],
    [{ model: 'a b', from: 'llama3.2' }, 'invalid model name'],
    [{ model: 'mine', from: 'a b' }, 'invalid model name'],
    [{ model: 'mine' }, "neither 'from' or 'files' was specified"],
    [{ model: 'mine', files: { 'x.bin': 'sha256:0' } }, 'unknown type'],
  ]
  for (const [body, error] of refusals) {
    it(`${JSON.stringify(body)} is 400 ${error}`, async (t) => {
      const { url } = await aSimulator(t)
      const response = await post(`${url}/api/create`, body)
      assert.deepEqual([response.status, await response.json()], [400, { error }])
    })
  }

  it('makes nothing when its client leaves', async (t) => {
    const clock = new ManualClock()
    const { url } = await aSimulator(t, { clock })
    const client = new AbortController()
    const body = { model: 'mine', from: 'llama3.2' }
    const response = await post(`${url}/api/create`, body, { signal: client.signal })
    await response.body?.getReader().read()
    assert.equal(clock.pending, 1)
    client.abort()
    await until(() => clock.pending === 0)
    clock.advance(60_000)
    assert.equal(await tagOf(url, 'mine:latest'), undefined)
  })
})
