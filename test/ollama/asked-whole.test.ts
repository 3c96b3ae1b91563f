import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askedForWhole } from '../../src/ollama/gated-request.ts'
import { GATED_ROUTES } from '../conformance/gated-routes.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'

const asked = (path: string, body: string, headers: Record<string, string> = {}) =>
  askedForWhole(new ScriptedRequest({ headers }), path, new TextEncoder().encode(body))

const NATIVE = ['/api/generate', '/api/chat']
const V1 = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages']

describe('a call that asked for its whole answer at once', () => {
  it('has stream false in its body, or leaves it out on a route that does not stream by default', () => {
    for (const path of NATIVE) {
      assert.equal(asked(path, '{"model":"a","stream":false}'), true, path)
      assert.equal(asked(path, '{"model":"a","messages":[{"stream":false}]}'), false, path)
      assert.equal(asked(path, '{"STREAM":false,"stream":true}'), false, path)
    }
    for (const path of V1) {
      assert.equal(asked(path, '{"model":"a"}'), true, path)
      assert.equal(asked(path, '{"model":"a","stream":null}'), true, path)
      assert.equal(asked(path, '{"model":"a","stream":true}'), false, path)
    }
  })

  it('is never on a route that cannot stream: the client could not ask for a stream', () => {
    const streaming = GATED_ROUTES.filter(({ streams }) => streams).map(({ path }) => path)
    assert.deepEqual(streaming.toSorted(), [...NATIVE, ...V1].toSorted())
    for (const { path, streams } of GATED_ROUTES)
      if (!streams) assert.equal(asked(path, '{"model":"a","stream":false}'), false, path)
  })

  it('is not recognised by a compressed body', () => {
    assert.equal(asked('/v1/responses', '{"model":"a"}', { 'content-encoding': 'zstd' }), false)
    assert.equal(asked('/v1/responses', '{"model":"a"}', { 'content-encoding': 'gzip' }), true)
  })
})
