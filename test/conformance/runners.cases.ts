import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { Pair, type Started, startProxy, type Target } from './pair.ts'
import { RawCall } from './raw-call.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

const MODEL = 'llama3.2'
const COPIES = ['copy-a', 'copy-b']
const CHILD = 'child'
const NAMES = [MODEL, ...COPIES, CHILD]
const QUICK = ['--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000']

const generate = (model: string, tokens: number) =>
  JSON.stringify({ model, prompt: 'x', options: { num_predict: tokens } })

function post({ url }: Started, path: string, body: string): Promise<Response> {
  return fetch(url + path, { method: 'POST', body })
}

/** Posts through the proxy. Returns the status and the text of the answer. */
async function ask({ proxy }: Pair, path: string, body: string | object): Promise<[number, string]> {
  const answer = await post(proxy, path, typeof body === 'string' ? body : JSON.stringify(body))
  return [answer.status, await answer.text()]
}

function stream({ proxy }: Pair, model: string): RawCall {
  const call = new RawCall(proxy.port)
  call.post('/api/generate', generate(model, 4_000))
  return call
}

/** The names that share the runner of `model`, in alphabetical order. */
async function sharing(pair: Pair, model: string): Promise<string[]> {
  const { aliases } = await pair.stats(model)
  return [model, ...aliases].sort()
}

/** Waits until all these names, which were called before, share one runner. */
async function joined(pair: Pair, names: readonly string[]): Promise<void> {
  const wanted = JSON.stringify([...names].sort())
  for (const name of names)
    await until(`${name} shares`, async () => JSON.stringify(await sharing(pair, name)) === wanted)
}

/** Runs eight calls over the names at once. Returns the most that the simulator saw at a time. */
async function peakOfEight(pair: Pair, names: readonly string[]): Promise<number> {
  await pair.resetSimulator()
  const calls = Array.from({ length: 8 }, (_, index) =>
    ask(pair, '/api/generate', generate(names[index % names.length] ?? '', 6)),
  )
  const answers = await Promise.all(calls)
  assert.ok(answers.every(([status, text]) => status === 200 && text.includes('"done":true')))
  const { runner } = await pair.stats(MODEL)
  const { peakActive, peakOnWire, submitted } = await pair.simulatedRunner(runner)
  assert.equal(submitted, 8)
  assert.ok(peakActive <= peakOnWire)
  return peakOnWire
}

