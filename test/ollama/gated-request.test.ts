import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type GatedRequest, readGatedRequest } from '../../src/ollama/gated-request.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bytesOf, ScriptedRequest } from '../support/scripted-request.ts'
import { CALL, inTurns, read } from './support/read-call.ts'

const verdict = ({ model, work }: GatedRequest) => ({ key: model?.key, work })

describe('a call for a model', () => {
  const BODY = ' {"Model": "LLAMA2:latest", "prompt": "x", "messages": [{}], "input": "x"} '
  const ROUTES = ['/api/generate', '/api/chat', '/api/embed', '/api/embeddings', '/v1/chat/completions']
  for (const path of [...ROUTES, '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/messages']) {
    it(`is work on ${path}, its body untouched`, async () => {
      const call = await read(path, { body: BODY })
      assert.deepEqual(verdict(call), { key: 'llama2', work: 'run' })
      assert.equal(new TextDecoder().decode(call.body), BODY)
    })
  }

  it('that runs in the cloud is work, even without messages', async () => {
    for (const model of ['gpt-oss:cloud', 'gpt-oss:20b-cloud']) {
      for (const rest of [{}, { keep_alive: 0 }, { messages: [{}] }]) {
        const call = await read('/api/chat', { body: JSON.stringify({ model, ...rest }) })
        assert.equal(call.work, 'run')
        assert.equal(call.model?.cloud, true)
      }
    }
  })

  it('is none without a model that could run', async () => {
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
      assert.deepEqual(verdict(await read('/api/chat', { body })), { key: undefined, work: 'none' }, body)
    }
  })

  it('cannot hide its model behind white space that Ollama trims', async () => {
    const hidden = (space: string, count: number) => ({
      body: `{"model":"${space.repeat(count)}llama2${space.repeat(count)}"}`,
    })
    assert.equal((await read('/api/chat', hidden(' ', 32_000))).model?.key, 'llama2')
    assert.equal((await read('/api/chat', hidden('\\n', 16_000))).model?.key, 'llama2')
    for (const [space, count] of [
      [' ', 40_000],
      ['\\u0020', 10_000],
      [' ', 2_000_000],
    ] as const) {
      await assert.rejects(read('/api/chat', hidden(space, count)), { code: 'invalid_request' })
    }
    await assert.rejects(read('/api/chat', { body: `{"model":${' '.repeat(70_000)}"llama2"}` }), {
      code: 'invalid_request',
    })
  })

  it('is read in turns when its body is large', async () => {
    const clock = new ManualClock()
    const body = `{${'"x":0,'.repeat(500_000)}"model":"llama2"}`
    const client = new ScriptedRequest({ target: '/api/chat', body })
    const { call, turns } = await inTurns(
      clock,
      readGatedRequest(client, '/api/chat', bytesOf(body), clock, CALL),
    )
    assert.deepEqual(verdict(call), { key: 'llama2', work: 'load' })
    assert.ok(turns >= 10, `${turns} turns`)
  })

  it('is read in one turn when its body is small, whatever the body contains', async () => {
    const clock = new ManualClock()
    for (const piece of ['"":0,', '"model":"a",', '"x":"\\\\",', '"x":[[{}]],']) {
      const body = `{${piece.repeat((32 * 1024) / piece.length)}"model":"llama2"}`
      const call = await readGatedRequest(
        new ScriptedRequest({ target: '/api/chat', body }),
        '/api/chat',
        bytesOf(body),
        clock,
        CALL,
      )
      assert.equal(call.model?.key, 'llama2')
    }
    assert.equal(clock.pending, 0)
  })

  it('is not read to its end when the call is over', async () => {
    for (const [path, body] of [
      ['/api/chat', `{${'"x":0,'.repeat(500_000)}"model":"llama2"}`],
      [
        '/v1/audio/transcriptions',
        `--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n${'\r'.repeat(2e6)}`,
      ],
    ] as const) {
      const clock = new ManualClock()
      const headers = { 'content-type': 'multipart/form-data; boundary=b' }
      const client = new ScriptedRequest({ target: path, headers, body })
      let over = false
      const throwIfOver = () => {
        if (over) throw new Error('the call is over')
      }
      const reading = readGatedRequest(client, path, bytesOf(body), clock, { ...CALL, throwIfOver })
      await new Promise(setImmediate)
      assert.equal(clock.pending, 1)
      over = true
      clock.advance(0)
      await assert.rejects(reading, { message: 'the call is over' })
      assert.equal(clock.pending, 0)
    }
  })
})

