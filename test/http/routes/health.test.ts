import assert from 'node:assert/strict'
import test from 'node:test'
import { aCall } from '../../admission/support/builders.ts'
import { appHarness } from '../support/app-harness.ts'

const down = {
  name: 'ollama',
  reachable: false,
  version: '0.33.0',
  latencyMs: null,
  checkedAt: Date.parse('2026-11-22T07:59:58.000Z'),
  status: null,
  error: { code: 'ECONNREFUSED', message: 'Ollama cannot be reached', advice: 'start Ollama' },
}

test('/health tells all of it in a fixed order', async () => {
  const { app, admission, clock, run } = appHarness()
  admission.configure('llama2', { parallel: 1 })
  run('llama2')
  admission.acquire(aCall({ deadline: 60_000 }))
  run('mistral')
  clock.advance(12_345.678)
  const response = await app.request('/health')
  assert.equal(response.status, 200)
  assert.equal(
    await response.text(),
    '{"status":"healthy","timestamp":"2026-11-22T08:00:12.345Z","version":"0.1.0","runtime":"node","uptime_seconds":12.35,' +
      '"upstream":{"reachable":true,"version":"0.33.0","latency_ms":1.23,"checked_at":"2026-11-22T07:59:58.000Z","status":200,"error":null},' +
      '"upstreams":[{"name":"ollama","reachable":true,"version":"0.33.0","latency_ms":1.23,"checked_at":"2026-11-22T07:59:58.000Z","status":200,"error":null}],' +
      '"concurrency":{"default_parallel":4,"default_queue_limit":512,"total_models":2,"active_requests":2,"queued_requests":1,' +
      '"memory":{"total_gb":32,"available_gb":18.5,"used_gb":13.5,"percent":42.2,"recommended_parallel":4}}}',
  )
})

test('/health stays 200 and says degraded while Ollama does not answer', async () => {
  const { app } = appHarness({ health: { status: () => down } })
  const response = await app.request('/health')
  assert.equal(response.status, 200)
  const { status, upstream, upstreams } = (await response.json()) as Record<string, unknown>
  assert.equal(status, 'degraded')
  const shown = {
    reachable: false,
    version: '0.33.0',
    latency_ms: null,
    checked_at: '2026-11-22T07:59:58.000Z',
    status: null,
    error: down.error,
  }
  assert.deepEqual(upstream, shown)
  assert.deepEqual(upstreams, [{ name: 'ollama', ...shown }])
})

test('draining outranks degraded', async () => {
  const { app } = appHarness({ draining: () => true, health: { status: () => down } })
  assert.match(await (await app.request('/health')).text(), /^\{"status":"draining"/)
})

test('/health/live is 200 whatever the state', async () => {
  const { app } = appHarness({ draining: () => true, health: { status: () => down } })
  const response = await app.request('/health/live')
  assert.equal(response.status, 200)
  assert.equal(await response.text(), '{"status":"live"}')
})

for (const { when, change, status, body } of [
  { when: 'all is well', change: {}, status: 200, body: '{"status":"ready"}' },
  { when: 'we are draining', change: { draining: () => true }, status: 503, body: '{"status":"draining"}' },
  {
    when: 'Ollama does not answer',
    change: { health: { status: () => down } },
    status: 503,
    body: '{"status":"degraded"}',
  },
]) {
  test(`/health/ready is ${status} when ${when}`, async () => {
    const response = await appHarness(change).app.request('/health/ready')
    assert.equal(response.status, status)
    assert.equal(await response.text(), body)
  })
}
