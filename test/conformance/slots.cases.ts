import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { occupy, quiet } from './occupied.ts'
import { Pair, type Target } from './pair.ts'

const MODEL = 'llama3.2'
const EMBEDDER = 'all-minilm'
const CLOUD = 'gpt-oss:120b-cloud'
const PROMPT_TOKENS_PER_SECOND = 100
/** An input that takes half a second. The simulator counts four bytes for a token. */
const INPUT = 'word'.repeat(PROMPT_TOKENS_PER_SECOND / 2)
/** An input that still runs after a look at the pages, also on a busy machine. */
const LONG_INPUT = INPUT.repeat(4)

async function ask({ proxy }: Pair, path: string, body: object | string): Promise<number> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(proxy.url + path, { method: 'POST', body: text })
  await answer.text()
  return answer.status
}

const embed = (pair: Pair, model: string, inputs: number, input = INPUT) =>
  ask(pair, '/api/embed', { model, input: Array(inputs).fill(input) })

const generate = (pair: Pair, model: string, tokens: number) =>
  ask(pair, '/api/generate', { model, prompt: 'x', options: { num_predict: tokens }, stream: false })

/** How many slots a call takes, and how many there really are. */
export function slots(target: Target): void {
  describe('an embed of several inputs', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: [
          ...['--parallel', '4', '--load-time', '0', '--token-rate', '20'],
          ...['--prompt-rate', String(PROMPT_TOKENS_PER_SECOND)],
        ],
        serve: ['--parallel', '4', '--max-queue', '100'],
      })
      for (const model of [MODEL, EMBEDDER]) {
        await embed(pair, model, 1)
        await until('its runner is known', async () => (await pair.stats(model)).runner.startsWith('sha256-'))
      }
    })
    after(() => pair.stop())

    it('takes a slot for each on a completion model', async () => {
      const three = embed(pair, MODEL, 3, LONG_INPUT)
      await until('it runs', async () => (await pair.stats()).available_slots === 1)
      const running = await occupy(pair)
      assert.equal((await pair.stats()).available_slots, 0)
      const two = embed(pair, MODEL, 2)
      await until('it waits', async () => (await pair.stats()).queued_requests === 1)
      assert.equal(await three, 200)
      assert.equal(await two, 200)
      running.leave('rst')
      await quiet(pair)
      const { runner } = await pair.stats()
      assert.equal((await pair.simulatedRunner(runner)).peakActive, 4)
    })

    it('takes all slots where it has more inputs, and waits for them', async () => {
      await pair.update({ model: MODEL, parallel_limit: 3 })
      const one = generate(pair, MODEL, 10)
      await until('one runs', async () => (await pair.stats()).active_requests === 1)
      const many = embed(pair, MODEL, 6, LONG_INPUT)
      await until('the other waits', async () => (await pair.stats()).queued_requests === 1)
      assert.equal(await one, 200)
      await until('it has all slots', async () => (await pair.stats()).available_slots === 0)
      const { active_requests, queued_requests } = await pair.stats()
      assert.deepEqual([active_requests, queued_requests], [1, 0])
      assert.equal(await many, 200)
      await until('all slots are free', async () => (await pair.stats()).available_slots === 3)
    })

    it('takes one slot on an embedding model, and a chosen limit holds for its calls', async () => {
      const first = embed(pair, EMBEDDER, 3)
      await until('it runs', async () => (await pair.stats(EMBEDDER)).active_requests === 1)
      assert.equal((await pair.stats(EMBEDDER)).available_slots, 3)
      const others = Array.from({ length: 5 }, () => embed(pair, EMBEDDER, 1))
      await until('four run', async () => (await pair.stats(EMBEDDER)).available_slots === 0)
      assert.equal((await pair.stats(EMBEDDER)).queued_requests, 2)
      assert.deepEqual(await Promise.all([first, ...others]), Array(6).fill(200))
      assert.equal((await pair.simulated(`${EMBEDDER}:latest`)).peakOnWire, 4)
    })
  })

  describe('a full house', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '0', '--turns', 'off'],
      })
      await occupy(pair)
    })
    after(() => pair.stop())

    it('lets loads and unloads pass: of a repeated keep_alive the number counts, until null takes it back', async () => {
      const call = (keepAlive: string) => ask(pair, '/api/generate', `{"model":"mistral",${keepAlive}}`)
      const loaded = async () => (await pair.loaded()).includes('mistral:latest')
      assert.equal(await call('"keep_alive":0,"keep_alive":null'), 200)
      assert.equal(await loaded(), true)
      assert.equal(await call('"keep_alive":null,"keep_alive":0'), 200)
      await until('it is unloaded', async () => !(await loaded()))
      const { total_processed, total_rejected } = await pair.stats('mistral')
      assert.deepEqual([total_processed, total_rejected], [0, 0], 'neither takes a slot')
    })

    it('lets cloud models pass, which have a runner and no limit', async () => {
      assert.deepEqual(
        await Promise.all(Array.from({ length: 5 }, () => generate(pair, CLOUD, 4))),
        Array(5).fill(200),
      )
      const { runner, parallel_limit, available_slots, limit_reason, total_processed } =
        await pair.stats(CLOUD)
      assert.deepEqual(
        { runner, parallel_limit, available_slots, limit_reason, total_processed },
        {
          runner: 'cloud',
          parallel_limit: null,
          available_slots: null,
          limit_reason: 'cloud',
          total_processed: 5,
        },
      )
      assert.equal((await pair.stats()).active_requests, 1)
    })

    it('gives cloud models a line of their own, once they have a limit', async () => {
      const limits = { model: '*:cloud', parallel_limit: 1, queue_limit: 5 }
      assert.equal((await pair.update(limits)).status, 200)
      await pair.resetSimulator()
      const running = generate(pair, CLOUD, 20)
      await until('it runs', async () => (await pair.stats(CLOUD)).active_requests === 1)
      const waiting = generate(pair, 'qwen3-coder:480b-cloud', 1)
      await until('it waits', async () => (await pair.stats('qwen3-coder:480b-cloud')).queued_requests === 1)
      assert.deepEqual(await Promise.all([running, waiting]), [200, 200])
      for (const model of [CLOUD, 'qwen3-coder:480b-cloud']) {
        const { runner, parallel_limit, limit_reason } = await pair.stats(model)
        assert.deepEqual([runner, parallel_limit, limit_reason], ['cloud', 1, 'configured'])
      }
    })
  })

  describe('an Ollama that runs one call at a time', () => {
    const simulate = ['--parallel', '1', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000']
    /** Nine completions of 300 ms each, which come at once. */
    const contend = async (pair: Pair): Promise<void> => {
      await generate(pair, MODEL, 1)
      const calls = Array.from({ length: 9 }, () => generate(pair, MODEL, 15))
      assert.deepEqual(await Promise.all(calls), Array(9).fill(200))
    }
    const inForce = async (pair: Pair) => {
      const { effective_limit, limit_reason } = await pair.stats()
      return [effective_limit, limit_reason]
    }

    it('is found out by auto within nine calls, and forgotten when Ollama restarts', async () => {
      const pair = await Pair.start(target, { simulate, serve: ['--parallel', 'auto'] })
      try {
        const page = await fetch(`${pair.proxy.url}/queue/memory`)
        const { recommended_parallel } = (await page.json()) as { recommended_parallel: number }
        await contend(pair)
        // With little memory, or where nothing is known of the memory, auto begins with one slot and never has to learn.
        const isSmall = recommended_parallel === 1
        assert.deepEqual(await inForce(pair), [1, isSmall ? 'memory' : 'measured'])
        if (isSmall) return
        assert.equal((await pair.stats()).parallel_limit, recommended_parallel)
        // A call without any answer makes the proxy ask at once whether Ollama is there.
        const cut = generate(pair, MODEL, 1_000)
        await until('it runs', async () => (await pair.stats()).active_requests === 1)
        await pair.restartOllama()
        assert.equal(await cut, 502)
        await until('nothing is measured', async () => (await inForce(pair))[1] === 'memory', 10_000)
        assert.deepEqual(await inForce(pair), [recommended_parallel, 'memory'])
      } finally {
        await pair.stop()
      }
    })

    it('changes no number that an operator has chosen', async () => {
      const pair = await Pair.start(target, { simulate, serve: ['--parallel', '4'] })
      try {
        await contend(pair)
        assert.deepEqual(await inForce(pair), [4, 'configured'])
        assert.equal((await pair.simulated()).peakOnWire, 4)
      } finally {
        await pair.stop()
      }
    })
  })
}
