import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Anthropic, {
  AuthenticationError as AnthropicAuthenticationError,
  APIError as AnthropicError,
  PermissionDeniedError as AnthropicPermissionError,
  RateLimitError as AnthropicRateLimitError,
} from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI, { APIError, AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai'
import { until } from '../support/until.ts'
import { collect, failureOf } from './clients/outcome.ts'
import { WatchedFetch } from './clients/retries.ts'
import { bearer, keyRing, secretOf } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]

/** Why a call is refused, and what its user reads. */
const REFUSALS = [
  {
    what: 'a wrong key',
    key: 'mallory',
    model: 'llama3.2',
    status: 401,
    code: 'invalid_api_key',
    sentence:
      'This server needs a key, and the key of this request is missing or wrong. Please ask the operator of this server for one.',
    openai: AuthenticationError,
    anthropic: AnthropicAuthenticationError,
    anthropicType: 'authentication_error',
  },
  {
    what: 'a model that the key does not allow',
    key: 'alice',
    model: 'mistral',
    status: 403,
    code: 'model_not_allowed',
    sentence: 'Your key does not allow this model.',
    openai: PermissionDeniedError,
    anthropic: AnthropicPermissionError,
    anthropicType: 'permission_error',
  },
  {
    what: 'a spent budget',
    key: 'spent',
    model: 'llama3.2',
    status: 429,
    code: 'insufficient_quota',
    sentence:
      'The budget of your key is used up for today. It is renewed at midnight, in the time of this server.',
    openai: RateLimitError,
    anthropic: AnthropicRateLimitError,
    anthropicType: 'rate_limit_error',
  },
] as const

export function keyClients(target: Target): void {
  describe('a client with a key', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
        serve: ['--parallel', '2'],
        variables: {
          ...keyRing({
            alice: { models: ['llama3.2', 'all-minilm'] },
            spent: { slot_seconds: { day: 0.001 } },
          }),
          MANAGE: 'local',
          // Nothing is written: the folder cannot be made.
          USAGE_DIR: '/dev/null/usage',
        },
      })
      const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', stream: false })
      const init = { method: 'POST', headers: bearer('spent'), body }
      await until('the budget is spent', async () => {
        const answer = await fetch(`${pair.proxy.url}/api/generate`, init)
        await answer.text()
        return answer.status === 429
      })
    })
    after(() => pair.stop())

    const ollama = (name: string, watched = new WatchedFetch()) =>
      new Ollama({ host: pair.proxy.url, headers: bearer(name), fetch: watched.fetch })
    const openai = (name: string, watched = new WatchedFetch()) =>
      new OpenAI({
        baseURL: `${pair.proxy.url}/v1`,
        apiKey: secretOf(name),
        fetch: watched.fetch,
        logLevel: 'off',
      })
    const anthropic = (name: string, watched = new WatchedFetch()) =>
      new Anthropic({
        baseURL: pair.proxy.url,
        apiKey: secretOf(name),
        authToken: null,
        fetch: watched.fetch,
        logLevel: 'off',
      })

    it('is served, and sees its models alone: ollama-js', async () => {
      const client = ollama('alice')
      assert.equal((await client.chat({ model: 'llama3.2', messages })).done, true)
      assert.equal((await client.embed({ model: 'all-minilm', input: 'x' })).embeddings.length, 1)
      const { models } = await client.list()
      assert.deepEqual(models.map(({ name }) => name).sort(), ['all-minilm:latest', 'llama3.2:latest'])
    })

    it('is served, and sees its models alone: openai', async () => {
      const client = openai('alice')
      const { choices } = await client.chat.completions.create({ model: 'llama3.2', messages, max_tokens: 4 })
      assert.equal(choices.length, 1)
      const stream = await client.responses.create({
        model: 'llama3.2',
        input: 'x',
        stream: true,
        max_output_tokens: 16,
      })
      assert.ok((await collect(stream)).length > 0)
      const listed = await collect(await client.models.list())
      assert.deepEqual(listed.map(({ id }) => id).sort(), ['all-minilm:latest', 'llama3.2:latest'])
    })

    it('is served by either header: the Anthropic client', async () => {
      const ask = { model: 'llama3.2', messages, max_tokens: 4 }
      assert.equal((await anthropic('alice').messages.create(ask)).role, 'assistant')
      const { url: baseURL } = pair.proxy
      const byToken = new Anthropic({ baseURL, apiKey: null, authToken: secretOf('alice') })
      assert.equal((await byToken.messages.create(ask)).role, 'assistant')
    })

    for (const refusal of REFUSALS) {
      const { what, key, model, status, code, sentence } = refusal

      it(`of ${what} is told so once: ollama-js`, async () => {
        const watched = new WatchedFetch()
        const client = ollama(key, watched)
        for (const ask of [
          () => client.chat({ model, messages }),
          () => client.generate({ model, prompt: 'x' }),
          () => client.embed({ model, input: 'x' }),
        ]) {
          const error = await failureOf(ask())
          assert.deepEqual(
            { ...error },
            { name: 'ResponseError', status_code: status, error: `${code}: ${sentence}` },
          )
          assert.equal(error.message, `${code}: ${sentence}`)
        }
        const error = await failureOf(client.chat({ model, messages, stream: true }))
        assert.equal(error.message, `${code}: ${sentence}`)
        assert.deepEqual(
          watched.calls.map((each) => each.status),
          [status, status, status, status],
        )
      })

      it(`of ${what} is told so once: openai`, async () => {
        for (const ask of [
          (client: OpenAI) => client.chat.completions.create({ model, messages }),
          (client: OpenAI) => client.chat.completions.create({ model, messages, stream: true }),
          (client: OpenAI) => client.responses.create({ model, input: 'x' }),
          (client: OpenAI) => client.embeddings.create({ model, input: 'x' }),
        ]) {
          const watched = new WatchedFetch()
          const error = await failureOf(ask(openai(key, watched)))
          assert.ok(error instanceof refusal.openai && error instanceof APIError, String(error))
          assert.deepEqual([error.status, error.code, error.message], [status, code, `${status} ${sentence}`])
          assert.equal(watched.calls.length, 1)
        }
      })

      it(`of ${what} is told so once: the Anthropic client`, async () => {
        for (const stream of [false, true]) {
          const watched = new WatchedFetch()
          const client = anthropic(key, watched)
          const error = await failureOf(client.messages.create({ model, messages, max_tokens: 4, stream }))
          assert.ok(error instanceof refusal.anthropic && error instanceof AnthropicError, String(error))
          assert.deepEqual([error.status, error.type], [status, refusal.anthropicType])
          assert.ok(
            error.message.startsWith(`${status} {`) && error.message.includes(sentence),
            error.message,
          )
          assert.equal(watched.calls.length, 1)
        }
      })
    }

    it('that may not manage is told which setting decides: ollama-js', async () => {
      const watched = new WatchedFetch()
      const client = new Ollama({
        host: pair.proxy.url,
        headers: { ...bearer('alice'), 'X-Forwarded-For': '198.51.100.1' },
        fetch: watched.fetch,
      })
      const told =
        'route_not_allowed: This request would change the server, and you may not do that. The operator decides it with the setting "manage", or with "may" of your key.'
      for (const ask of [
        () => client.pull({ model: 'mistral' }),
        () => client.delete({ model: 'mistral' }),
        () => client.copy({ source: 'llama3.2', destination: 'mine' }),
      ])
        assert.equal((await failureOf(ask())).message, told)
      assert.equal(watched.calls.length, 3)
    })
  })
}
