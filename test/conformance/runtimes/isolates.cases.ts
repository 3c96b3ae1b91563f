import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { until } from '../../support/until.ts'
import { type Started, startSimulator } from '../pair.ts'
import { RawCall } from '../raw-call.ts'
import { bundle, type RunningWorkers, startWorkers } from './miniflare.ts'

const LARGEST_BUNDLE = 300 * 1024
const MODEL = 'llama3.2'

interface Figures {
  readonly parallel_limit: number
  readonly active_requests: number
  readonly queued_requests: number
  readonly total_processed: number
}

const generate = (tokens: number) =>
  JSON.stringify({ model: MODEL, prompt: 'x', options: { num_predict: tokens } })

async function figures(url: string): Promise<Figures | undefined> {
  const answer = await fetch(`${url}/queue/stats`)
  return ((await answer.json()) as { models: Record<string, Figures> }).models[MODEL]
}

const update = (url: string, change: object) =>
  fetch(`${url}/admin/queue/update`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })

export function isolates(): void {
  describe('a Worker in several isolates', () => {
    let simulator: Started
    let workers: RunningWorkers
    let storage: string
    const start = () =>
      startWorkers(
        { OLLAMA_URL: simulator.url, OLLAMA_NUM_PARALLEL: '2', LOG_LEVEL: 'error' },
        { isolates: 2, storage },
      )
    before(async () => {
      storage = await mkdtemp(join(tmpdir(), 'guard-'))
      simulator = await startSimulator([
        ...['--parallel', '16', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000'],
      ])
      workers = await start()
    })
    after(async () => {
      await workers?.dispose()
      await simulator?.stop('SIGKILL')
      await rm(storage, { recursive: true })
    })
    const urlOf = (isolate: number): string => {
      const url = workers.urls[isolate % 2]
      assert.ok(url)
      return url
    }
    const peak = async () => {
      const state = (await (await fetch(`${simulator.url}/_sim/state`)).json()) as {
        models: Record<string, { peakOnWire: number }>
      }
      return state.models[`${MODEL}:latest`]?.peakOnWire
    }

    it('shares its slots among them, and Ollama never sees more', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const answer = await fetch(`${urlOf(index)}/api/generate`, { method: 'POST', body: generate(10) })
          return [answer.status, (await answer.text()).includes('"done":true')]
        }),
      )
      assert.deepEqual(answers, Array(12).fill([200, true]))
      assert.equal(await peak(), 2)
      await until('all are counted', async () => (await figures(urlOf(0)))?.total_processed === 12)
      assert.equal((await figures(urlOf(1)))?.total_processed, 12)
    })

    it('hands a slot that one of them frees to a call that waits at the other', async () => {
      const running = [0, 0].map((isolate) => {
        const call = new RawCall(Number(new URL(urlOf(isolate)).port))
        call.post('/api/generate', generate(4_000))
        return call
      })
      await until('both run', async () => (await figures(urlOf(0)))?.active_requests === 2)
      const waiting = fetch(`${urlOf(1)}/api/generate`, { method: 'POST', body: generate(1) })
      await until('it waits', async () => (await figures(urlOf(1)))?.queued_requests === 1)
      running[0]?.leave('rst')
      const answer = await waiting
      assert.equal(answer.status, 200)
      await answer.text()
      running[1]?.leave('rst')
      await until('all is quiet', async () => (await figures(urlOf(0)))?.active_requests === 0)
      assert.equal(await peak(), 2)
    })

    it('keeps the limits that an admin has set when everything starts anew', async () => {
      assert.equal((await update(urlOf(0), { model: MODEL, parallel_limit: 5 })).status, 200)
      assert.equal((await update(urlOf(0), { model: '*', queue_limit: 7 })).status, 200)
      await workers.dispose()
      workers = await start()
      const answer = await fetch(`${urlOf(0)}/api/generate`, { method: 'POST', body: generate(1) })
      await answer.text()
      const stats = (await (await fetch(`${urlOf(1)}/queue/stats`)).json()) as {
        default_queue_limit: number
      }
      assert.equal(stats.default_queue_limit, 7)
      assert.equal((await figures(urlOf(1)))?.parallel_limit, 5)
    })

    it('says that it knows nothing of the host’s memory', async () => {
      const memory = await (await fetch(`${urlOf(0)}/queue/memory`)).json()
      const unknown = { total_gb: null, available_gb: null, used_gb: null, percent: null }
      assert.deepEqual(memory, { ...unknown, recommended_parallel: 1 })
    })
  })

  describe('the Worker', () => {
    it('that is configured wrongly says what is wrong in its log and nothing to its clients', async () => {
      const workers = await startWorkers({ OLLAMA_URL: 'nonsense', REQUEST_TIMEOUT: '-1' })
      try {
        const answer = await fetch(`${workers.urls[0]}/api/tags`)
        assert.equal(answer.status, 500)
        const text = await answer.text()
        assert.match(text, /internal_error/)
        assert.doesNotMatch(text, /nonsense/)
      } finally {
        await workers.dispose()
      }
    })

    it('is a small bundle without anything of Node’s', async () => {
      const { script, imports } = await bundle()
      assert.ok(gzipSync(script).length < LARGEST_BUNDLE, `${gzipSync(script).length} bytes gzipped`)
      assert.deepEqual(imports, ['cloudflare:workers'])
    })

    it('has the version of the package', async () => {
      const root = join(import.meta.dirname, '..', '..', '..')
      const toml = await readFile(join(root, 'wrangler.toml'), 'utf8')
      const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
        version: string
      }
      assert.ok(toml.includes(`PROXY_VERSION = '"${version}"'`))
    })
  })
}
