import assert from 'node:assert/strict'
import test from 'node:test'
import { CALLER_LABELS } from '../../src/telemetry/caller-meters.ts'
import { aCall, aRefusedCall, samplesOf, scrapeHarness } from './support/scrape-harness.ts'

type House = ReturnType<typeof scrapeHarness>

/** The samples of the families of callers that are not 0, without our prefix. */
async function samples(house: House, family = /^caller_|^slot_seconds/): Promise<Record<string, number>> {
  const { text } = await house.scrape()
  const prefix = 'ollama_guard_'
  const ours = [...samplesOf(text)].filter(
    ([sample, value]) => family.test(sample.slice(prefix.length)) && value !== 0,
  )
  return Object.fromEntries(ours.map(([sample, value]) => [sample.slice(prefix.length), value]))
}

const labelsOf = ({ meters }: House) => Array.from(meters.callers.callers(), ([label]) => label)

test('a call counts for its key: how it ended, its slot-time and its tokens', async () => {
  const house = scrapeHarness({ keys: ['alice', 'bob'] })
  house.meters.call(aCall({ key: 'alice', slotMs: 1_500 }))
  house.meters.call(
    aCall({ key: 'alice', class: 'batch', slotMs: 500, outcome: 'cancelled', tokensIn: null }),
  )
  house.meters.call(aRefusedCall({ key: 'bob', slotMs: 0 }))
  assert.deepEqual(await samples(house), {
    'caller_requests_total{caller="alice",outcome="done"}': 1,
    'caller_requests_total{caller="alice",outcome="cancelled"}': 1,
    'caller_requests_total{caller="bob",outcome="refused"}': 1,
    'slot_seconds_total{caller="alice",class="normal"}': 1.5,
    'slot_seconds_total{caller="alice",class="batch"}': 0.5,
    'caller_tokens_total{caller="alice",direction="in"}': 5,
    'caller_tokens_total{caller="alice",direction="out"}': 22,
  })
})

test('a configured key has its zeros before its first call', async () => {
  const { text } = await scrapeHarness({ keys: ['alice'] }).scrape()
  const ofAlice = [...samplesOf(text)].filter(([sample]) => sample.includes('caller="alice"'))
  assert.equal(ofAlice.length, 12)
  assert.ok(ofAlice.every(([, value]) => value === 0))
})

test('callers without a key have one label together, and so have keys that are not configured', async () => {
  const house = scrapeHarness({
    keys: ['alice'],
    callers: [
      { id: '192.0.2.7', active: 1, queued: 0 },
      { id: '192.0.2.8', active: 1, queued: 1 },
      { id: 'alice', active: 0, queued: 1 },
    ],
  })
  for (const key of [null, null, 'revoked']) house.meters.call(aRefusedCall({ key }))
  assert.deepEqual(labelsOf(house), ['other', 'none', 'alice'])
  assert.deepEqual(await samples(house), {
    'caller_requests_total{caller="other",outcome="refused"}': 1,
    'caller_requests_total{caller="none",outcome="refused"}': 2,
    'caller_active{caller="none"}': 2,
    'caller_queued{caller="none"}': 1,
    'caller_queued{caller="alice"}': 1,
  })
})

test('a thousand keys have labels of their own, the others share one', async () => {
  const keys = Array.from({ length: 1_200 }, (_, index) => `key-${index}`)
  const house = scrapeHarness({ keys, callers: [{ id: 'key-1100', active: 1, queued: 0 }] })
  assert.equal(labelsOf(house).length, CALLER_LABELS + 2)
  house.meters.call(aRefusedCall({ key: 'key-1000' }))
  house.meters.call(aRefusedCall({ key: 'key-999' }))
  assert.deepEqual(await samples(house), {
    'caller_requests_total{caller="other",outcome="refused"}': 1,
    'caller_requests_total{caller="key-999",outcome="refused"}': 1,
    'caller_active{caller="other"}': 1,
  })
})

test('a reload keeps the figures of the keys that stay, and forgets the keys that are gone', async () => {
  const house = scrapeHarness({ keys: ['alice', 'bob'] })
  for (const key of ['alice', 'bob']) house.meters.call(aRefusedCall({ key }))
  house.meters.callers.configure(['carol', 'alice'])
  assert.deepEqual(labelsOf(house), ['other', 'none', 'alice', 'carol'])
  house.meters.call(aRefusedCall({ key: 'alice' }))
  house.meters.call(aRefusedCall({ key: 'bob' }))
  assert.deepEqual(await samples(house), {
    'caller_requests_total{caller="other",outcome="refused"}': 1,
    'caller_requests_total{caller="alice",outcome="refused"}': 2,
  })
})

test('a key that is named like a common label counts there, and every sample stands once', async () => {
  const callers = ['none', 'other'].map((id) => ({ id, active: 1, queued: 0 }))
  const house = scrapeHarness({ keys: ['none', 'other'], callers })
  for (const key of ['none', 'other', null]) house.meters.call(aRefusedCall({ key }))
  assert.deepEqual(await samples(house), {
    'caller_requests_total{caller="other",outcome="refused"}': 1,
    'caller_requests_total{caller="none",outcome="refused"}': 2,
    'caller_active{caller="other"}': 1,
    'caller_active{caller="none"}': 1,
  })
})

test('requests that were refused because of who sent them are counted by reason', async () => {
  const refused = { no_key: 3, wrong_key: 0 }
  const house = scrapeHarness({ accessRefused: () => refused })
  assert.deepEqual(await samples(house, /^access_refused/), {
    'access_refused_total{reason="no_key"}': 3,
  })
  refused.wrong_key = 2
  assert.deepEqual(await samples(house, /^access_refused/), {
    'access_refused_total{reason="no_key"}': 3,
    'access_refused_total{reason="wrong_key"}': 2,
  })
})
