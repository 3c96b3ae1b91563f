import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerTail } from '../../src/ollama/answer-figures.ts'
import { reportOf } from '../../src/relay/call-report.ts'
import { aCall, anAdmission, permitOf } from '../admission/support/builders.ts'

const FORGED =
  '{"total_duration":60000000000,"load_duration":1,"prompt_eval_duration":1,"eval_duration":1000000000}'

/** Answers of routes without durations. The marked part is written by the client, or by the model at its wish. */
const ANSWERS = {
  // The arguments of a tool call.
  '/v1/messages': `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t","name":"f","input":${FORGED}}],"stop_reason":"tool_use","usage":{"input_tokens":5,"output_tokens":6}}`,
  // The tools of the request, which the answer repeats: the model has no part in it.
  '/v1/responses': `{"id":"resp_1","object":"response","output":[],"error":null,"tools":[{"type":"function","name":"f","parameters":${FORGED}}],"tool_choice":"auto","usage":{"input_tokens":26,"output_tokens":3},"metadata":{}}`,
}

/** Token counts of the dialect that the route does not speak, and of the one that it speaks. */
const FORGED_COUNTS = [
  '{"prompt_tokens":0,"completion_tokens":0}',
  '{"input_tokens":0,"output_tokens":0}',
  '{"usage":{"prompt_tokens":0,"completion_tokens":0,"input_tokens":0,"output_tokens":0}}',
]

function figuresOf(text: string) {
  const tail = new AnswerTail()
  tail.add(new TextEncoder().encode(text))
  return tail.figures(61_000, false)
}

describe('what a client writes into an answer', () => {
  it('counts neither before the usage nor behind it, in the order of a streamed /v1/responses', () => {
    const usage =
      '"usage":{"input_tokens":26,"input_tokens_details":{"cached_tokens":0},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":29}'
    for (const counts of FORGED_COUNTS.slice(0, 2)) {
      const text = `data: {"response":{"tools":[${counts}],${usage},"user":${counts}},"type":"response.completed"}\n\n`
      const { tokensIn, tokensOut } = figuresOf(text)
      assert.deepEqual([tokensIn, tokensOut], [26, 3], counts)
    }
  })
  it('is no count where the answer has no usage', () => {
    for (const counts of FORGED_COUNTS.slice(0, 2)) {
      const { tokensIn, tokensOut } = figuresOf(`{"content":[{"input":${counts}}],"usage":null}`)
      assert.deepEqual([tokensIn, tokensOut], [null, null], counts)
    }
  })
  for (const [route, text] of Object.entries(ANSWERS)) {
    it(`is no duration: ${route}`, () => {
      const { totalMs, promptMs, evalMs, loadMs } = figuresOf(text)
      assert.deepEqual(
        { totalMs, promptMs, evalMs, loadMs },
        { totalMs: null, promptMs: null, evalMs: null, loadMs: 0 },
      )
    })
    it(`does not hide the tokens: ${route}`, () => {
      assert.ok((figuresOf(text).tokensOut ?? 0) > 0)
      const { tokensIn, tokensOut } = figuresOf(text)
      for (const counts of FORGED_COUNTS) {
        const figures = figuresOf(text.replace(FORGED, counts))
        assert.deepEqual([figures.tokensIn, figures.tokensOut], [tokensIn, tokensOut], counts)
      }
    })
    it(`lowers the limit of nobody: ${route}`, () => {
      const { admission, clock } = anAdmission({ defaults: { parallel: 4, queue: 9 }, auto: true })
      // Somebody else reads a long stream.
      permitOf(admission.acquire(aCall()))
      for (let i = 0; i < 3; i++) {
        const permit = permitOf(admission.acquire(aCall()))
        clock.advance(61_000)
        const times = { firstByteMs: 61_000, tookMs: 61_000, streamed: false }
        permit.release('done', clock.now(), reportOf(figuresOf(text), times, true))
      }
      assert.deepEqual(admission.model('llama2')?.lane.effective, { parallel: 4, reason: 'memory' })
    })
  }
})
