import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { until } from '../../support/until.ts'
import { occupy, quiet } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { NOTIFY, quickSigns } from '../signs-setup.ts'
import { answerOf, collect, failureOf } from './outcome.ts'

const model = 'llama3.2'
const messages = [{ role: 'user' as const, content: 'hello' }]
const options = { num_predict: 6 }
const native = { model, messages, options }
const openai = { model, messages, max_tokens: 6 }

const RUNNER_DIED = /model runner has unexpectedly stopped/

interface Clients {
  readonly ollama: Ollama
  readonly openai: OpenAI
  readonly anthropic: Anthropic
}

type Ask = (clients: Clients) => Promise<unknown>

const STREAMS: Readonly<Record<string, Ask>> = {
  'ollama, chat': async ({ ollama }) => collect(await ollama.chat({ ...native, stream: true })),
  'ollama, generate': async ({ ollama }) =>
    collect(await ollama.generate({ model, prompt: 'hello', options, stream: true })),
  'openai, chat completion': async (clients) =>
    collect(await clients.openai.chat.completions.create({ ...openai, stream: true })),
  'openai, completion': async (clients) =>
    collect(await clients.openai.completions.create({ model, prompt: 'hello', max_tokens: 6, stream: true })),
  'openai, response': async (clients) =>
    collect(
      await clients.openai.responses.create({ model, input: 'hello', max_output_tokens: 6, stream: true }),
    ),
  'anthropic, message': async ({ anthropic }) =>
    collect(await anthropic.messages.create({ ...openai, stream: true })),
  'anthropic, message put together from its stream': ({ anthropic }) =>
    anthropic.messages.stream(openai).finalMessage(),
}

const WHOLES: Readonly<Record<string, Ask>> = {
  'ollama, chat': ({ ollama }) => ollama.chat(native),
  'ollama, generate': ({ ollama }) => ollama.generate({ model, prompt: 'hello', options }),
  'ollama, embed': ({ ollama }) => ollama.embed({ model, input: ['a', 'b'] }),
  'ollama, embeddings': ({ ollama }) => ollama.embeddings({ model, prompt: 'a' }),
  'openai, chat completion': (clients) => clients.openai.chat.completions.create(openai),
  'openai, completion': (clients) => clients.openai.completions.create({ model, prompt: 'x', max_tokens: 6 }),
  'openai, response': (clients) =>
    clients.openai.responses.create({ model, input: 'hello', max_output_tokens: 6 }),
  'openai, embedding': (clients) => clients.openai.embeddings.create({ model, input: 'a' }),
  'anthropic, message': ({ anthropic }) => anthropic.messages.create(openai),
}

const ASKS = [
  ...Object.entries(STREAMS).map(([name, ask]) => ({ title: `${name}, streamed`, ask })),
  ...Object.entries(WHOLES).map(([name, ask]) => ({ title: `${name}, whole`, ask })),
]

/** Clients that ask for signs of life. `begun`: called when an answer has begun. */
function clientsOf(url: string, begun: () => void): Clients {
  const watched: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    begun()
    return answer
  }
  const more = { apiKey: 'ollama', maxRetries: 0, defaultHeaders: NOTIFY, fetch: watched }
  return {
    ollama: new Ollama({ host: url, headers: NOTIFY, fetch: watched }),
    openai: new OpenAI({ baseURL: `${url}/v1`, ...more }),
    anthropic: new Anthropic({ baseURL: url, ...more }),
  }
}

export function clientsThatWait(target: Target): void {
  describe('a client that gets signs of life', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '50'],
        variables: quickSigns(),
      })
    })
    after(() => pair?.stop())

    /** All calls stand in line and have got signs of life when `next` is called. Then they are served one by one. */
    const allInLine = async (next: () => Promise<void>) => {
      const holder = await occupy(pair)
      let begun = 0
      const clients = clientsOf(pair.proxy.url, () => begun++)
      const asked = ASKS.map(({ ask }) => ask(clients))
      const settled = Promise.allSettled(asked)
      await until('all have begun', () => begun === ASKS.length)
      await next()
      holder.leave('rst')
      await settled
      await quiet(pair)
      return new Map(
        ASKS.map(({ title }, index) => [title, asked[index] ?? Promise.reject(new Error(title))]),
      )
    }

    it('gets the same answer as from Ollama itself', async () => {
      const direct = clientsOf(pair.simulator.url, () => {})
      const answers = await allInLine(async () => {})
      for (const { ask, title } of ASKS) {
        const answer = answers.get(title)
        assert.ok(answer)
        assert.equal(await answerOf(answer), await answerOf(ask(direct)), title)
      }
    })

    it('raises Ollama’s error at the end of a stream, and has it as the whole answer', async () => {
      const answers = await allInLine(() => pair.faults({ fail: true }))
      await pair.faults({ fail: false })
      for (const { title } of ASKS) {
        const answer = answers.get(title)
        assert.ok(answer)
        if (title.endsWith('streamed')) assert.match((await failureOf(answer)).message, RUNNER_DIED, title)
        else {
          const text = JSON.stringify(await answer)
          assert.match(text, RUNNER_DIED, title)
          assert.match(text, /"status":500/, title)
        }
      }
    })
  })
}
