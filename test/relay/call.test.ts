import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ReadCall, readCall } from '../../src/relay/call.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bytesOf, type Request, ScriptedExchange } from '../support/scripted-exchange.ts'

const read = (path: string, request: Request) =>
  readCall(
    new ScriptedExchange({ target: path, ...request }),
    path,
    bytesOf(request.body ?? ''),
    new ManualClock(),
  )

const verdict = ({ model, takesSlot }: ReadCall) => ({ key: model?.key, takesSlot })

describe('a call for a model', () => {
  const ROUTES = ['/api/generate', '/api/chat', '/api/embed', '/api/embeddings', '/v1/chat/completions']
  for (const path of [...ROUTES, '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/messages']) {
    it(`takes a slot on ${path}, its body untouched`, async () => {
      const call = await read(path, { body: ' {"Model": "LLAMA2:latest", "prompt": "x"} ' })
      assert.deepEqual(verdict(call), { key: 'llama2', takesSlot: true })
      assert.equal(new TextDecoder().decode(call.body), ' {"Model": "LLAMA2:latest", "prompt": "x"} ')
    })
  }

  it('takes none for a cloud model, whose name is still known', async () => {
    for (const model of ['gpt-oss:cloud', 'gpt-oss:20b-cloud']) {
      const { model: name, takesSlot } = await read('/api/chat', { body: JSON.stringify({ model }) })
      assert.equal(takesSlot, false)
      assert.equal(name?.cloud, true)
    }
  })

  it('takes none without a model that could run', async () => {
    for (const body of [
      '',
      '{}',
      '{"model":null}',
      '{"model":5}',
      '{"model":"a b"}',
      '{"model":""}',
      'no json',
      '[]',
    ]) {
      assert.deepEqual(verdict(await read('/api/chat', { body })), { key: undefined, takesSlot: false }, body)
    }
  })

  it('cannot hide its model behind white space that Ollama trims', async () => {
    const body = JSON.stringify({ model: `${' '.repeat(50_000)}llama2${'\n'.repeat(50_000)}` })
    assert.deepEqual(verdict(await read('/api/chat', { body })), { key: 'llama2', takesSlot: true })
  })
})

describe('an unload', () => {
  const unloads = async (path: string, fields: string) =>
    !(await read(path, { body: `{"model":"llama2",${fields}}` })).takesSlot

  for (const zero of [
    '0',
    '-0',
    '0.0',
    '0e3',
    '"0"',
    '"-0"',
    '"+0"',
    '"0s"',
    '"0h0m0s"',
    '"0.0s"',
    '"0ms"',
    '"0µs"',
    '"0\\u0073"',
  ]) {
    it(`is an empty call with keep_alive ${zero}`, async () => {
      assert.equal(await unloads('/api/generate', `"keep_alive":${zero}`), true)
      assert.equal(await unloads('/api/generate', `"prompt":"","keep_alive":${zero}`), true)
      assert.equal(await unloads('/api/generate', `"prompt":null,"keep_alive":${zero}`), true)
      assert.equal(await unloads('/api/chat', `"keep_alive":${zero},"messages":[ ]`), true)
      assert.equal(await unloads('/api/chat', `"messages":null,"Keep_Alive":${zero}`), true)
    })
  }
  for (const other of [
    '-1',
    '1',
    '0.5',
    '300',
    '"5m"',
    '"1ns"',
    '"-1m"',
    '"abc"',
    '""',
    '" 0"',
    'null',
    'true',
    '[]',
    '{}',
    '""',
  ]) {
    it(`is none with keep_alive ${other}`, async () => {
      assert.equal(await unloads('/api/generate', `"keep_alive":${other}`), false)
    })
  }
  it('is none with something to do', async () => {
    for (const prompt of ['"hi"', '" "', '"\\u0000"', `"${'x'.repeat(9_000)}"`]) {
      assert.equal(await unloads('/api/generate', `"prompt":${prompt},"keep_alive":0`), false)
    }
    assert.equal(await unloads('/api/generate', '"prompt":"hi","prompt":null,"keep_alive":0'), false)
    assert.equal(await unloads('/api/chat', '"messages":[{}],"keep_alive":0'), false)
    assert.equal(await unloads('/api/chat', '"messages":[],"MESSAGES":[{}],"keep_alive":0'), false)
  })
  it('is none by a key that only looks like the one that counts', async () => {
    assert.equal(await unloads('/api/chat', '"messages":[{}],"keep_alive":0,"me\u00dfages":[]'), false)
    assert.equal(await unloads('/api/chat', '"keep_al\u0131ve":0'), false)
  })
  it('is none without keep_alive, nor on other routes', async () => {
    assert.equal(await unloads('/api/generate', '"prompt":""'), false)
    assert.equal(await unloads('/api/embed', '"input":"","keep_alive":0'), false)
    assert.equal(await unloads('/v1/completions', '"prompt":"","keep_alive":0'), false)
  })
})

