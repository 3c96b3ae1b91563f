import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { GATED_ROUTES } from './gated-routes.ts'
import { bearer, keyRing, namesIn } from './key-ring.ts'
import { masked } from './masked.ts'
import { Pair, type Target } from './pair.ts'

type Headers = Readonly<Record<string, string>>

const SENTENCE = 'Your key does not allow this model.'

/** The body of a call for a model that the key does not allow, by dialect. */
const FORBIDDEN = {
  ollama: {
    error: `model_not_allowed: ${SENTENCE}`,
    code: 'model_not_allowed',
    message: SENTENCE,
    model: 'mistral',
  },
  openai: {
    error: { message: SENTENCE, type: 'invalid_request_error', param: null, code: 'model_not_allowed' },
  },
  anthropic: {
    type: 'error',
    error: { type: 'permission_error', message: SENTENCE },
    request_id: 'req_#',
  },
} as const

const SIMULATED = ['--parallel', '4', '--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000']

export function keyModels(target: Target): void {
  describe('a key with models', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: SIMULATED,
        serve: ['--parallel', '1', '--max-queue', '4'],
        variables: keyRing({
          alice: { models: ['llama3.2', 'qwen*', '!qwen2.5:7b'] },
          boss: {},
          nobody: { models: [] },
          reader: { may: ['view'] },
        }),
      })
    })
    after(() => pair.stop())

    const post = (path: string, body: string, headers: Headers) =>
      fetch(pair.proxy.url + path, { method: 'POST', body, headers })
    const listOf = async (path: string, name: string) =>
      namesIn(await (await fetch(pair.proxy.url + path, { headers: bearer(name) })).json())

    for (const { path, dialect, request } of GATED_ROUTES) {
      it(`gets 403 for another model on ${path}, and Ollama hears nothing`, async () => {
        const { submitted } = await pair.simulated('mistral:latest')
        const answer = await fetch(pair.proxy.url + path, { ...request('mistral'), headers: bearer('alice') })
        assert.equal(answer.status, 403)
        assert.equal(answer.headers.get('x-should-retry'), 'false')
        assert.equal(answer.headers.get('retry-after'), null)
        assert.equal(masked(await answer.text()), JSON.stringify(FORBIDDEN[dialect]))
        assert.equal((await pair.simulated('mistral:latest')).submitted, submitted)
      })
    }

    for (const model of [
      'MISTRAL',
      'mistral:latest',
      'registry.ollama.ai/library/mistral',
      'library/mistral:LATEST',
      'qwen2.5:7b',
      'nope',
    ]) {
      it(`is refused ${model}, however it is written`, async () => {
        const before = await pair.state()
        const bodies = [
          JSON.stringify({ model, prompt: 'x' }),
          // Only to load it, or to unload it.
          JSON.stringify({ model }),
          JSON.stringify({ model, keep_alive: 0 }),
          // Ollama takes the last of two keys, and a key in any case.
          JSON.stringify({ model: 'llama3.2', Model: model, prompt: 'x' }),
        ]
        for (const body of bodies) {
          const answer = await post('/api/generate', body, bearer('alice'))
          assert.equal(answer.status, 403, body)
          await answer.text()
        }
        const after = await pair.state()
        assert.deepEqual(after.models, before.models)
        assert.deepEqual(after.loads, before.loads)
      })
    }

    it('is served its own, in any spelling', async () => {
      for (const model of ['LLAMA3.2', 'registry.ollama.ai/library/llama3.2:latest']) {
        const answer = await post(
          '/api/generate',
          JSON.stringify({ model, prompt: 'x', stream: false, options: { num_predict: 1 } }),
          bearer('alice'),
        )
        assert.equal(answer.status, 200, model)
        await answer.text()
      }
    })

    it('gets no 503 in place of the 403 while the model has no free slot', async () => {
      const holder = await post(
        '/api/generate',
        JSON.stringify({ model: 'mistral', prompt: 'x', options: { num_predict: 200 } }),
        bearer('boss'),
      )
      const answer = await post('/api/chat', '{"model":"mistral","messages":[{}]}', bearer('alice'))
      assert.equal(answer.status, 403)
      await answer.text()
      await holder.text()
    })

    it('sees its own models alone, in all lists', async () => {
      for (const model of ['mistral', 'llama3.2'])
        await (
          await post('/api/generate', JSON.stringify({ model, prompt: 'x', stream: false }), bearer('boss'))
        ).text()
      assert.deepEqual([...(await listOf('/api/ps', 'boss'))].sort(), ['llama3.2:latest', 'mistral:latest'])
      for (const path of ['/api/tags', '/v1/models', '/api/ps']) {
        assert.deepEqual(await listOf(path, 'alice'), ['llama3.2:latest'], path)
        assert.deepEqual(await listOf(path, 'nobody'), [], path)
      }
      assert.equal((await listOf('/api/tags', 'boss')).length, 5)
    })

    it('is told nothing of another model by its name', async () => {
      const statusOf = async (model: string) =>
        (await fetch(`${pair.proxy.url}/v1/models/${model}`, { headers: bearer('alice') })).status
      assert.deepEqual([await statusOf('mistral'), await statusOf('llama3.2')], [403, 200])
    })

    it('sees a list with all that Ollama says of a model, and a HEAD without a body', async () => {
      const direct = (await (await fetch(`${pair.simulator.url}/api/tags`)).json()) as {
        models: { name: string }[]
      }
      const answer = await fetch(`${pair.proxy.url}/api/tags`, { headers: bearer('alice') })
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
      assert.deepEqual(await answer.json(), {
        models: direct.models.filter(({ name }) => name === 'llama3.2:latest'),
      })
      const head = await fetch(`${pair.proxy.url}/api/tags`, { method: 'HEAD', headers: bearer('alice') })
      assert.deepEqual([head.status, await head.text()], [200, ''])
    })

    it('that may only view runs no model', async () => {
      const { submitted } = await pair.simulated()
      const answer = await post('/api/generate', '{"model":"llama3.2","prompt":"x"}', bearer('reader'))
      assert.equal(answer.status, 403)
      const { code } = (await answer.json()) as { code: string }
      assert.equal(code, 'use_not_allowed')
      assert.equal((await pair.simulated()).submitted, submitted)
    })
  })
}
