import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canStream, dialectOf, GATED_PATHS } from '../../src/ollama/routes.ts'
import { GATED_ROUTES } from '../conformance/gated-routes.ts'

describe('the table of gated routes', () => {
  it('has the routes, the dialects and the streams that the clients of Ollama know', () => {
    const known = GATED_ROUTES.map(({ path, dialect, streams }) => ({ path, dialect, streams }))
    const listed = GATED_PATHS.map((path) => ({ path, dialect: dialectOf(path), streams: canStream(path) }))
    assert.deepEqual(listed, known)
  })
})

describe('the dialect of a route that is not gated', () => {
  for (const [path, dialect] of [
    ['/', 'ollama'],
    ['/api/tags', 'ollama'],
    ['/v1', 'ollama'],
    ['/v1/models', 'openai'],
    ['/v1/messages/count_tokens', 'anthropic'],
    ['/v1/messagesx', 'openai'],
  ] as const) {
    it(`is ${dialect} for ${path}`, () => assert.equal(dialectOf(path), dialect))
    it(`is not expected to stream on ${path}`, () => assert.equal(canStream(path), false))
  }
})
