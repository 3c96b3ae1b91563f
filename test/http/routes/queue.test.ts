import assert from 'node:assert/strict'
import test from 'node:test'
import { LocalTicket } from '../../../src/admission/local-ticket.ts'
import { type Key, NO_LIMITS } from '../../../src/callers/caller.ts'
import { aCall } from '../../admission/support/builders.ts'
import { Description } from '../../conformance/description.ts'
import { anEndedCall, anOpenCall, aShares } from '../../telemetry/support/shares.ts'
import { type AppHarness, appHarness } from '../support/app-harness.ts'

const ALICE: Key = {
  name: 'alice',
  address: [],
  models: undefined,
  may: new Set(['infer']),
  class: 'normal',
  maxClass: 'normal',
  limits: NO_LIMITS,
  slotSeconds: { day: 60 },
  tokens: {},
  users: undefined,
  notify: false,
}

const GIB = 2 ** 30

/** Two finished calls, one running, one waiting, one that left the line, one refused. */
function aBusyLane(surface: AppHarness): void {
  const { admission, clock, run } = surface
  admission.configure('llama2', { parallel: 1, queue: 2 })
  run('llama2').release('done', clock.now())
  const running = run('llama2')
  const call = aCall({ bytes: 0 })
  const served = admission.acquire(call)
  const leaving = admission.acquire(call)
  assert.throws(() => admission.acquire(call), { code: 'queue_full' })
  clock.advance(100)
  running.release('failed', clock.now())
  clock.advance(0.33)
  assert.ok(served instanceof LocalTicket && leaving instanceof LocalTicket)
  leaving.cancel(clock.now())
  admission.acquire(call)
  clock.advance(900.17)
}

const LLAMA2 =
  '{"model":"llama2","runner":"llama2","aliases":[],"parallel_limit":1,"effective_limit":1,' +
  '"limit_reason":"configured","queue_limit":2,"active_requests":1,"queued_requests":1,' +
  '"available_slots":0,"queue_available":1,"paused":false,"stuck":false,"loaded":null,"turn":"none",' +
  '"total_processed":1,"total_rejected":1,"total_timed_out":0,' +
  '"total_cancelled":1,"total_failed":1,"avg_wait_time_ms":50.08,"avg_processing_time_ms":50,' +
  '"wait_time_ms":{"p50":0,"p95":100.33,"p99":100.33},"processing_time_ms":{"p50":0,"p95":100,"p99":100},' +
  '"uptime_seconds":1}'

const TURNS = '"turns":{"mode":"off","loaded":[],"next":null,"credit_ms":0,"together":[],"apart":[]}'

test('/queue/stats tells of every model in a fixed order', async () => {
  const surface = appHarness()
  aBusyLane(surface)
  const response = await surface.app.request('/queue/stats')
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  assert.equal(
    await response.text(),
    `{"default_parallel":4,"default_queue_limit":512,"total_models":1,"models":{"llama2":${LLAMA2}},${TURNS}}`,
  )
})

test('/queue/stats is well-formed before the first call', async () => {
  assert.equal(
    await (await appHarness().app.request('/queue/stats')).text(),
    `{"default_parallel":4,"default_queue_limit":512,"total_models":0,"models":{},${TURNS}}`,
  )
})

test('one model is found under any spelling of its name', async () => {
  const surface = appHarness()
  aBusyLane(surface)
  for (const name of ['llama2', 'LLAMA2:latest', '%20registry.ollama.ai/library/llama2']) {
    assert.equal(await (await surface.app.request(`/queue/stats?model=${name}`)).text(), LLAMA2)
  }
})

test('an unknown model is 404 with the ones there are, never a new lane', async () => {
  const { app, run } = appHarness()
  run('llama2')
  run('mistral:7b')
  for (const name of ['llama3', '', '../..']) {
    const response = await app.request(`/queue/stats?model=${name}`)
    assert.equal(response.status, 404)
    assert.equal(
      await response.text(),
      '{"error":"model_not_found","message":"No requests for this model have been seen.","available_models":["llama2","mistral:7b"]}',
    )
  }
})

