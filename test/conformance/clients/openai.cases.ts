import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import OpenAI, { APIConnectionTimeoutError, APIError, APIUserAbortError, InternalServerError } from 'openai'
import { until } from '../../support/until.ts'
import { givenUp, occupy, quiet, slotBack } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { answerOf, collect, failureOf, shapeOf } from './outcome.ts'
import { NEWEST_ALONE, replaced } from './replaced.ts'
import { comesBackInTime, WatchedFetch } from './retries.ts'

const model = 'llama3.2'
const messages = [{ role: 'user' as const, content: 'hello' }]
const short = { model, messages, max_tokens: 6 }
const endless = { model, messages, max_tokens: 4_000, stream: true } as const

const ASKS: Record<string, (client: OpenAI) => Promise<unknown>> = {
  'chat completion': (client) => client.chat.completions.create(short),
  'chat completion, streamed': async (client) =>
    collect(await client.chat.completions.create({ ...short, stream: true })),
  'chat completion, streamed with usage': async (client) =>
    collect(
      await client.chat.completions.create({
        ...short,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  completion: (client) => client.completions.create({ model, prompt: 'hello', max_tokens: 6 }),
  'completion, streamed': async (client) =>
    collect(await client.completions.create({ model, prompt: 'hello', max_tokens: 6, stream: true })),
  response: (client) => client.responses.create({ model, input: 'hello', max_output_tokens: 16 }),
  'response, streamed': async (client) =>
    collect(await client.responses.create({ model, input: 'hello', max_output_tokens: 16, stream: true })),
  embeddings: (client) => client.embeddings.create({ model: 'all-minilm', input: ['a', 'b'] }),
  'embeddings as numbers': (client) =>
    client.embeddings.create({ model: 'all-minilm', input: 'a', encoding_format: 'float' }),
  models: async (client) => collect(await client.models.list()),
  'one model': (client) => client.models.retrieve(model),
}

const FAILURES: Record<string, (client: OpenAI) => Promise<unknown>> = {
  'a model that is not there': (client) => client.chat.completions.create({ ...short, model: 'nope' }),
  'a stream of a model that is not there': (client) =>
    client.responses.create({ model: 'nope', input: 'hello', stream: true }),
  'embeddings of a model that is not there': (client) =>
    client.embeddings.create({ model: 'nope', input: 'a' }),
  'no messages': (client) => client.chat.completions.create({ model, messages: [] }),
}

export function openaiClient(target: Target): void {
  describe('the openai client', () => {
    let pair: Pair
    let proxied: OpenAI
    let direct: OpenAI
    const clientOf = (url: string, more: object = {}) =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: 'ollama', maxRetries: 0, logLevel: 'off', ...more })
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '200', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '8'],
      })
      proxied = clientOf(pair.proxy.url)
      direct = clientOf(pair.simulator.url)
    })
    after(() => pair.stop())

    for (const [name, ask] of Object.entries(ASKS)) {
      it(`gets the same answer as from Ollama itself: ${name}`, async () => {
        assert.equal(await answerOf(ask(proxied)), await answerOf(ask(direct)))
      })
    }

    for (const [name, ask] of Object.entries(FAILURES)) {
      it(`gets the same error as from Ollama itself: ${name}`, async () => {
        assert.equal(shapeOf(await failureOf(ask(proxied))), shapeOf(await failureOf(ask(direct))))
      })
    }

    it('sees a full queue as an InternalServerError with our code and message', async () => {
      await pair.update({ model, queue_limit: 0 })
      const holder = await occupy(pair)
      for (const ask of [
        () => proxied.chat.completions.create(short),
        () => proxied.chat.completions.create(endless),
        () => proxied.responses.create({ model, input: 'hello', stream: true }),
        () => proxied.embeddings.create({ model, input: 'hello' }),
      ]) {
        const error = await failureOf(ask())
        assert.ok(error instanceof InternalServerError, String(error))
        assert.deepEqual([error.status, error.code, error.type], [503, 'queue_full', 'server_error'])
        assert.match(error.message, /Server is currently busy processing other requests/)
      }
      holder.leave('rst')
      await quiet(pair)
    })

    it('comes back after retry-after-ms and is served once the slot is free', async () => {
      await pair.update({ model, queue_limit: 0 })
      const watched = new WatchedFetch()
      const client = clientOf(pair.proxy.url, { maxRetries: 2, fetch: watched.fetch })
      await comesBackInTime(pair, watched, () => client.chat.completions.create(short))
      await pair.update({ model, queue_limit: 8 })
    })

    it('does not repeat a call that a newer one has replaced', async () => {
      if (target.gaps?.queueKeys) return
      const watched = new WatchedFetch()
      const parts = { maxRetries: 2, fetch: watched.fetch, defaultHeaders: NEWEST_ALONE }
      const { completions } = clientOf(pair.proxy.url, parts).chat
      const [whole, streamed] = await replaced(pair, {
        whole: () => completions.create({ ...endless, stream: false }),
        stream: () => completions.create(endless),
        short: () => completions.create(short),
      })
      assert.ok(whole instanceof APIError && streamed instanceof APIError)
      assert.deepEqual([whole.status, whole.code, streamed.code], [499, 'superseded', 'superseded'])
      assert.match(whole.message, /A newer request with the same X-Queue-Key replaced this one\.$/)
      assert.match(streamed.message, /replaced this one in the middle of its answer\.$/)
      assert.equal(watched.calls.length, 3)
    })

    it('that aborts a stream frees the slot and stops Ollama', async () => {
      const { aborted } = await pair.simulated()
      const stream = await proxied.chat.completions.create(endless)
      await stream[Symbol.asyncIterator]().next()
      stream.controller.abort()
      await quiet(pair)
      assert.equal((await pair.simulated()).aborted, aborted + 1)
    })

    it('that aborts before the first byte frees the slot and stops Ollama', async () => {
      const { aborted } = await pair.simulated()
      const controller = new AbortController()
      const asked = failureOf(
        proxied.chat.completions.create({ ...endless, stream: false }, { signal: controller.signal }),
      )
      await until('it runs', async () => (await pair.simulated()).active === 1)
      controller.abort()
      assert.ok((await asked) instanceof APIUserAbortError)
      await givenUp(pair, target)
      if (!target.gaps?.silentFin) assert.equal((await pair.simulated()).aborted, aborted + 1)
    })

    it('that gives up by its own timeout frees the slot', async () => {
      const client = clientOf(pair.proxy.url, { timeout: 300 })
      const error = await failureOf(client.chat.completions.create({ ...endless, stream: false }))
      assert.ok(error instanceof APIConnectionTimeoutError, String(error))
      await givenUp(pair, target)
    })

    for (const [name, ask] of [
      ['chat completion', () => proxied.chat.completions.create(endless)],
      [
        'response',
        () => proxied.responses.create({ model, input: 'x', max_output_tokens: 4_000, stream: true }),
      ],
    ] as const) {
      it(`raises our last event when Ollama dies in mid-stream: ${name}`, async () => {
        const stream: AsyncIterable<unknown> = await ask()
        let seen = 0
        const error = await failureOf(
          (async () => {
            for await (const _ of stream) if (++seen === 8) await pair.simulator.stop('SIGKILL')
          })(),
        )
        assert.ok(error instanceof APIError, String(error))
        assert.equal(error.message, 'Ollama broke off in the middle of its answer. Please try again.')
        assert.equal(error.code, 'upstream_error')
        await slotBack(pair)
        await pair.restartSimulator()
      })
    }

    it('raises an error, and does not take it for an end, when Ollama breaks inside an event', async () => {
      await pair.faults({ cut: { calls: 1, after: 2 } })
      await failureOf(proxied.chat.completions.create(endless).then(collect))
      await quiet(pair)
    })
  })
}
