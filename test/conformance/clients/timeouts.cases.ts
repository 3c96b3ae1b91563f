import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Anthropic, { InternalServerError as AnthropicServerError } from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI, { InternalServerError } from 'openai'
import { quiet } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { failureOf } from './outcome.ts'
import { WatchedFetch } from './retries.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]
const ask = { model: 'llama3.2', messages }
const MESSAGE = 'Request timed out. Please try again with a shorter prompt or later.'

const WHOLE =
  'Request timed out. The whole answer was asked for at once, so its first byte would have been its last. ' +
  'Please ask for a stream, or have the time limit of this server raised.'

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
          error: `timeout: ${WHOLE}`,
        },
      )
      await quiet(pair)
    })

    it('sees one 504 in the openai client, which does not send the call again', async () => {
      const watched = new WatchedFetch()
      const client = new OpenAI({
        baseURL: `${pair.proxy.url}/v1`,
        apiKey: 'ollama',
        fetch: watched.fetch,
      })
      const before = (await pair.stats()).total_timed_out
      const error = await failureOf(client.chat.completions.create(ask))
      assert.ok(error instanceof InternalServerError, String(error))
      assert.deepEqual([error.status, error.code, error.message], [504, 'timeout', `504 ${WHOLE}`])
      assert.equal(watched.calls.length, 1)
      await quiet(pair)
      assert.equal((await pair.stats()).total_timed_out, before + 1, 'one call at Ollama')
    })

    it('sees one 504 of type timeout_error in the Anthropic client', async () => {
      const watched = new WatchedFetch()
      const client = new Anthropic({ baseURL: pair.proxy.url, apiKey: 'ollama', fetch: watched.fetch })
      const before = (await pair.stats()).total_timed_out
      const error = await failureOf(client.messages.create({ ...ask, max_tokens: 5 }))
      assert.ok(error instanceof AnthropicServerError, String(error))
      assert.deepEqual([error.status, error.type], [504, 'timeout_error'])
      assert.ok(error.message.includes(WHOLE.replaceAll('"', '\\"')), error.message)
      assert.equal(watched.calls.length, 1)
      await quiet(pair)
      assert.equal((await pair.stats()).total_timed_out, before + 1, 'one call at Ollama')
    })

    it('is told of no stream when it has asked for one', async () => {
      const client = new OpenAI({ baseURL: `${pair.proxy.url}/v1`, apiKey: 'ollama' })
      const error = await failureOf(client.chat.completions.create({ ...ask, stream: true }))
      assert.equal(error.message, `504 ${MESSAGE}`)
      await quiet(pair)
    })
  })
}
