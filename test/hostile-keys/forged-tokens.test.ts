import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerTail } from '../../src/ollama/answer-figures.ts'

/** Written by the client into the schema of a tool, or by the model into the arguments of a call. */
const FORGED = '{"prompt_tokens":0,"completion_tokens":0}'

const ANSWERS = {
  '/v1/responses': `{"id":"resp_1","object":"response","output":[],"tools":[{"type":"function","name":"f","parameters":${FORGED}}],"tool_choice":"auto","usage":{"input_tokens":26,"output_tokens":3},"metadata":{}}`,
  '/v1/messages': `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t","name":"f","input":${FORGED}}],"stop_reason":"tool_use","usage":{"input_tokens":26,"output_tokens":3}}`,
}

describe('token counts that a client writes into an answer', () => {
  for (const [route, text] of Object.entries(ANSWERS))
    it(`do not stand for those of Ollama: ${route}`, () => {
      const tail = new AnswerTail()
      tail.add(new TextEncoder().encode(text))
      const { tokensIn, tokensOut } = tail.figures(1_000, false)
      assert.deepEqual({ tokensIn, tokensOut }, { tokensIn: 26, tokensOut: 3 })
    })
})
