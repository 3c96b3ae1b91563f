import assert from 'node:assert/strict'
import test from 'node:test'
import { EVERYBODY } from '../../src/callers/caller.ts'
import {
  aCall,
  aFullScrape,
  aRefusedCall,
  metricsIn,
  samplesOf,
  scrapeHarness,
} from './support/scrape-harness.ts'
import { anOpenCall, aShares } from './support/shares.ts'
import { aLoad, aRunner, aView } from './support/turns.ts'

/** One family's samples. */
async function samples(
  house: ReturnType<typeof scrapeHarness>,
  family: string,
): Promise<Record<string, number>> {
  const { text } = await house.scrape()
  const ours = [...samplesOf(text)].filter(([sample]) => sample.startsWith(`ollama_guard_${family}`))
  return Object.fromEntries(ours.map(([sample, value]) => [sample.slice('ollama_guard_'.length), value]))
}

test('a route that was used shows all outcomes, one that was not shows none', async () => {
  const house = scrapeHarness()
  house.meters.call(aCall())
  const labels = 'model="llama2",route="/api/chat",outcome'
  assert.deepEqual(await samples(house, 'requests_total'), {
    [`requests_total{${labels}="done"}`]: 1,
    [`requests_total{${labels}="failed"}`]: 0,
    [`requests_total{${labels}="cancelled"}`]: 0,
    [`requests_total{${labels}="timed_out"}`]: 0,
    [`requests_total{${labels}="refused"}`]: 0,
  })
})

test('counters count on from scrape to scrape', async () => {
  const house = scrapeHarness({ models: ['llama2'] })
  for (const expected of [1, 2]) {
    house.meters.call(aRefusedCall())
    const refusals = await samples(house, 'refusals_total')
    assert.equal(refusals['refusals_total{model="llama2",reason="queue_full"}'], expected)
    assert.equal(refusals['refusals_total{model="llama2",reason="timeout"}'], 0)
    const advised = await samples(house, 'retries_advised_total')
    assert.equal(advised['retries_advised_total{model="llama2"}'], expected)
  }
})

test('calls that a newer one has replaced are told by model', async () => {
  const house = scrapeHarness({ models: ['llama2'] })
  const running = { reason: null, cause: 'superseded_running' } as const
  house.meters.call(aCall({ outcome: 'cancelled', ...running }))
  house.meters.call(aRefusedCall({ outcome: 'cancelled', reason: 'superseded' }))
  house.meters.call(aRefusedCall({ outcome: 'cancelled', reason: 'cancelled' }))
  house.meters.call(aRefusedCall({ outcome: 'failed', reason: null, cause: 'ECONNRESET' }))
  assert.equal((await samples(house, 'superseded_total'))['superseded_total{model="llama2"}'], 2)
  const refusals = await samples(house, 'refusals_total')
  assert.ok(Object.values(refusals).every((count) => count === 0))
})

test('tokens are told by model and direction', async () => {
  const house = scrapeHarness()
  house.meters.call(aCall())
  assert.equal((await samples(house, 'tokens_in'))['tokens_in_total{model="llama2"}'], 5)
  assert.equal((await samples(house, 'tokens_out'))['tokens_out_total{model="llama2"}'], 11)
})

test('reloads are told by model and option, zeros included', async () => {
  const house = scrapeHarness({ models: ['llama2'] })
  house.meters.reloaded('llama2', 'num_ctx')
  const reloads = await samples(house, 'reloads_total')
  assert.equal(reloads['reloads_total{model="llama2",option="num_ctx"}'], 1)
  assert.equal(reloads['reloads_total{model="llama2",option="use_mmap"}'], 0)
  assert.equal(reloads['reloads_total{model="other",option="num_ctx"}'], 0)
  // Seven options of llama2 and of other: a call without a model loads nothing.
  assert.equal(Object.keys(reloads).length, 14)
})

