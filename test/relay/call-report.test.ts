import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerTail } from '../../src/ollama/answer-figures.ts'
import { reportOf } from '../../src/relay/call-report.ts'

function tokensOf(answer: string, { native = true, streamed = false } = {}): number | undefined {
  const tail = new AnswerTail()
  tail.add(new TextEncoder().encode(answer))
  const times = { firstByteMs: 10, tookMs: 1_000, streamed }
  return reportOf(tail.figures(1_000, native), times, true, 200).tokens
}

const DONE =
  '{"done":true,"total_duration":900000000,"load_duration":1,"prompt_eval_count":7,"prompt_eval_duration":1000000,"eval_count":5,"eval_duration":800000000}\n'

describe('the report of a call', () => {
  it('has the tokens in and out together, whatever else the answer tells', () => {
    assert.equal(tokensOf(DONE), 12)
    assert.equal(tokensOf(DONE, { streamed: true }), 12)
    assert.equal(tokensOf('{"usage":{"prompt_tokens":3,"completion_tokens":4}}', { native: false }), 7)
    assert.equal(tokensOf('{"total_duration":900000000,"load_duration":1,"prompt_eval_count":7}'), 7)
  })

  it('of an answer without figures has none', () => {
    assert.equal(tokensOf('{"response":"x"}\n'), 0)
  })
})