describe('an unload', () => {
  const unloads = async (path: string, fields: string) =>
    (await read(path, { body: `{"model":"llama2",${fields}}` })).work === 'unload'

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
    // Less than a nanosecond.
    '1e-10',
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
    '-1e-10',
    '1e-9',
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
    it(`is not a call with keep_alive ${other}`, async () => {
      assert.equal(await unloads('/api/generate', `"keep_alive":${other}`), false)
    })
  }
  it('is not a call with a prompt or messages', async () => {
    for (const prompt of ['"hi"', '" "', '"\\u0000"', `"${'x'.repeat(9_000)}"`]) {
      assert.equal(await unloads('/api/generate', `"prompt":${prompt},"keep_alive":0`), false)
    }
    assert.equal(await unloads('/api/generate', '"prompt":"hi","prompt":null,"keep_alive":0'), false)
    assert.equal(await unloads('/api/chat', '"messages":[{}],"keep_alive":0'), false)
    assert.equal(await unloads('/api/chat', '"messages":[],"MESSAGES":[{}],"keep_alive":0'), false)
  })
  it('takes null as empty for a list and a number, but not for a string', async () => {
    assert.equal(await unloads('/api/generate', '"keep_alive":0,"keep_alive":null'), false)
    assert.equal(await unloads('/api/chat', '"keep_alive":0,"Keep_Alive": null '), false)
    assert.equal(await unloads('/api/generate', '"keep_alive":null,"keep_alive":0'), true)
    assert.equal(await unloads('/api/chat', '"messages":[{}],"messages":null,"keep_alive":0'), true)
    assert.equal(await unloads('/api/chat', '"messages":null,"messages":[{}],"keep_alive":0'), false)
    assert.equal(await unloads('/api/generate', '"prompt":"","prompt":null,"keep_alive":0'), true)
    const { model } = await read('/api/chat', { body: '{"model":"llama2","model":null}' })
    assert.equal(model?.key, 'llama2')
  })
  it('is not a call with a value that is too long to be read', async () => {
    assert.equal(await unloads('/api/generate', `"keep_alive":0.${'0'.repeat(9_000)}1e9001`), false)
    assert.equal(await unloads('/api/chat', `"messages":[${' '.repeat(9_000)}],"keep_alive":0`), false)
  })
  it('is not a call with a key that only looks like the right one', async () => {
    assert.equal(await unloads('/api/chat', '"messages":[{}],"keep_alive":0,"me\u00dfages":[]'), false)
    assert.equal(await unloads('/api/chat', '"keep_al\u0131ve":0'), false)
  })
  it('is not a call without keep_alive, nor a call on another route', async () => {
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

  it('has a model field', async () => {
    const call = await form(BODY)
    assert.deepEqual(verdict(call), { key: 'whisper', work: 'run' })
    assert.equal(new TextDecoder().decode(call.body), BODY)
  })
  it('gives way to a model in the query, as in Ollama', async () => {
    const target = (query: string) => `${PATH}?${query}`
    assert.deepEqual(verdict(await form(BODY, 'b', target('model=LLAMA2'))), {
      key: 'llama2',
      work: 'run',
    })
    assert.deepEqual(verdict(await form('', 'b', target('a=b&mod%65l=+llama2%3A7b'))), {
      key: 'llama2:7b',
      work: 'run',
    })
    assert.deepEqual(verdict(await form(BODY, 'b', target('model=a&model=b'))).key, 'a')
    assert.deepEqual(verdict(await form(BODY, 'b', target('model='))), { key: undefined, work: 'none' })
    assert.deepEqual(verdict(await form(BODY, 'b', target('models=a&x;model=b&model=%zz'))).key, 'whisper')
  })
  it('of another content type has no model', async () => {
    for (const type of [
      'application/json',
      'multipart/mixed; boundary=b',
      'multipart/form-data',
      undefined,
    ]) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
      assert.equal((await read(PATH, { headers, body: BODY })).work, 'none', type)
    }
  })
  it('without a model field has no model', async () => {
    const body = BODY.replace('"model"', '"prompt"')
    assert.deepEqual(verdict(await form(body)), { key: undefined, work: 'none' })
  })
  it('that is not plain is refused', async () => {
    for (const body of ['', BODY.replaceAll('\r\n', '\n'), BODY.replace('name="', 'name*="')]) {
      await assert.rejects(form(body), { code: 'invalid_form' })
    }
    await assert.rejects(form(BODY, 'c; boundary=b'), { code: 'invalid_form' })
    // With a model in the query the form is not read.
    assert.equal((await form('', 'b', `${PATH}?model=a`)).work, 'run')
  })
})

describe('an edit of an image', () => {
  const PATH = '/v1/images/edits'
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const FORM = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nflux\r\n--b--\r\n'

  it('has its model in JSON, whatever its content type, and otherwise in a form', async () => {
    const key = async (body: string) => verdict(await read(PATH, { headers, body })).key
    assert.equal(await key('{"model":"flux","prompt":"x"}'), 'flux')
    assert.equal(await key(FORM), 'flux')
    // Ollama reads JSON even when a form follows.
    assert.equal(await key(`{"model":"llama2"}${FORM}`), 'llama2')
    assert.equal((await read(PATH, { body: FORM })).work, 'none')
    assert.equal((await read('/v1/images/generations', { headers, body: FORM })).work, 'none')
  })
})
