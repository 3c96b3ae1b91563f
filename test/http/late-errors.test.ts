import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Refusal } from '../../src/admission/refusal.ts'
import { renderLastWords } from '../../src/http/late-errors.ts'
import type { LateAnswer } from '../../src/relay/begun-answer.ts'
import { Failure } from '../../src/relay/failure.ts'
import { KeptAnswer } from '../../src/relay/kept-answer.ts'

const full = () => new Refusal('queue_full', { model: 'llama2', retryAfterMs: 11_200, scope: 'model' })
const LINES = { form: 'ndjson', path: '/api/chat', acceptLanguage: undefined } as const
const EVENTS = { form: 'events', path: '/v1/chat/completions', acceptLanguage: undefined } as const
const WHOLE = { form: 'json', path: '/api/embed', acceptLanguage: undefined } as const

function words(error: Refusal | Failure, answer: LateAnswer = LINES): string {
  return renderLastWords(error, answer, 'auto', (unexpected) => assert.fail(String(unexpected)))
}

function keptAnswer(status: number, ...parts: string[]): Failure {
  const answer = new KeptAnswer(status)
  for (const part of parts) answer.add(new TextEncoder().encode(part))
  return new Failure('upstream_error', { answer })
}

describe('the last words of an answer that has begun', () => {
  it('are a last line, in the words of the error that came too late', () => {
    const text = words(full())
    assert.match(text, /^\{.*\}\n$/)
    const { error, code, status, retry_after_s, model, scope } = JSON.parse(text)
    assert.match(error, /^queue_full: Server is currently busy .* in 12 seconds\.$/)
    assert.deepEqual([code, status, retry_after_s, model, scope], ['queue_full', 503, 12, 'llama2', 'model'])
  })

  it('are a last event in the dialect of the route', () => {
    const openai = /^data: (\{.*\})\n\n$/.exec(words(full(), EVENTS))?.[1] ?? ''
    assert.equal(JSON.parse(openai).error.code, 'queue_full')
    assert.equal(JSON.parse(openai).error.status, 503)
    const timeout = new Failure('timeout', { sent: true })
    const anthropic = words(timeout, { ...EVENTS, path: '/v1/messages' })
    const event = JSON.parse(/^event: error\ndata: (\{.*\})\n\n$/.exec(anthropic)?.[1] ?? '')
    assert.deepEqual([event.type, event.error.type, event.error.status], ['error', 'timeout_error', 504])
  })

  it('are the error object where the answer is one JSON value', () => {
    const { code, status } = JSON.parse(words(new Failure('cancelled'), WHOLE))
    assert.deepEqual([code, status], ['cancelled', 499])
  })

  it('are in the language of the client', () => {
    assert.match(words(new Failure('cancelled'), { ...LINES, acceptLanguage: 'ru' }), /Оператор/)
  })

  it("are Ollama's own error, with its status", () => {
    const missing = keptAnswer(404, '{"error":"model \'x\' n', 'ot found"}')
    assert.equal(words(missing), '{"error":"model \'x\' not found","status":404}\n')
    const refused = keptAnswer(400, '{"error":{"message":"bad","type":"invalid_request_error","code":null}}')
    assert.equal(
      words(refused, EVENTS),
      'data: {"error":{"message":"bad","type":"invalid_request_error","code":null,"status":400}}\n\n',
    )
    assert.equal(
      words(keptAnswer(500, '{"type":"error","error":{"type":"api_error","message":"m"}}'), {
        ...EVENTS,
        path: '/v1/messages',
      }),
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"m","status":500}}\n\n',
    )
  })

  it('are our own sentence where Ollama, or a server before it, gave no error object', () => {
    for (const text of ['<html>502', '', 'null', '[]', '{"no":"error"}', `{"error":"${'x'.repeat(70_000)}"}`])
      assert.match(
        words(keptAnswer(502, text)),
        /"code":"upstream_error".*"status":502\}\n$/,
        text.slice(0, 20),
      )
  })

  it('never break out of their line or event', () => {
    const hostile = keptAnswer(500, '{"error":"a\\n\\ndata: x\\n"}')
    for (const answer of [LINES, EVENTS]) assert.equal(words(hostile, answer).trimEnd().split('\n').length, 1)
  })
})