/** Several names of one runner, and names that stand for no runner. */
export function runners(target: Target): void {
  describe('names of one runner', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '8', ...QUICK],
        serve: ['--parallel', '2', '--max-queue', '100'],
      })
      for (const destination of COPIES)
        assert.deepEqual(await ask(pair, '/api/copy', { source: MODEL, destination }), [200, ''])
      const child = { model: CHILD, from: MODEL, system: 'Be brief.', stream: false }
      assert.deepEqual(await ask(pair, '/api/create', child), [200, '{"status":"success"}'])
      for (const name of NAMES) await ask(pair, '/api/generate', generate(name, 1))
      await joined(pair, NAMES)
    })
    after(() => pair.stop())

    it('share its slots: a copy and a child never get it more', async () => {
      assert.equal(await peakOfEight(pair, NAMES), 2)
    })

    it('share its limits, whichever name they are set for', async () => {
      await pair.update({ model: 'copy-a', parallel_limit: 3, queue_limit: 50 })
      const models = await pair.models()
      for (const name of NAMES) assert.equal(models[name]?.parallel_limit, 3, name)
      assert.equal(await peakOfEight(pair, NAMES), 3)
      await pair.update({ model: CHILD, parallel_limit: 2 })
      for (const name of NAMES) assert.equal((await pair.stats(name)).parallel_limit, 2, name)
    })

    it('have figures of their own, and slots in common', async () => {
      const running = [stream(pair, MODEL), stream(pair, 'copy-a')]
      await until('both run', async () => (await pair.stats(CHILD)).available_slots === 0)
      const waiting = ask(pair, '/api/generate', generate('copy-b', 1))
      await until('it waits', async () => (await pair.stats('copy-b')).queued_requests === 1)
      const models = await pair.models()
      const figures = NAMES.map((name) => [models[name]?.active_requests, models[name]?.queued_requests])
      assert.deepEqual(figures, [
        [1, 0],
        [1, 0],
        [0, 1],
        [0, 0],
      ])
      assert.equal(new Set(NAMES.map((name) => models[name]?.runner)).size, 1)
      running[1]?.leave('rst')
      assert.equal((await waiting)[0], 200)
      running[0]?.leave('rst')
      await until('all is over', async () => (await pair.stats(MODEL)).available_slots === 2)
    })

    it('are found by a name that was never called', async () => {
      assert.deepEqual(await ask(pair, '/api/copy', { source: MODEL, destination: 'never-called' }), [
        200,
        '',
      ])
      const found = async () => {
        const answer = await fetch(`${pair.proxy.url}/queue/stats?model=Never-Called:latest`)
        return [answer.status, ((await answer.json()) as { runner?: string }).runner]
      }
      const { runner } = await pair.stats(MODEL)
      await until('it is found', async () => (await found())[0] === 200)
      assert.deepEqual(await found(), [200, runner])
    })

    it('join while calls run, and no call is lost or counted twice', async () => {
      const running = [stream(pair, MODEL), stream(pair, 'copy-a')]
      await until('both run', async () => (await pair.stats(MODEL)).available_slots === 0)
      const waiting = [
        ask(pair, '/api/generate', generate('copy-b', 1)),
        ask(pair, '/api/generate', generate(MODEL, 1)),
      ]
      await until('they wait', async () => (await pair.stats(MODEL)).queued_requests === 1)
      await ask(pair, '/api/copy', { source: MODEL, destination: 'late' })
      // The proxy may not know yet that the name has a runner which is full.
      const late = [stream(pair, 'late'), stream(pair, 'late'), stream(pair, 'late')]
      await joined(pair, [...NAMES, 'late'])
      const both = async () => {
        const models = Object.values(await pair.models())
        return models.reduce((sum, each) => sum + each.active_requests + each.queued_requests, 0)
      }
      await until('all are counted', async () => (await both()) === 7)
      for (const call of [...running, ...late]) call.leave('rst')
      assert.deepEqual(
        (await Promise.all(waiting)).map(([status]) => status),
        [200, 200],
      )
      await until(
        'all is over',
        async () => (await both()) === 0 && (await pair.stats(MODEL)).available_slots === 2,
      )
      assert.equal(await peakOfEight(pair, [...NAMES, 'late']), 2)
    })
  })

  describe('a name that Ollama does not have', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, { simulate: QUICK, serve: ['--parallel', '2'] })
    })
    after(() => pair.stop())

    const known = async (name: string) => Object.keys(await pair.models()).includes(name)

    it('gets Ollama’s own 404, and leaves nothing behind', async () => {
      const body = generate('no-such-model', 1)
      const expected = await post(pair.simulator, '/api/generate', body)
      assert.deepEqual(await ask(pair, '/api/generate', body), [404, await expected.text()])
      await until('the name is gone', async () => !(await known('no-such-model')), 2_000)
    })

    it('gets a lane of its runner once it was pulled', async () => {
      await fetch(`${pair.proxy.url}/api/delete`, { method: 'DELETE', body: '{"model":"mistral"}' })
      assert.equal((await ask(pair, '/api/generate', generate('mistral', 1)))[0], 404)
      await until('the name is gone', async () => !(await known('mistral')), 2_000)
      const [status, text] = await ask(pair, '/api/pull', { model: 'mistral', stream: false })
      assert.deepEqual([status, JSON.parse(text)], [200, { status: 'success' }])
      assert.equal((await ask(pair, '/api/generate', generate('mistral', 1)))[0], 200)
      await until('it has a runner', async () => (await pair.stats('mistral')).runner.startsWith('sha256-'))
    })
  })

  describe('an Ollama without a list of models', () => {
    it('is guarded as ever, name by name', async () => {
      const held: (() => void)[] = []
      const ollama = await ScriptedOllama.start((request, response) => {
        request.resume()
        if (request.method === 'GET') response.writeHead(404).end()
        else held.push(() => response.end('{"done":true}'))
      })
      const proxy = await startProxy(target, ollama.url, ['--parallel', '1'])
      try {
        const call = (model: string) =>
          post(proxy, '/api/chat', `{"model":"${model}","messages":[{"role":"user","content":"x"}]}`)
        const calls = [call('one'), call('one'), call('two')]
        await until('one call of each runs', () => held.length === 2)
        const page = await fetch(`${proxy.url}/queue/stats`)
        const { models } = (await page.json()) as { models: Record<string, Record<string, unknown>> }
        assert.deepEqual(
          ['one', 'two'].map((name) => [
            models[name]?.runner,
            models[name]?.aliases,
            models[name]?.queued_requests,
          ]),
          [
            ['one', [], 1],
            ['two', [], 0],
          ],
        )
        for (let ended = 0; ended < calls.length; ended++) {
          await until('a call is there', () => held.length > ended)
          held[ended]?.()
        }
        assert.ok((await Promise.all(calls)).every(({ status }) => status === 200))
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })
  })
}
