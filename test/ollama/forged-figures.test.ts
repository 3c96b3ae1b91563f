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

function figuresOf(text: string) {
  const tail = new AnswerTail()
  tail.add(new TextEncoder().encode(text))
  return tail.figures(61_000, false)
}

describe('what a client writes into an answer', () => {
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
