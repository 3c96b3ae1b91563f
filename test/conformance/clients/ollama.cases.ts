import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Ollama } from 'ollama'
import { occupy, quiet, slotBack } from '../occupied.ts'
import { Pair, type Target } from '../pair.ts'
import { answerOf, collect, failureOf, shapeOf } from './outcome.ts'
import { NEWEST_ALONE, replaced } from './replaced.ts'

const model = 'llama3.2'
const messages = [{ role: 'user', content: 'hello' }]
const options = { num_predict: 6 }
const endless = { model, messages, stream: true, options: { num_predict: 4_000 } } as const

const ASKS: Record<string, (client: Ollama) => Promise<unknown>> = {
  chat: (client) => client.chat({ model, messages, options }),
  'chat, streamed': async (client) => collect(await client.chat({ model, messages, options, stream: true })),
  generate: (client) => client.generate({ model, prompt: 'hello', options }),
  'generate, streamed': async (client) =>
    collect(await client.generate({ model, prompt: 'hello', options, stream: true })),
  embed: (client) => client.embed({ model: 'all-minilm', input: ['a', 'b'] }),
  embeddings: (client) => client.embeddings({ model: 'all-minilm', prompt: 'a' }),
  list: (client) => client.list(),
  show: (client) => client.show({ model }),
  ps: (client) => client.ps(),
  version: (client) => client.version(),
  pull: (client) => client.pull({ model }),
  'pull, with its progress': async (client) => collect(await client.pull({ model, stream: true })),
  copy: (client) => client.copy({ source: model, destination: 'llama3.2:copy' }),
}

const FAILURES: Record<string, (client: Ollama) => Promise<unknown>> = {
  'chat with a model that is not there': (client) => client.chat({ model: 'nope', messages }),
  'a stream with a model that is not there': (client) =>
    client.chat({ model: 'nope', messages, stream: true }),
  'embed with a model that is not there': (client) => client.embed({ model: 'nope', input: 'a' }),
  'show of a model that is not there': (client) => client.show({ model: 'nope' }),
  'a name that is none': (client) => client.chat({ model: '!', messages }),
  'pull of what nobody has': async (client) => collect(await client.pull({ model: 'nope', stream: true })),
  'delete of what is not there': (client) => client.delete({ model: 'nope' }),
}

export function ollamaClient(target: Target): void {
  describe('the ollama client', () => {
    let pair: Pair
    let proxied: Ollama
    let direct: Ollama
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '200', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '8'],
      })
      proxied = new Ollama({ host: pair.proxy.url })
      direct = new Ollama({ host: pair.simulator.url })
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

    for (const stream of [false, true]) {
      it(`sees a full queue as a ResponseError, ${stream ? 'streamed' : 'whole'}`, async () => {
        await pair.update({ model, queue_limit: 0 })
        const holder = await occupy(pair)
        const asked: Promise<unknown> = stream
          ? proxied.chat({ model, messages, stream: true })
          : proxied.chat({ model, messages })
        const error = await failureOf(asked)
        assert.ok('error' in error && 'status_code' in error)
        assert.equal(error.status_code, 503)
        assert.match(
          String(error.error),
          /^queue_full: Server is currently busy .+ try again in (?:1 second|\d+ seconds)\.$/,
        )
        // What a program prints when nobody catches the error.
        assert.equal(error.message, error.error)
        holder.leave('rst')
        await pair.update({ model, queue_limit: 8 })
        await quiet(pair)
      })
    }

    it('throws our message when a newer call has replaced the call', async () => {
      if (target.gaps?.queueKeys) return
      const client = new Ollama({ host: pair.proxy.url, headers: NEWEST_ALONE })
      const [whole, streamed] = await replaced(pair, {
        whole: () => client.chat({ ...endless, stream: false }),
        stream: () => client.chat(endless),
        short: () => client.chat({ model, messages, options }),
      })
      const sentence = 'A newer request with the same X-Queue-Key replaced this one'
      assert.equal('status_code' in whole && whole.status_code, 499)
      assert.equal(whole.message, `superseded: ${sentence}.`)
      assert.equal(streamed.message, `${sentence} in the middle of its answer.`)
    })

    it('that aborts a stream frees the slot and stops Ollama', async () => {
      const { aborted } = await pair.simulated()
      const stream = await proxied.chat(endless)
      await stream[Symbol.asyncIterator]().next()
      stream.abort()
      await quiet(pair)
      assert.equal((await pair.simulated()).aborted, aborted + 1)
    })

    it('throws our message when Ollama dies in mid-stream', async () => {
      const stream = await proxied.chat(endless)
      let seen = 0
      const error = await failureOf(
        (async () => {
          for await (const _ of stream) if (++seen === 3) await pair.simulator.stop('SIGKILL')
        })(),
      )
      assert.equal(error.message, 'Ollama broke off in the middle of its answer. Please try again.')
      assert.ok(seen >= 3)
      await slotBack(pair)
      await pair.restartSimulator()
    })

    it('throws it even behind half a line', async (t) => {
      const warned = t.mock.method(console, 'warn', () => {})
      await pair.faults({ cut: { calls: 1, after: 2 } })
      const error = await failureOf(proxied.chat(endless).then(collect))
      assert.equal(error.message, 'Ollama broke off in the middle of its answer. Please try again.')
      assert.equal(warned.mock.callCount(), 1, 'it warns of the half line')
      await quiet(pair)
    })

    it("throws Ollama's own error when the model crashes in mid-stream", async () => {
      await pair.faults({ crash: { calls: 1, after: 2 } })
      const error = await failureOf(proxied.chat(endless).then(collect))
      assert.equal(error.message, 'an error was encountered while running the model: unexpected EOF')
      await quiet(pair)
    })
  })
}