test('a model whose name means something to JavaScript is shown like any other', async () => {
  const { app, run } = appHarness()
  run('__proto__')
  const text = await (await app.request('/queue/stats')).text()
  assert.match(text, /"total_models":1,"models":\{"__proto__":\{"model":"__proto__"/)
})

test('statistics that are switched off are 404', async () => {
  const { app } = appHarness({ config: { enable_queue_stats: false } })
  const response = await app.request('/queue/stats')
  assert.equal(response.status, 404)
  assert.equal(
    await response.text(),
    '{"error":"stats_disabled","message":"Queue statistics are switched off on this server."}',
  )
})

test('a lowered limit never shows fewer than no slots', async () => {
  const { app, admission, run } = appHarness()
  run('llama2')
  run('llama2')
  admission.configure('llama2', { parallel: 1 })
  assert.match(
    await (await app.request('/queue/stats')).text(),
    /"active_requests":2,"queued_requests":0,"available_slots":0/,
  )
})

for (const { when, memory, body } of [
  {
    when: 'is plain',
    memory: { totalBytes: 32 * GIB, availableBytes: 18.5 * GIB },
    body: '{"total_gb":32,"available_gb":18.5,"used_gb":13.5,"percent":42.2,"recommended_parallel":4}',
  },
  {
    when: 'is crooked',
    memory: { totalBytes: 25_276_510_208, availableBytes: 10_000_000_001 },
    body: '{"total_gb":23.54,"available_gb":9.31,"used_gb":14.23,"percent":60.4,"recommended_parallel":2}',
  },
  {
    when: 'cannot be told',
    memory: null,
    body: '{"total_gb":null,"available_gb":null,"used_gb":null,"percent":null,"recommended_parallel":1}',
  },
]) {
  test(`/queue/memory says so when memory ${when}`, async () => {
    const { app } = appHarness({ memory: async () => memory })
    assert.equal(await (await app.request('/queue/memory')).text(), body)
  })
}

test('our pages are made once for all who ask within 100 ms, and anew after an action of an admin', async () => {
  const made = { config: 0, health: 0 }
  const { app, clock } = appHarness({
    describeConfig: () => ({ made: ++made.config }),
    memory: async () => {
      made.health++
      return null
    },
  })
  const ask = () =>
    Promise.all(Array.from({ length: 200 }, (_, index) => app.request(index % 2 ? '/config' : '/health')))
  await ask()
  assert.deepEqual(made, { config: 1, health: 1 })
  clock.advance(100)
  await ask()
  assert.deepEqual(made, { config: 2, health: 2 })
  await app.request('/admin/queue/reset', { method: 'POST' })
  await ask()
  assert.deepEqual(made, { config: 3, health: 3 })
})

test('a page shows what an admin has just set', async () => {
  const { app } = appHarness()
  const limits = async () => {
    const { default_parallel } = await (await app.request('/queue/stats')).json()
    return default_parallel
  }
  assert.equal(await limits(), 4)
  await app.request('/admin/queue/update', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"*","parallel_limit":7}',
  })
  assert.equal(await limits(), 7)
})

test('/queue/stats tells who calls and who was refused, as the description says', async () => {
  const use = { slotSeconds: 1.234, tokens: 5, resetsAt: 0 }
  const { open, shares } = aShares()
  shares.ended(anEndedCall({ caller: 'alice', key: 'alice' }))
  open.push(anOpenCall({ slotMs: 2_000 }), anOpenCall({ state: 'waiting', slots: 0, slotMs: 0 }))
  const { app } = appHarness({
    callers: {
      now: () => ({
        callers: [
          { id: '192.0.2.7', key: undefined, active: 1, queued: 2, use: undefined },
          { id: 'alice', key: ALICE, active: 0, queued: 0, use: { day: use, month: use } },
        ],
        shares: shares.now(),
      }),
      auth: () => ({ mode: 'observe', refused: { no_key: 3 } }),
      me: () => assert.fail('nobody asks'),
    },
  })
  const response = await app.request('/queue/stats')
  const text = await response.text()
  const header = (name: string) => response.headers.get(name)
  const head = { method: 'GET', path: '/queue/stats', status: 200, header }
  assert.deepEqual(new Description().problemsOf(head, text), [])
  const { auth, callers, fairness, reserve, jain, classes } = JSON.parse(text)
  assert.deepEqual(auth, { mode: 'observe', refused: { no_key: 3 } })
  assert.deepEqual(
    callers.map(({ caller, key, queued }: Record<string, unknown>) => [caller, key, queued]),
    [
      ['192.0.2.7', false, 2],
      ['alice', true, 0],
    ],
  )
  assert.deepEqual(
    callers.map(({ share, slot_seconds_5m }: Record<string, unknown>) => [share, slot_seconds_5m]),
    [
      [0.67, 2],
      [0.33, 1],
    ],
  )
  assert.deepEqual([fairness, reserve, jain], ['on', 0, 0.9])
  assert.deepEqual(classes.normal, {
    weight: 3,
    active: 1,
    queued: 1,
    share: 1,
    wait_time_ms: { p50: 0, p95: 0, p99: 0 },
  })
  assert.deepEqual(Object.keys(classes), ['interactive', 'normal', 'batch'])
  assert.deepEqual(callers[1].slot_seconds, {
    today: 1.23,
    month: 1.23,
    day_budget: 60,
    month_budget: null,
  })
})