test('loads are told by model and reason, for one name of the runner, and failed loads by model', async () => {
  const house = scrapeHarness({ models: ['llama2', 'idle'] })
  house.meters.loaded({ names: ['copy', 'llama2'], reason: 'aged', failed: false })
  house.meters.loaded({ names: ['made-up'], reason: 'outside', failed: true })
  const loads = await samples(house, 'model_loads_total')
  assert.equal(loads['model_loads_total{model="llama2",reason="aged"}'], 1)
  assert.equal(loads['model_loads_total{model="llama2",reason="first"}'], 0)
  assert.equal(loads['model_loads_total{model="other",reason="outside"}'], 1)
  // Seven reasons of llama2 and of other: idle was never loaded.
  assert.equal(Object.keys(loads).length, 14)
  assert.deepEqual(await samples(house, 'model_loads_failed'), {
    'model_loads_failed_total{model="other"}': 1,
    'model_loads_failed_total{model="llama2"}': 0,
    'model_loads_failed_total{model="idle"}': 0,
  })
})

test('the time of loads and drains is told, its share of the last minutes, and what is loaded', async () => {
  const states = ['loading', 'loaded', 'leaving'] as const
  const view = aView(states.map((state) => ({ ...aRunner(state), state, since: -30_000 })))
  const house = scrapeHarness({ view })
  house.turns.loaded(aLoad('a', -60_000, { loadMs: 30_000, drainMs: 1_500 }))
  house.turns.loaded(aLoad('a', -400_000, { loadMs: 30_000, drainMs: 1_500, failed: true }))
  assert.deepEqual(await samples(house, 'load_seconds'), { load_seconds_total: 60 })
  assert.deepEqual(await samples(house, 'drain_seconds'), { drain_seconds_total: 3 })
  assert.deepEqual(await samples(house, 'loading_ratio'), { loading_ratio: 0.2 })
  assert.deepEqual(await samples(house, 'runners_loaded'), { runners_loaded: 2 })
  assert.deepEqual(await samples(house, 'turns_mode'), { 'turns_mode{mode="auto"}': 1 })
})

test('the number of loaded runners is left out while nobody knows', async () => {
  for (const mode of ['off', 'unavailable'] as const) {
    const house = scrapeHarness({ view: aView([], { mode }) })
    assert.deepEqual(await samples(house, 'runners_loaded'), {})
    assert.deepEqual(await samples(house, 'turns_mode'), { [`turns_mode{mode="${mode}"}`]: 1 })
  }
})

test('a histogram has every bucket, its sum and its count, and nothing of a model without figures', async () => {
  const house = scrapeHarness({ models: ['idle'] })
  house.meters.call(aCall({ waitMs: 200 }))
  house.meters.call(aCall({ waitMs: 700_000 }))
  const wait = await samples(house, 'wait_seconds')
  const bounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, '+Inf']
  const buckets = bounds.map((le, at) => [
    `wait_seconds_bucket{model="llama2",class="normal",le="${le}"}`,
    at < 3 ? 0 : at < 15 ? 1 : 2,
  ])
  assert.deepEqual(wait, {
    ...Object.fromEntries(buckets),
    'wait_seconds_sum{model="llama2",class="normal"}': 700.2,
    'wait_seconds_count{model="llama2",class="normal"}': 2,
  })
})

test('waits are told by class, and only of classes with calls', async () => {
  const house = scrapeHarness()
  house.meters.call(aCall({ waitMs: 200, class: 'interactive' }))
  house.meters.call(aCall({ waitMs: 5_000, class: 'batch' }))
  const wait = await samples(house, 'wait_seconds_sum')
  assert.deepEqual(wait, {
    'wait_seconds_sum{model="llama2",class="interactive"}': 0.2,
    'wait_seconds_sum{model="llama2",class="batch"}': 5,
  })
})

test('the calls of each class and how evenly callers share the slots are told', async () => {
  const { open, shares } = aShares()
  const house = scrapeHarness({ shares })
  const none = { 'class_active{class="normal"}': 0, 'class_active{class="batch"}': 0 }
  assert.deepEqual(await samples(house, 'class_active'), { 'class_active{class="interactive"}': 0, ...none })
  assert.deepEqual(await samples(house, 'fairness'), { fairness_jain: 1 })
  open.push(anOpenCall({ caller: 'a', class: 'interactive', slotMs: 3_000 }), anOpenCall({ caller: 'b' }))
  open.push(anOpenCall({ state: 'waiting', class: 'batch', slots: 0, slotMs: 0, caller: 'a' }))
  assert.deepEqual(await samples(house, 'class_active'), {
    'class_active{class="interactive"}': 1,
    'class_active{class="normal"}': 1,
    'class_active{class="batch"}': 0,
  })
  assert.deepEqual(await samples(house, 'class_queued'), {
    'class_queued{class="interactive"}': 0,
    'class_queued{class="normal"}': 0,
    'class_queued{class="batch"}': 1,
  })
  assert.deepEqual(await samples(house, 'fairness'), { fairness_jain: 0.8 })
})

