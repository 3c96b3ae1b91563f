import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Anthropic, { APIConnectionTimeoutError, APIError, InternalServerError } from '@anthropic-ai/sdk'
import { givenUp, occupy, quiet, slotBack } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { answerOf, collect, failureOf, shapeOf } from './outcome.ts'
import { NEWEST_ALONE, replaced } from './replaced.ts'
import { comesBackInTime, WatchedFetch } from './retries.ts'

const model = 'llama3.2'
const messages = [{ role: 'user' as const, content: 'hello' }]
const short = { model, messages, max_tokens: 6 }
const endless = { model, messages, max_tokens: 4_000, stream: true } as const

const ASKS: Record<string, (client: Anthropic) => Promise<unknown>> = {
  message: (client) => client.messages.create(short),
  'message, streamed': async (client) => collect(await client.messages.create({ ...short, stream: true })),
  'message, put together from its stream': (client) => client.messages.stream(short).finalMessage(),
}

const FAILURES: Record<string, (client: Anthropic) => Promise<unknown>> = {
  'a model that is not there': (client) => client.messages.create({ ...short, model: 'nope' }),
  'a stream of a model that is not there': (client) =>
    client.messages.create({ ...short, model: 'nope', stream: true }),
  'no messages': (client) => client.messages.create({ ...short, messages: [] }),
}

export function anthropicClient(target: Target): void {
  describe('the Anthropic client', () => {
    let pair: Pair
    let proxied: Anthropic
    let direct: Anthropic
    const clientOf = (baseURL: string, more: object = {}) =>
      new Anthropic({ baseURL, apiKey: 'ollama', maxRetries: 0, logLevel: 'off', ...more })
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

    it('sees a full queue as an InternalServerError of type overloaded_error', async () => {
      await pair.update({ model, queue_limit: 0 })
      const holder = await occupy(pair)
      for (const ask of [() => proxied.messages.create(short), () => proxied.messages.create(endless)]) {
        const error = await failureOf(ask())
        assert.ok(error instanceof InternalServerError, String(error))
        assert.deepEqual([error.status, error.type], [503, 'overloaded_error'])
        assert.match(error.message, /Server is currently busy processing other requests/)
        assert.match(error.message, /"request_id":"req_[0-9a-f]{24}"/)
      }
      holder.leave('rst')
      await quiet(pair)
    })

    it('comes back after retry-after-ms and is served once the slot is free', async () => {
      await pair.update({ model, queue_limit: 0 })
      const watched = new WatchedFetch()
      const client = clientOf(pair.proxy.url, { maxRetries: 2, fetch: watched.fetch })
      await comesBackInTime(pair, watched, () => client.messages.create(short))
      await pair.update({ model, queue_limit: 8 })
    })

    it('does not repeat a call that a newer one has replaced', async () => {
      if (target.gaps?.queueKeys) return
      const watched = new WatchedFetch()
      const parts = { maxRetries: 2, fetch: watched.fetch, defaultHeaders: NEWEST_ALONE }
      const { messages } = clientOf(pair.proxy.url, parts)
      const [whole, streamed] = await replaced(pair, {
        whole: () => messages.create({ ...endless, stream: false }),
        stream: () => messages.create(endless),
        short: () => messages.create(short),
      })
      assert.ok(whole instanceof APIError && streamed instanceof APIError)
      assert.deepEqual([whole.status, whole.type, streamed.type], [499, 'api_error', 'api_error'])
      assert.match(whole.message, /A newer request with the same X-Queue-Key replaced this one\./)
      assert.match(streamed.message, /replaced this one in the middle of its answer\./)
      assert.equal(watched.calls.length, 3)
    })

    it('that aborts a stream frees the slot and stops Ollama', async () => {
      const { aborted } = await pair.simulated()
      const stream = await proxied.messages.create(endless)
      await stream[Symbol.asyncIterator]().next()
      stream.controller.abort()
      await quiet(pair)
      assert.equal((await pair.simulated()).aborted, aborted + 1)
    })

    it('that gives up by its own timeout frees the slot', async () => {
      const client = clientOf(pair.proxy.url, { timeout: 300 })
      const error = await failureOf(client.messages.create({ ...endless, stream: false }))
      assert.ok(error instanceof APIConnectionTimeoutError, String(error))
      await givenUp(pair, target)
    })

    it('raises our error event when Ollama dies in mid-stream', async () => {
      const stream = await proxied.messages.create(endless)
      let seen = 0
      const error = await failureOf(
        (async () => {
          for await (const _ of stream) if (++seen === 5) await pair.simulator.stop('SIGKILL')
        })(),
      )
      assert.ok(error instanceof APIError, String(error))
      assert.match(error.message, /Ollama broke off in the middle of its answer/)
      assert.equal(error.type, 'api_error')
      await slotBack(pair)
      await pair.restartSimulator()
    })

    it('raises an error, and does not take it for an end, when Ollama breaks inside an event', async () => {
      await pair.faults({ cut: { calls: 1, after: 2 } })
      await failureOf(proxied.messages.create(endless).then(collect))
      await quiet(pair)
    })
  })
}
