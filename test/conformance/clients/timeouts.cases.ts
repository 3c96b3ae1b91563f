import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Anthropic, { InternalServerError as AnthropicServerError } from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI, { InternalServerError } from 'openai'
import { quiet } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { failureOf } from './outcome.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]
const ask = { model: 'llama3.2', messages }
const MESSAGE = 'Request timed out. Please try again with a shorter prompt or later.'

export function clientTimeouts(target: Target): void {
  describe('a client whose call takes longer than it may', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--timeout', '0.5'],
      })
      await pair.faults({ stall: true })
    })
    after(() => pair.stop())

    it('sees a 504 in ollama-js', async () => {
      const error = await failureOf(new Ollama({ host: pair.proxy.url }).chat(ask))
      assert.deepEqual(
        { ...error },
        {
          name: 'ResponseError',
          status_code: 504,
          error: `timeout: ${MESSAGE}`,
        },
      )
      await quiet(pair)
    })

    it('sees a 504 in the openai client', async () => {
      const client = new OpenAI({ baseURL: `${pair.proxy.url}/v1`, apiKey: 'ollama', maxRetries: 0 })
      const error = await failureOf(client.chat.completions.create(ask))
      assert.ok(error instanceof InternalServerError, String(error))
      assert.deepEqual([error.status, error.code, error.message], [504, 'timeout', `504 ${MESSAGE}`])
      await quiet(pair)
    })

    it('sees a 504 of type timeout_error in the Anthropic client', async () => {
      const client = new Anthropic({ baseURL: pair.proxy.url, apiKey: 'ollama', maxRetries: 0 })
      const error = await failureOf(client.messages.create({ ...ask, max_tokens: 5 }))
      assert.ok(error instanceof AnthropicServerError, String(error))
      assert.deepEqual([error.status, error.type], [504, 'timeout_error'])
      assert.match(error.message, new RegExp(MESSAGE))
      await quiet(pair)
    })
  })
}