describe('a form', () => {
  const PATH = '/v1/audio/transcriptions'
  const form = (body: string, boundary = 'b', target = PATH) =>
    read(PATH, { target, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body })
  const BODY = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n'

  it('gives its model', async () => {
    const call = await form(BODY)
    assert.deepEqual(verdict(call), { key: 'whisper', takesSlot: true })
    assert.equal(new TextDecoder().decode(call.body), BODY)
  })
  it('is overruled by a model in the query, as in Ollama', async () => {
    const target = (query: string) => `${PATH}?${query}`
    assert.deepEqual(verdict(await form(BODY, 'b', target('model=LLAMA2'))), {
      key: 'llama2',
      takesSlot: true,
    })
    assert.deepEqual(verdict(await form('', 'b', target('a=b&mod%65l=+llama2%3A7b'))), {
      key: 'llama2:7b',
      takesSlot: true,
    })
    assert.deepEqual(verdict(await form(BODY, 'b', target('model=a&model=b'))).key, 'a')
    assert.deepEqual(verdict(await form(BODY, 'b', target('model='))), { key: undefined, takesSlot: false })
    assert.deepEqual(verdict(await form(BODY, 'b', target('models=a&x;model=b&model=%zz'))).key, 'whisper')
  })
  it('of another type has none', async () => {
    for (const type of [
      'application/json',
      'multipart/mixed; boundary=b',
      'multipart/form-data',
      undefined,
    ]) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
      assert.equal((await read(PATH, { headers, body: BODY })).takesSlot, false, type)
    }
  })
  it('without a model has none', async () => {
    const body = BODY.replace('"model"', '"prompt"')
    assert.deepEqual(verdict(await form(body)), { key: undefined, takesSlot: false })
  })
  it('that is not plain is refused', async () => {
    for (const body of ['', BODY.replaceAll('\r\n', '\n'), BODY.replace('name="', 'name*="')]) {
      await assert.rejects(form(body), { code: 'invalid_form' })
    }
    await assert.rejects(form(BODY, 'c; boundary=b'), { code: 'invalid_form' })
    // With a model in the query nobody looks at the form.
    assert.equal((await form('', 'b', `${PATH}?model=a`)).takesSlot, true)
  })
})

describe('an edit of an image', () => {
  const PATH = '/v1/images/edits'
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const FORM = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nflux\r\n--b--\r\n'

  it('names its model in JSON, whatever its type says, and else in a form', async () => {
    const key = async (body: string) => verdict(await read(PATH, { headers, body })).key
    assert.equal(await key('{"model":"flux","prompt":"x"}'), 'flux')
    assert.equal(await key(FORM), 'flux')
    // What is JSON is JSON to Ollama, even with a form behind it.
    assert.equal(await key(`{"model":"llama2"}${FORM}`), 'llama2')
    assert.equal((await read(PATH, { body: FORM })).takesSlot, false)
    assert.equal((await read('/v1/images/generations', { headers, body: FORM })).takesSlot, false)
  })
})
