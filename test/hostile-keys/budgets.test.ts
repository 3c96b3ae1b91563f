import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { bearer, keyRing } from '../conformance/key-ring.ts'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { Recorder } from './recorder.ts'

const SSE = [
  '{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"role":"assistant","content":"!"},"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}',
  '[DONE]',
].map((data) => `data: ${data}\n\n`)

const PART = '{"model":"llama3.2","message":{"role":"assistant","content":"word"},"done":false}\n'

describe('a budget', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-keys-'))
  let ollama: Recorder
  let proxy: Started
  /** Calls to /api/generate that have no answer yet. */
  const held: ServerResponse[] = []
  before(async () => {
    ollama = await Recorder.start((request, response) => {
      if (request.url === '/v1/chat/completions') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(SSE.join(''))
      } else if (request.url === '/api/chat') {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write(PART.repeat(20))
      } else if (request.url === '/api/generate') held.push(response)
      else return false
      return true
    })
    proxy = await startProxy(node, ollama.url, ['--parallel', '1'], {
      ...keyRing({
        streamer: { tokens: { day: 1 } },
        leaver: { tokens: { day: 1 } },
        waiter: { slot_seconds: { day: 0.000_001 } },
      }),
      USAGE_DIR: folder,
    })
  })
  beforeEach(() => {
    held.length = 0
  })
  after(async () => {
    await Promise.all([proxy.stop('SIGKILL'), ollama.stop()])
    rmSync(folder, { recursive: true })
  })

  const call = (path: string, name: string, body: object, signal?: AbortSignal) =>
    fetch(proxy.url + path, {
      method: 'POST',
      headers: bearer(name),
      body: JSON.stringify(body),
      signal: signal ?? null,
    })

  it('of tokens counts a stream of OpenAI that was not asked for its usage', async () => {
    const body = { model: 'llama3.2', stream: true, messages: [{ role: 'user', content: 'Hi' }] }
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) {
      const answer = await call('/v1/chat/completions', 'streamer', body)
      await answer.text()
      statuses.push(answer.status)
    }
    assert.equal(statuses.at(-1), 429, `a day of one token: ${statuses}`)
  })

  it('of tokens counts a stream whose client leaves before the last line', async () => {
    const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hi' }] }
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) {
      const leaving = new AbortController()
      const answer = await call('/api/chat', 'leaver', body, leaving.signal)
      statuses.push(answer.status)
      const first = await answer.body?.getReader().read()
      if (answer.status === 200) assert.ok((first?.value?.length ?? 0) >= PART.length)
      leaving.abort()
      await until('the slot is free', async () => {
        const me = await (await fetch(`${proxy.url}/queue/me`, { headers: bearer('leaver') })).json()
        return Object(me).active === 0
      })
    }
    assert.equal(statuses.at(-1), 429, `a day of one token, 20 parts a call: ${statuses}`)
  })

  it('that is spent stops the calls that wait in line', async () => {
    const body = { model: 'llama3.2', prompt: 'x', stream: false }
    const calls = Array.from({ length: 10 }, () => call('/api/generate', 'waiter', body))
    const statuses: number[] = []
    for (const each of calls) void each.then(({ status }) => statuses.push(status))
    while (statuses.length < calls.length) {
      await until(
        'a call runs or all are answered',
        () => held.length > 0 || statuses.length === calls.length,
      )
      const running = held.shift()
      if (running === undefined) break
      running.end('{"done":true,"prompt_eval_count":1,"eval_count":1}\n')
    }
    await Promise.all(calls)
    const served = statuses.filter((status) => status === 200).length
    assert.ok(served <= 2, `each call takes more than the budget of the day, and ${served} of 10 were served`)
  })
})
