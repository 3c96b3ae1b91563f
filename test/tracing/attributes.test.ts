import assert from 'node:assert/strict'
import test from 'node:test'
import {
  callAttributes,
  errorTypeOf,
  serverAttributes,
  spanName,
  upstreamAttributes,
  upstreamErrorTypeOf,
} from '../../src/tracing/attributes.ts'
import { aCall } from './support.ts'

const unanswered = { firstByteMs: null, sentMs: null } as const

test('a span is named after the operation and the model', () => {
  for (const [path, operation] of [
    ['/api/generate', 'text_completion'],
    ['/api/chat', 'chat'],
    ['/api/embed', 'embeddings'],
    ['/api/embeddings', 'embeddings'],
    ['/v1/chat/completions', 'chat'],
    ['/v1/completions', 'text_completion'],
    ['/v1/embeddings', 'embeddings'],
    ['/v1/responses', 'chat'],
    ['/v1/messages', 'chat'],
    ['/v1/audio/transcriptions', 'generate_content'],
    ['/v1/images/generations', 'generate_content'],
    ['/v1/images/edits', 'generate_content'],
  ] as const) {
    assert.equal(spanName(aCall({ path })), `${operation} llama2`)
    assert.equal(callAttributes(aCall({ path }))['gen_ai.operation.name'], operation)
  }
  assert.equal(spanName(aCall({ model: null })), 'chat')
})

test('what we or Ollama did wrong is an error, what a client did is none', () => {
  for (const [call, expected] of [
    [{ outcome: 'done' }, undefined],
    [{ outcome: 'done', status: 404 }, undefined],
    [{ outcome: 'cancelled', status: 200 }, undefined],
    [{ outcome: 'cancelled', status: 499, ...unanswered }, undefined],
    [{ outcome: 'cancelled', status: 0, reason: 'cancelled', ...unanswered }, undefined],
    [{ outcome: 'refused', status: 413, ...unanswered }, undefined],
    [{ outcome: 'refused', status: 503, reason: 'queue_full', ...unanswered }, 'queue_full'],
    [{ outcome: 'refused', status: 503, reason: 'shutting_down', ...unanswered }, 'shutting_down'],
    [{ outcome: 'timed_out', status: 504, reason: 'timeout', ...unanswered }, 'timeout'],
    [{ outcome: 'timed_out', status: 200 }, 'timeout'],
    [{ outcome: 'failed', status: 502, ...unanswered }, 'upstream_error'],
    [{ outcome: 'failed', status: 500, ...unanswered }, 'internal_error'],
    [{ outcome: 'failed', status: 500 }, '500'],
    [{ outcome: 'failed', status: 200 }, 'upstream_error'],
    [{ outcome: 'failed', status: 200, lateStatus: 500 }, '500'],
  ] as const)
    assert.equal(errorTypeOf(aCall(call)), expected, JSON.stringify(call))
})

test("an answer of 400 and above is an error of what was sent, as it is for Ollama's clients", () => {
  assert.equal(upstreamErrorTypeOf(aCall({ status: 404 })), '404')
  assert.equal(upstreamErrorTypeOf(aCall({ status: 200, lateStatus: 404 })), '404')
  assert.equal(upstreamErrorTypeOf(aCall({ outcome: 'failed', status: 503 })), '503')
  assert.equal(
    upstreamErrorTypeOf(aCall({ outcome: 'failed', status: 502, ...unanswered })),
    'upstream_error',
  )
  assert.equal(upstreamErrorTypeOf(aCall()), undefined)
})

test('without an answer there is no status of Ollama', () => {
  const attributes = upstreamAttributes(aCall({ outcome: 'failed', status: 502, ...unanswered }), {})
  assert.equal(attributes['http.response.status_code'], undefined)
})

test('a client that left before an answer was given no status', () => {
  const attributes = callAttributes(aCall({ outcome: 'cancelled', status: 0, ...unanswered }))
  assert.equal(attributes['http.response.status_code'], undefined)
})

test("Ollama's address comes without brackets, with its scheme's port where none is named", () => {
  const read = (url: string) => Object.values(serverAttributes(url))
  assert.deepEqual(read('http://127.0.0.1:11434'), ['127.0.0.1', 11434])
  assert.deepEqual(read('http://[::1]:11434/ollama'), ['::1', 11434])
  assert.deepEqual(read('https://ollama.example'), ['ollama.example', 443])
  assert.deepEqual(read('http://ollama.example'), ['ollama.example', 80])
})
