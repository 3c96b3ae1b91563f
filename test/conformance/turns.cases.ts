import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'
import {
  allQuiet,
  ask,
  inLine,
  loadsOf,
  MODELS,
  ONE_MODEL,
  prompt,
  send,
  streaming,
  watching,
  whole,
} from './shared-machine.ts'

const [FIRST, SECOND, THIRD] = MODELS

interface LiveCalls {
  readonly requests: readonly { readonly id: string; readonly state: string; readonly waiting_for: string }[]
}

interface TurnsOfHistory {
  readonly turns: readonly {
    readonly names: readonly string[]
    readonly reason: string | null
    readonly failed: boolean
    readonly from: readonly { readonly names: readonly string[] }[]
    readonly load_ms: number | null
    readonly leave_reason: string | null
  }[]
}

/** Models that share the machine, when all goes well. */
export function turns(target: Target): void {
  describe('models that do not fit into memory together', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, { simulate: ONE_MODEL, serve: ['--parallel', '2'] })
    })
    after(() => pair.stop())

    /** Sixty calls at once over three models, in a mixed order. */
    const burst = (url: string) =>
      Array.from({ length: 60 }, (_, index) => {
        const tenth = (index * 7) % 10
        const model = tenth < 5 ? FIRST : tenth < 8 ? SECOND : THIRD
        return ask(url, prompt(model, 3))
      })

    it('are loaded a few times for a burst of sixty calls, one at a time, and all calls are served', async () => {
      const calls = burst(pair.proxy.url)
      const seen = await watching(pair, Promise.all(calls))
      for (const { status, text } of await Promise.all(calls)) {
        assert.equal(status, 200)
        assert.match(text, /"done":true/)
      }
      const loads = await loadsOf(pair)
      assert.deepEqual([...new Set(loads)].sort(), [...MODELS].sort())
      assert.ok(loads.length <= 4, loads.join(' '))
      assert.equal(seen.models, 1, 'calls of one model wait for a load')
      await allQuiet(pair)
    })

    it('get one call first when they are loaded, and the others when it is answered', async () => {
      const running = await streaming(pair, FIRST)
      const { submitted } = await pair.simulated(`${SECOND}:latest`)
      const calls = Array.from({ length: 4 }, () => ask(pair.proxy.url, prompt(SECOND)))
      await inLine(pair, SECOND, 4)
      assert.equal((await pair.simulated(`${SECOND}:latest`)).submitted, submitted, 'none is sent')
      const watch = watching(pair, Promise.all(calls))
      running.leave('rst')
      assert.deepEqual(await watch, { models: 1, calls: 1 })
      assert.deepEqual(
        (await Promise.all(calls)).map(({ status }) => status),
        [200, 200, 200, 200],
      )
      await allQuiet(pair)
    })

    it('are shown with their turns in the statistics', async () => {
      const running = await streaming(pair, FIRST)
      const waiting = ask(pair.proxy.url, prompt(SECOND))
      await inLine(pair, SECOND, 1)
      const { mode, loaded, next, apart } = await pair.turns()
      assert.equal(mode, 'auto')
      assert.deepEqual(
        loaded.map(({ names, state }) => [names, state]),
        [[[FIRST], 'loaded']],
      )
      assert.deepEqual(next?.names, [SECOND])
      assert.ok(apart.length > 0)
      const models = await pair.models()
      const shown = MODELS.map((model) => [models[model]?.loaded, models[model]?.turn])
      assert.deepEqual(shown, [
        [true, 'loaded'],
        [false, 'waiting'],
        [false, 'none'],
      ])
      running.leave('rst')
      assert.equal((await waiting).status, 200)
      assert.equal((await pair.stats(SECOND)).turn, 'loaded')
      await allQuiet(pair)
    })

    it('are loaded for a call that only loads when they have their turn, and not under a stream', async () => {
      const running = await streaming(pair, FIRST)
      const loading = ask(pair.proxy.url, { model: SECOND })
      await inLine(pair, SECOND, 1)
      const before = running.received.length
      await until('the stream goes on', () => running.received.length > before + 1_000)
      assert.deepEqual(await pair.loaded(), [`${FIRST}:latest`])
      running.leave('rst')
      const { status, text } = await loading
      assert.deepEqual([status, /"done_reason":"load"/.test(text)], [200, true])
      assert.deepEqual(await pair.loaded(), [`${SECOND}:latest`])
      await allQuiet(pair)
    })

    it('are unloaded during a stream as Ollama does it: the stream ends first', async () => {
      const running = send(pair, 'streams', { ...prompt(FIRST, 50), stream: true })
      await until('it streams', () => running.received.includes('"done":false'))
      const { status, text } = await ask(pair.proxy.url, { model: FIRST, keep_alive: 0 })
      assert.deepEqual([status, /"done_reason":"unload"/.test(text)], [200, true])
      assert.doesNotMatch(running.received, /"done":true/)
      await whole(running)
      await until('it is unloaded', async () => (await pair.loaded()).length === 0)
      assert.equal((await ask(pair.proxy.url, prompt(SECOND))).status, 200)
      await allQuiet(pair)
    })

    it('are not loaded for each call of clients who want them unloaded after it', async () => {
      await pair.resetSimulator()
      // Calls of one length end together, and then no call keeps the model in memory.
      const calls = [FIRST, SECOND].flatMap((model) =>
        Array.from({ length: 15 }, (_, index) =>
          ask(pair.proxy.url, { ...prompt(model, 3 + index), keep_alive: 0 }),
        ),
      )
      for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
      const loads = await loadsOf(pair)
      assert.ok(loads.length <= 8, loads.join(' '))
      await until('both are unloaded', async () => (await pair.loaded()).length === 0)
    })

    it('are loaded no more often than without a proxy for clients with other contexts', async () => {
      /** Two clients, each with its own context, call after call. */
      const contend = async (url: string) => {
        await pair.resetSimulator()
        const client = async (num_ctx: number) => {
          for (let call = 0; call < 8; call++)
            assert.equal((await ask(url, prompt(FIRST, 3, { num_ctx }))).status, 200)
        }
        await Promise.all([client(2_048), client(8_192)])
        return (await loadsOf(pair)).length
      }
      const straight = await contend(pair.simulator.url)
      const guarded = await contend(pair.proxy.url)
      assert.ok(guarded <= straight, `${guarded} loads, and ${straight} without a proxy`)
    })

    if (target.gaps?.monitor) return

    it('say what each of their calls waits for', async () => {
      const running = await streaming(pair, FIRST)
      const calls = ['one', 'two', 'three'].map((id) => send(pair, id, prompt(SECOND)))
      const waits = async () => {
        const page = await fetch(`${pair.proxy.url}/queue/requests?model=${SECOND}`)
        const { requests } = (await page.json()) as LiveCalls
        return requests.map(({ state, waiting_for }) => (state === 'waiting' ? waiting_for : state)).join(' ')
      }
      await until('all wait for the turn', async () => (await waits()) === 'turn turn turn')
      running.leave('rst')
      await until('two wait for the load', async () => (await waits()) === 'running load load')
      for (const call of calls) await whole(call)
      await allQuiet(pair)
    })

    it('leave their turns in the history, the metrics and the log', async () => {
      assert.equal((await ask(pair.proxy.url, prompt(FIRST))).status, 200)
      assert.equal((await ask(pair.proxy.url, prompt(THIRD))).status, 200)
      const history = async () => {
        const page = (await (await fetch(`${pair.proxy.url}/queue/history`)).json()) as TurnsOfHistory
        return page.turns.slice(-2)
      }
      // The proxy asks Ollama what has left, and tells of the load then.
      await until('the load is told', async () => (await history())[1]?.names[0] === THIRD)
      const [left, last] = await history()
      assert.deepEqual([left?.names, left?.leave_reason], [[FIRST], 'evicted'])
      assert.deepEqual(
        [last?.reason, last?.failed, last?.from.map(({ names }) => names), last?.leave_reason],
        ['idle', false, [[FIRST]], null],
      )
      assert.ok((last?.load_ms ?? 0) >= 290, `the load took ${last?.load_ms} ms`)

      const metrics = await (await fetch(`${pair.proxy.url}/metrics`)).text()
      const { loads = {} } = await pair.turns()
      const counted = metrics.matchAll(/^ollama_guard_model_loads_total\{.*reason="idle".*\} (\d+)$/gm)
      const idle = [...counted].reduce((sum, [, value]) => sum + Number(value), 0)
      assert.ok(idle > 0)
      assert.equal(idle, loads.idle)
      assert.match(metrics, /^ollama_guard_turns_mode\{mode="auto"\} 1$/m)
      assert.match(metrics, /^ollama_guard_runners_loaded 1$/m)
      const lines = pair.proxy.output.split('\n').filter((line) => line.includes('"message":"loaded"'))
      const all = Object.values(loads).reduce((sum, each) => sum + each, 0)
      assert.equal(lines.length, all)
      const { models, from: whom, reason: why } = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>
      assert.deepEqual([models, whom, why], [THIRD, FIRST, 'idle'])
    })
  })

  describe('a chat model and an embedding model that fit into memory together', () => {
    const EMBEDDER = 'all-minilm'
    it('are loaded once each, and their calls do not wait for each other', async () => {
      const pair = await Pair.start(target, {
        simulate: ONE_MODEL.with(ONE_MODEL.indexOf('--max-loaded') + 1, '2'),
        serve: ['--parallel', '2'],
      })
      try {
        const embed = () => ask(pair.proxy.url, { model: EMBEDDER, input: 'x' }, '/api/embed')
        assert.equal((await ask(pair.proxy.url, prompt(FIRST))).status, 200)
        assert.equal((await embed()).status, 200)
        await until('both are known to fit', async () => (await pair.turns()).together.length === 1)
        const running = await streaming(pair, FIRST)
        const calls = Array.from({ length: 20 }, () => [embed(), ask(pair.proxy.url, prompt(FIRST, 2))])
        for (const { status } of await Promise.all(calls.flat())) assert.equal(status, 200)
        assert.deepEqual(await loadsOf(pair), [FIRST, EMBEDDER])
        running.leave('rst')
        await allQuiet(pair)
      } finally {
        await pair.stop()
      }
    })
  })
}
