import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { selectRuntime } from '../../src/runtimes/select.ts'
import type { Log } from '../../src/telemetry/call-log.ts'
import { aSimulator, post } from '../simulator/support.ts'
import { noUsage } from '../support/no-usage.ts'

const SILENT: Log = { call() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A proxy in front of a simulator, and the reloads of llama3.2 by option, as /metrics tells. */
async function aProxy(t: TestContext, loadMs: number) {
  const { simulator, url: ollama } = await aSimulator(t, { loadMs, models: ['llama3.2'] })
  const loaded = loadConfig({
    flags: {},
    env: { OLLAMA_URL: ollama, PROXY_PORT: '0' },
    readFile: () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    },
    ownAddresses: [],
  })
  const gate = await (await selectRuntime()).serve({
    loaded,
    log: SILENT,
    version: '0.0.0',
    usage: noUsage(),
  })
  t.after(() => gate.destroy())
  await gate.upstreamReachable()
  const ask = async (path: string, body: object) => {
    const answer = await post(`${gate.url}${path}`, { model: 'llama3.2', ...body })
    assert.equal(answer.status, 200)
    await answer.text()
  }
  const reloads = async () => {
    const text = await (await fetch(`${gate.url}/metrics`)).text()
    const lines = text.matchAll(/^ollama_guard_reloads_total\{model="llama3.2",option="(\w+)"\} (\d+)$/gm)
    return Object.fromEntries(Array.from(lines, ([, option, count]) => [option, Number(count)]))
  }
  return { simulator, ask, reloads }
}

test('two clients who alternate num_ctx are found out through the gate', async (t) => {
  const { simulator, ask, reloads } = await aProxy(t, 250)
  for (const num_ctx of [4096, 8192, 4096, 8192])
    await ask('/api/generate', { prompt: 'x', options: { num_ctx } })
  // Automatic options: the same as 4096 here, so this call loads the model and tells nothing.
  await ask('/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] })
  await ask('/api/chat', { messages: [{ role: 'user', content: 'x' }], options: { num_ctx: 8192 } })
  assert.equal(simulator.engine.counters.total().loads, 6)
  assert.deepEqual(await reloads(), {
    num_ctx: 4,
    num_batch: 0,
    num_gpu: 0,
    main_gpu: 0,
    use_mmap: 0,
    num_thread: 0,
    draft_num_predict: 0,
  })
})

test('calls that wait together for one load are one reload', async (t) => {
  const { simulator, ask, reloads } = await aProxy(t, 250)
  const wide = () => ask('/api/generate', { prompt: 'x', options: { num_ctx: 8192 } })
  await ask('/api/generate', { prompt: 'x', options: { num_ctx: 4096 } })
  await Promise.all([wide(), wide(), wide()])
  assert.equal(simulator.engine.counters.total().loads, 2)
  assert.equal((await reloads()).num_ctx, 1)
})

test('loads after an unload, and loads with equal options, are no reloads because of options', async (t) => {
  const { simulator, ask, reloads } = await aProxy(t, 250)
  for (let i = 0; i < 3; i++) {
    await ask('/api/generate', { prompt: 'x', options: { num_ctx: 8192 } })
    await ask('/api/generate', { keep_alive: 0 })
  }
  assert.equal(simulator.engine.counters.total().loads, 3)
  assert.equal((await reloads()).num_ctx, 0)
})
