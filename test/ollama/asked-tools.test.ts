import assert from 'node:assert/strict'
import { it } from 'node:test'
import { foregroundClock } from '../../src/clock.ts'
import { type GatedRequest, readGatedRequest } from '../../src/ollama/gated-request.ts'
import { GATED_ROUTES } from '../conformance/gated-routes.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'
import { longFrame } from './support/zstd-frames.ts'

function read(path: string, body: string | Uint8Array, headers = {}): Promise<GatedRequest> {
  const call = { maxBodyBytes: 1_000_000, throwIfOver() {} }
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return readGatedRequest(new ScriptedRequest({ headers }), path, bytes, foregroundClock, call)
}

const CHATS = ['/api/chat', '/v1/chat/completions', '/v1/responses', '/v1/messages']

it('a chat may call tools where the last list of tools has one', async () => {
  for (const path of CHATS) {
    const tools = async (body: string) => (await read(path, body)).tools
    assert.equal(await tools('{"model":"a","tools":[{"type":"function"}]}'), true, path)
    assert.equal(await tools('{"model":"a"}'), false, path)
    assert.equal(await tools('{"model":"a","tools":[]}'), false, path)
    assert.equal(await tools('{"model":"a","tools": [] }'), false, path)
    assert.equal(await tools('{"model":"a","tools":[{}],"tools":null}'), false, path)
    assert.equal(await tools('{"model":"a","messages":[{"tools":[{}]}]}'), false, path)
  }
})

it('no other call can', async () => {
  for (const { path } of GATED_ROUTES)
    if (!CHATS.includes(path))
      assert.equal((await read(path, '{"model":"a","tools":[{}]}')).tools, false, path)
})

it('a body is as long as Ollama reads it', async () => {
  const body = JSON.stringify({ model: 'a', messages: [{ content: 'x'.repeat(10_000) }] })
  assert.equal((await read('/api/chat', body)).decodedBytes, body.length)
  const frame = longFrame(body)
  const { decodedBytes } = await read('/v1/chat/completions', frame, { 'content-encoding': 'zstd' })
  assert.equal(decodedBytes, 5 * 128 * 1024 + body.length)
})
