import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readGatedRequest } from '../../src/ollama/gated-request.ts'
import { GATED_ROUTES } from '../conformance/gated-routes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'

const NATIVE = ['/api/generate', '/api/chat']
const V1 = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages']

async function streams(path: string, body: string): Promise<boolean> {
  const call = { maxBodyBytes: 10_000, throwIfOver() {} }
  const bytes = new TextEncoder().encode(body)
  return (await readGatedRequest(new ScriptedRequest({}), path, bytes, new ManualClock(), call)).streams
}

describe('a call asks for a stream', () => {
  it('on a native route unless the last stream is false', async () => {
    for (const path of NATIVE) {
      assert.equal(await streams(path, '{"model":"a"}'), true, path)
      assert.equal(await streams(path, '{"model":"a","stream":false}'), false, path)
      assert.equal(await streams(path, '{"model":"a","messages":[{"stream":false}]}'), true, path)
      assert.equal(await streams(path, '{"STREAM":false,"stream":true}'), true, path)
      assert.equal(await streams(path, '{"stream":true,"Stream":false}'), false, path)
      assert.equal(await streams(path, '{"stream":false,"stream":null}'), true, path)
    }
  })

  it('on a route under /v1 where the last stream is true', async () => {
    for (const path of V1) {
      assert.equal(await streams(path, '{"model":"a"}'), false, path)
      assert.equal(await streams(path, '{"model":"a","stream":null}'), false, path)
      assert.equal(await streams(path, '{"model":"a","stream":true}'), true, path)
      assert.equal(await streams(path, '{"stream":true,"stream":null}'), true, path)
      assert.equal(await streams(path, `{"stream":"${'true'.repeat(99)}"}`), false, path)
    }
  })

  it('never on a route that cannot stream', async () => {
    const streaming = GATED_ROUTES.filter((route) => route.streams).map(({ path }) => path)
    assert.deepEqual(streaming.toSorted(), [...NATIVE, ...V1].toSorted())
    for (const route of GATED_ROUTES)
      if (!route.streams)
        assert.equal(await streams(route.path, '{"model":"a","stream":true}'), false, route.path)
  })
})
