import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { Pair, startProxy, type Target } from './pair.ts'
import { ScriptedOllama } from './scripted-ollama.ts'
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
  whole,
} from './shared-machine.ts'

const [FIRST, SECOND] = MODELS
const SERVE = ['--parallel', '2'] as const

/** Models that share the machine, when clients leave, loads fail, Ollama dies, or an operator changes the order. */
export function turnFaults(target: Target): void {
  describe('a turn', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, { simulate: ONE_MODEL, serve: SERVE })
    })
    after(() => pair.stop())

    const served = async (models: readonly string[]): Promise<void> => {
      for (const model of models) assert.equal((await ask(pair.proxy.url, prompt(model))).status, 200, model)
    }
    /** Waits until Ollama has the call that asks for the model. */
    const loading = (model: string) =>
      until(`${model} is being loaded`, async () => (await pair.simulated(`${model}:latest`)).pending > 0)

    it('does not come for a client that left while it waited', async () => {
      const running = await streaming(pair, FIRST)
      const leaves = send(pair, 'leaves', prompt(SECOND))
      await inLine(pair, SECOND, 1)
      leaves.leave('rst')
      await inLine(pair, SECOND, 0)
      running.leave('rst')
      await allQuiet(pair)
      await served([FIRST])
      assert.deepEqual(await loadsOf(pair), [FIRST])
      assert.equal((await pair.simulated(`${SECOND}:latest`)).submitted, 0)
    })

    it('goes on for the others when the client leaves whose call loads the model', async () => {
      const running = await streaming(pair, FIRST)
      const leaves = send(pair, 'leaves', prompt(SECOND))
      await inLine(pair, SECOND, 1)
      const others = [send(pair, 'stays', prompt(SECOND)), send(pair, 'stays, too', prompt(SECOND))]
      await inLine(pair, SECOND, 3)
      running.leave('rst')
      await loading(SECOND)
      leaves.leave('rst')
      for (const call of others) await whole(call)
      await allQuiet(pair)
    })

    it('ends with its load when the only client leaves, and the other models are served', async () => {
      await served([SECOND])
      const leaves = send(pair, 'leaves', prompt(FIRST))
      await loading(FIRST)
      const waiting = ask(pair.proxy.url, prompt(MODELS[2]))
      leaves.leave('rst')
      assert.equal((await waiting).status, 200)
      await served(MODELS)
      await allQuiet(pair)
    })

    for (const kind of ['oom', 'crash'])
      it(`that fails with ${kind} gives its caller the error of Ollama, and the calls of others are served`, async () => {
        await served([FIRST])
        await pair.loadFaults({ [SECOND]: { kind } })
        const calls = Array.from({ length: 6 }, () => ask(pair.proxy.url, prompt(FIRST, 5)))
        const failed = await ask(pair.proxy.url, prompt(SECOND))
        for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
        await served([FIRST])
        assert.equal(failed.status, 500)
        assert.deepEqual(failed, await ask(pair.simulator.url, prompt(SECOND)))
        await pair.loadFaults({ [SECOND]: null })
        await served([FIRST, SECOND])
        await allQuiet(pair)
      })

    it('that ends with Ollama, in the middle of a load, comes again when Ollama is back', async () => {
      await served([FIRST])
      const running = await streaming(pair, FIRST)
      const calls = Array.from({ length: 5 }, () => ask(pair.proxy.url, prompt(SECOND)))
      await inLine(pair, SECOND, 5)
      running.leave('rst')
      await loading(SECOND)
      await pair.simulator.stop('SIGKILL')
      for (const { status } of await Promise.all(calls)) assert.ok([502, 503].includes(status), `${status}`)
      await pair.restartSimulator()
      await Promise.all([served(MODELS), served(MODELS.toReversed()), served([SECOND, FIRST])])
      await allQuiet(pair)
    })
  })

  describe('turns that are switched off', () => {
    it('send each call to Ollama at once', async () => {
      const pair = await Pair.start(target, { simulate: ONE_MODEL, serve: [...SERVE, '--turns', 'off'] })
      try {
        const running = await streaming(pair, FIRST)
        const calls = MODELS.slice(1).map((model) => ask(pair.proxy.url, prompt(model)))
        for (const model of MODELS.slice(1))
          await until(
            `Ollama has the call of ${model}`,
            async () => (await pair.simulated(`${model}:latest`)).pending === 1,
          )
        const { mode, loaded, next } = await pair.turns()
        assert.deepEqual({ mode, loaded, next }, { mode: 'off', loaded: [], next: null })
        const stats = await pair.stats(SECOND)
        assert.deepEqual([stats.loaded, stats.turn, stats.active_requests], [null, 'none', 1])
        running.leave('rst')
        for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
        assert.doesNotMatch(pair.proxy.output, /"message":"loaded"/)
      } finally {
        await pair.stop()
      }
    })
  })

  describe('the order of turns', () => {
    if (target.gaps?.lifecycle) return
    it('survives an Ollama that dies while a model should leave', async () => {
      const file = await ConfigFile.write('ollama_num_parallel: 2\nturn: { max_wait: 0.1 }\n')
      const own = await Pair.start(target, { simulate: ONE_MODEL, serve: ['--config', file.path] })
      try {
        const running = await streaming(own, FIRST)
        const waiting = ask(own.proxy.url, prompt(SECOND))
        await until('the first leaves', async () => (await own.stats(FIRST)).turn === 'leaving')
        await own.simulator.stop('SIGKILL')
        await until('the stream is cut', () => running.received.includes('{"error"'))
        assert.ok([502, 503].includes((await waiting).status))
        await own.restartSimulator()
        const calls = MODELS.flatMap((model) => [model, model]).map((model) =>
          ask(own.proxy.url, prompt(model)),
        )
        for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
      } finally {
        await own.stop()
        await file.remove()
      }
    })

    it('changes with the configuration while calls wait, and no call is lost', async () => {
      const file = await ConfigFile.write('ollama_num_parallel: 2\n')
      const pair = await Pair.start(target, { simulate: ONE_MODEL, serve: ['--config', file.path] })
      const configure = async (text: string): Promise<void> => {
        await writeFile(file.path, `ollama_num_parallel: 2\n${text}`)
        const answer = await fetch(`${pair.proxy.url}/admin/reload`, { method: 'POST' })
        assert.equal(answer.status, 200)
      }
      try {
        const running = await streaming(pair, FIRST)
        const calls = [ask(pair.proxy.url, prompt(SECOND))]
        await inLine(pair, SECOND, 1)
        await configure('turn: { max_wait: 0.1 }\n')
        await until('the first leaves', async () => (await pair.stats(FIRST)).turn === 'leaving')
        calls.push(ask(pair.proxy.url, prompt(FIRST)))
        await inLine(pair, FIRST, 1)
        await configure('turns: off\n')
        await until('both go', async () => (await pair.simulated(`${SECOND}:latest`)).pending === 1)
        assert.equal((await pair.turns()).mode, 'off')
        await configure('turns: auto\n')
        assert.equal((await pair.turns()).mode, 'auto')
        calls.push(ask(pair.proxy.url, prompt(MODELS[2])))
        await inLine(pair, MODELS[2], 1)
        assert.equal((await pair.simulated(`${MODELS[2]}:latest`)).submitted, 0)
        running.leave('rst')
        for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
        await allQuiet(pair)
      } finally {
        await pair.stop()
        await file.remove()
      }
    })
  })

  describe('calls who want their model unloaded after them', () => {
    const [CALLS, SLOTS] = [15, 4]

    it('do not load it again and again when they end together', async () => {
      // As many slots as Ollama has: then the call that is sent ahead waits there, whatever ends meanwhile.
      const pair = await Pair.start(target, { simulate: ONE_MODEL, serve: ['--parallel', String(SLOTS)] })
      try {
        const flood = async (url: string) => {
          await pair.resetSimulator()
          const calls = Array.from({ length: CALLS }, () => ask(url, { ...prompt(FIRST, 3), keep_alive: 0 }))
          for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
          return (await loadsOf(pair)).length
        }
        const straight = await flood(pair.simulator.url)
        const guarded = await flood(pair.proxy.url)
        // At worst one load for each set of calls that end together.
        const most = target.gaps?.lateSlots ? Math.ceil(CALLS / SLOTS) : straight + 1
        assert.ok(guarded <= most, `${guarded} loads, and ${straight} without a proxy`)
      } finally {
        await pair.stop()
      }
    })
  })

  describe('a call of a loaded model that Ollama holds up while it loads another one', () => {
    it('is no load', async () => {
      // `turn` has no variable, and a Worker has no file.
      if (target.gaps?.lifecycle) return
      const held: (() => void)[] = []
      let loadMs = 300
      const ollama = await ScriptedOllama.start(async (request, response) => {
        if (request.url === '/api/ps') return void response.end(PS)
        let body = ''
        for await (const part of request) body += part
        const answer = { done: true, total_duration: (loadMs + 20) * 1e6, load_duration: loadMs * 1e6 }
        response.setHeader('content-type', 'application/json; charset=utf-8')
        const end = () => response.end(JSON.stringify(answer))
        if (body.includes(MODELS[2])) held.push(end)
        else setTimeout(end, loadMs)
      })
      const PS = JSON.stringify({ models: [FIRST, SECOND].map((name) => ({ name, model: name })) })
      const together = `turn: { together: [[${MODELS.join(', ')}]] }\n`
      const file = await ConfigFile.write(`ollama_num_parallel: 2\n${together}`)
      const proxy = await startProxy(target, ollama.url, ['--config', file.path])
      const turns = async () =>
        (
          (await (await fetch(`${proxy.url}/queue/stats`)).json()) as {
            turns: { loads: Record<string, number> }
          }
        ).turns
      try {
        for (const model of [FIRST, SECOND]) await ask(proxy.url, prompt(model))
        const before = (await turns()).loads
        const loading = ask(proxy.url, prompt(MODELS[2]))
        await until('the third is being loaded', () => held.length === 1)
        // Ollama starts the process of a runner under the lock that each call needs to find its runner.
        loadMs = 250
        assert.equal((await ask(proxy.url, prompt(FIRST))).status, 200)
        for (const end of held) end()
        assert.equal((await loading).status, 200)
        assert.equal((await turns()).loads.outside, before.outside)
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
        await file.remove()
      }
    })
  })

  describe('an Ollama that does not tell what is loaded', () => {
    it('gets each call at once, and one warning says so', async () => {
      const held: (() => void)[] = []
      const ollama = await ScriptedOllama.start((request, response) => {
        request.resume()
        if (request.url === '/api/ps') response.writeHead(404).end()
        else held.push(() => response.end('{"done":true}'))
      })
      const proxy = await startProxy(target, ollama.url, SERVE)
      try {
        for (let round = 1; round <= 3; round++) {
          const calls = MODELS.map((model) => ask(proxy.url, prompt(model)))
          await until('all calls run', () => held.length === MODELS.length)
          for (const end of held.splice(0)) end()
          for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
        }
        const page = (await (await fetch(`${proxy.url}/queue/stats`)).json()) as { turns: { mode: string } }
        assert.equal(page.turns.mode, 'unavailable')
        if (target.gaps?.lifecycle) return
        const warnings = proxy.output.split('\n').filter((line) => line.includes('"level":"warn"'))
        assert.equal(warnings.filter((line) => line.includes('/api/ps with 404')).length, 1)
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })

    it('lets each call go when it never answers, and one warning says so', async () => {
      const ollama = await ScriptedOllama.start((request, response) => {
        request.resume()
        if (request.url !== '/api/ps') setTimeout(() => response.end('{"done":true}'), 20)
      })
      const proxy = await startProxy(target, ollama.url, SERVE)
      try {
        const calls = MODELS.map((model) => ask(proxy.url, prompt(model)))
        for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
        const mode = async () => {
          await Promise.all(MODELS.map((model) => ask(proxy.url, prompt(model))))
          const page = (await (await fetch(`${proxy.url}/queue/stats`)).json()) as { turns: { mode: string } }
          return page.turns.mode
        }
        await until('turns are unavailable', async () => (await mode()) === 'unavailable', 15_000)
        if (target.gaps?.lifecycle) return
        const warnings = proxy.output.split('\n').filter((line) => line.includes('"level":"warn"'))
        assert.equal(warnings.filter((line) => line.includes('/api/ps')).length, 1)
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })
  })
}