test('lanes show what they hold; those of unknown models add up, without limits', async () => {
  const house = scrapeHarness({ models: ['llama2'] })
  const join = (model: string) =>
    house.admission.acquire({ model, caller: EVERYBODY, deadline: 1_000, bytes: 100, slots: 1 })
  for (const model of ['llama2', 'llama2', 'made-up', 'made-up', 'made-up', 'other-one']) join(model)
  house.admission.pause('llama2', true)
  assert.deepEqual(await samples(house, 'active_requests'), {
    'active_requests{model="llama2"}': 1,
    'active_requests{model="other"}': 2,
  })
  assert.deepEqual(await samples(house, 'queued_requests'), {
    'queued_requests{model="llama2"}': 1,
    'queued_requests{model="other"}': 2,
  })
  assert.deepEqual(await samples(house, 'parallel_limit'), { 'parallel_limit{model="llama2"}': 1 })
  assert.deepEqual(await samples(house, 'effective_limit'), { 'effective_limit{model="llama2"}': 1 })
  assert.deepEqual(await samples(house, 'queue_limit'), { 'queue_limit{model="llama2"}': 2 })
  assert.deepEqual(await samples(house, 'model_stuck'), {
    'model_stuck{model="llama2"}': 0,
    'model_stuck{model="other"}': 0,
  })
  house.admission.stick('llama2', true)
  assert.deepEqual(await samples(house, 'model_stuck'), {
    'model_stuck{model="llama2"}': 1,
    'model_stuck{model="other"}': 0,
  })
  assert.deepEqual(await samples(house, 'paused'), {
    'paused{model="llama2"}': 1,
    'paused{model="other"}': 0,
  })
  assert.deepEqual(await samples(house, 'waiting_bytes'), { waiting_bytes: 300 })
})

test('Ollama, memory, the build and a shutdown are told', async () => {
  const house = scrapeHarness()
  assert.deepEqual(await samples(house, 'upstream'), {
    upstream_up: 1,
    'upstream_info{version="0.33.0"}': 1,
  })
  assert.deepEqual(await samples(house, 'memory'), { memory_bytes: 4_000, memory_available_bytes: 1_000 })
  assert.deepEqual(await samples(house, 'build_info'), { 'build_info{version="0.1.0",runtime="node"}': 1 })
  assert.deepEqual(await samples(house, 'draining'), { draining: 0 })
  house.admission.close()
  assert.deepEqual(await samples(house, 'draining'), { draining: 1 })
})

test('what is not known is left out or called unknown', async () => {
  const house = scrapeHarness({
    upstream: { status: () => ({ reachable: false, version: null }) },
    memory: async () => null,
  })
  assert.deepEqual(await samples(house, 'upstream'), {
    upstream_up: 0,
    'upstream_info{version="unknown"}': 1,
  })
  assert.deepEqual(await samples(house, 'memory'), {})
})

test('a label is escaped', async () => {
  const house = scrapeHarness({ models: ['a"b\\c\nd'] })
  const tokens = await samples(house, 'tokens_out')
  assert.equal(tokens['tokens_out_total{model="a\\"b\\\\c\\nd"}'], 0)
})

test('scrapes that overlap are both whole', async () => {
  const house = scrapeHarness()
  house.meters.call(aCall())
  const ours = async () => {
    const { text } = await house.scrape()
    return [...samplesOf(text)].filter(([sample]) => sample.startsWith('ollama_guard_'))
  }
  const [one, other] = await Promise.all([ours(), ours()])
  assert.deepEqual(one, other)
})

test('the process tells of itself, under names that say what they are', async () => {
  const { contentType } = await scrapeHarness().scrape()
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
  const names = metricsIn(await aFullScrape())
  for (const name of [
    'process_resident_memory_bytes',
    'process_start_time_seconds',
    'nodejs_eventloop_lag_p99_seconds',
  ])
    assert.ok(names.includes(name), name)
  assert.ok(!names.includes('nodejs_active_handles_total'))
})
