import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Admission } from '../../src/admission/contract.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import type { FinishedCall, Requester } from '../../src/relay/contract.ts'
import { longFrame } from '../ollama/support/zstd-frames.ts'
import { ANYBODY } from '../support/anybody.ts'
import { BODY, leftovers, NOTHING, type RelayHarness, relayHarness } from './support/relay-harness.ts'

let house: RelayHarness
afterEach(() => assert.deepEqual(leftovers(house), NOTHING))

function open(change?: Parameters<typeof relayHarness>[0]): RelayHarness {
  house = relayHarness(change)
  return house
}

const KEY = { 'x-queue-key': 'document-1' }
const ENDS_RUNNING = { ...KEY, 'x-queue-key-running': 'cancel' }
const STREAM = { 'content-type': 'application/x-ndjson' }

const ends = () =>
  house.finished.map(({ outcome, reason, cause, status }) => ({ outcome, reason, cause, status }))
const SUPERSEDED = { outcome: 'cancelled', reason: 'superseded', cause: null, status: 499 }
const DONE = { outcome: 'done', reason: null, cause: null, status: 200 }

type Started = Awaited<ReturnType<RelayHarness['call']>>

/** Lets a call be served to its end. */
async function serve({ client, result }: Started) {
  await house.settle()
  client.forwarding?.begin().end()
  assert.equal(await result, '200')
}

describe('a newer call with the same queue key', () => {
  it('ends an older one that waits, and has its place in a full line', async () => {
    const { call, lane } = open({ queue: 1 })
    const running = await call()
    const older = await call({ headers: KEY })
    assert.equal(await (await call()).result, 'queue_full')
    const newer = await call({ headers: KEY })
    assert.equal(await older.result, 'superseded')
    assert.deepEqual(lane(), { active: 1, queued: 1 })
    assert.equal(older.client.forwarding, undefined)
    await serve(running)
    await serve(newer)
    assert.deepEqual(ends().slice(1), [SUPERSEDED, DONE, DONE])
  })

  it('ends an older one whose body is still on its way', async () => {
    const { call, start, settle } = open()
    const older = start({ headers: KEY })
    older.client.sendPart(BODY.slice(0, 5))
    await settle()
    const newer = await call({ headers: KEY })
    assert.equal(await older.result, 'superseded')
    older.client.sendBody(BODY)
    await settle()
    assert.equal(older.client.forwarding, undefined)
    await serve(newer)
    assert.deepEqual(ends(), [SUPERSEDED, DONE])
  })

  it('ends an older one whose body is being decoded', async () => {
    const { call, start, settle } = open({ maxBodyBytes: 2e6 })
    const older = start({ target: '/v1/responses', headers: { ...KEY, 'content-encoding': 'zstd' } })
    older.client.sendBody(longFrame('{}'))
    const newer = await call({ headers: KEY })
    house.clock.advance(0)
    await settle()
    house.clock.advance(0)
    assert.equal(await older.result, 'superseded')
    await serve(newer)
  })

  it('is ended by none that arrived before it', async () => {
    const { call, start, settle } = open({ parallel: 2 })
    const older = start({ headers: ENDS_RUNNING })
    const newer = start({ headers: KEY })
    await settle()
    older.client.sendBody(BODY)
    await settle()
    assert.ok(older.client.forwarding)
    newer.client.sendBody(BODY)
    await settle()
    // The newer one leaves what Ollama has.
    assert.ok(newer.client.forwarding)
    const newest = await call({ headers: KEY })
    await serve(older)
    await serve(newer)
    await serve(newest)
    assert.deepEqual(ends(), [DONE, DONE, DONE])
  })

  it('ends a running one only where it asks for that: before the first byte', async () => {
    const { call, lane } = open({ queue: 0 })
    const older = await call({ headers: KEY })
    assert.equal(await (await call({ headers: KEY })).result, 'queue_full')
    assert.equal(older.client.forwarding?.cut, false)
    const newer = await call({ headers: ENDS_RUNNING })
    assert.equal(await older.result, 'superseded')
    assert.equal(older.client.forwarding?.cut, true)
    assert.ok(newer.client.forwarding, 'the slot is free at once, although no call may wait')
    assert.deepEqual(lane(), { active: 1, queued: 0 })
    await serve(newer)
    assert.deepEqual(ends().slice(1), [
      { outcome: 'cancelled', reason: null, cause: 'superseded_running', status: 499 },
      DONE,
    ])
    assert.deepEqual(house.released, ['cancelled', 'done'])
  })

  it('ends a running one in the middle of its answer, with a last line', async () => {
    const { call } = open({ queue: 0 })
    const older = await call({ headers: KEY })
    older.client.forwarding?.begin(200, STREAM).send('{"done":false}\n{"do')
    assert.equal(await older.result, '200')
    const newer = await call({ headers: ENDS_RUNNING })
    assert.equal(older.client.forwarding?.text, '{"done":false}\n{"do\nsuperseded')
    await serve(newer)
    const [first] = ends()
    assert.deepEqual(first, { outcome: 'cancelled', reason: null, cause: 'superseded_running', status: 200 })
  })

  it('ends a running one that a call in between has left alone', async () => {
    const { call } = open({ parallel: 2 })
    const older = await call({ headers: KEY })
    const between = await call({ headers: KEY })
    const newest = await call({ headers: ENDS_RUNNING })
    assert.deepEqual(await Promise.all([older.result, between.result]), ['superseded', 'superseded'])
    await serve(newest)
    assert.deepEqual(house.released, ['cancelled', 'cancelled', 'done'])
  })

  for (const where of ['in line', 'at Ollama'] as const) {
    it(`ends an older one that has got signs of life, with last words: ${where}`, async () => {
      const { call, clock, settle } = open({ parallel: where === 'in line' ? 1 : 2 })
      const running = await call()
      const body = '{"model":"llama2","messages":[{}],"stream":true}'
      const older = await call({ body, headers: { ...KEY, 'x-queue-notify': '1' } })
      clock.advance(2_000)
      assert.equal(await older.result, '200')
      const newer = await call({ headers: ENDS_RUNNING })
      await settle()
      assert.deepEqual([older.client.begun?.text, older.client.begun?.finished], [' ndjson:superseded', true])
      await serve(running)
      await serve(newer)
      const [{ lateStatus, status, outcome, reason, cause }] = house.finished as [FinishedCall]
      const why = where === 'in line' ? ['superseded', null] : [null, 'superseded_running']
      assert.deepEqual([lateStatus, status, outcome, reason, cause], [499, 200, 'cancelled', ...why])
    })
  }

  it('asks for its slot at the time at which the older one is over', async () => {
    const askedAt: number[] = []
    const admission: Admission = {
      acquire(call, now) {
        askedAt.push(now)
        return house.admission.acquire(call, now)
      },
    }
    const { call } = open({ admission, queue: 0, finished: () => house.clock.advance(5) })
    const older = await call({ headers: KEY })
    older.client.forwarding?.begin()
    const newer = await call({ headers: ENDS_RUNNING })
    assert.deepEqual(askedAt, [0, 5])
    await serve(newer)
  })

  it('does not overtake a call in line: the slot of the older one goes to whoever is next', async () => {
    const { call, lane } = open({ queue: 1 })
    const older = await call({ headers: KEY })
    const next = await call()
    const newer = await call({ headers: ENDS_RUNNING })
    assert.equal(await older.result, 'superseded')
    assert.ok(next.client.forwarding)
    assert.deepEqual(lane(), { active: 1, queued: 1 })
    await serve(next)
    await serve(newer)
  })

  it('is served, or the older one is, whichever of them is first when a slot becomes free', async () => {
    const firsts = new Set<string>()
    for (let hops = 0; hops < 16; hops++) {
      const { call, start, settle, lane } = open({ queue: 1 })
      const running = await call()
      const older = await call({ headers: KEY })
      const newer = start({ headers: KEY })
      newer.client.sendBody(BODY)
      for (let hop = 0; hop < hops; hop++) await undefined
      running.client.forwarding?.begin().end()
      await settle()
      const served = older.client.forwarding ? [older, newer] : [newer]
      firsts.add(older.client.forwarding ? 'older' : 'newer')
      if (served.length === 1) assert.equal(await older.result, 'superseded')
      for (const each of served) await serve(each)
      assert.deepEqual(lane(), { active: 0, queued: 0 })
    }
    assert.deepEqual(firsts, new Set(['older', 'newer']))
  })
})

it('a call that ended for one reason is not told another one', async () => {
  const { call, clock, relay } = open()
  const late = await call({ headers: { 'x-request-id': 'late' } })
  clock.advance(10_000)
  relay.cancel('late')
  assert.equal(await late.result, 'timeout')
  assert.deepEqual(house.released, ['timed_out'])
  assert.deepEqual(ends(), [{ outcome: 'timed_out', reason: null, cause: null, status: 599 }])
})

it('a call that is ended while its slot is on its way gives the slot to the next one at once', async () => {
  const { call, lane, relay } = open()
  const running = await call()
  const ended = await call({ headers: { 'x-request-id': 'ended' } })
  const next = await call()
  running.client.forwarding?.begin().end()
  assert.deepEqual(lane(), { active: 1, queued: 1 })
  relay.cancel('ended')
  assert.deepEqual(lane(), { active: 1, queued: 0 })
  await serve(next)
  assert.equal(await ended.result, 'cancelled')
})

describe('a newer call with the same queue key ends nothing', () => {
  const of = (id: string, user?: string): Requester => ({
    caller: { ...ANYBODY.caller, id },
    user,
    withheld: undefined,
  })

  it('of another caller, of another person behind the same key, or with another queue key', async () => {
    const { call } = open({ queue: 9 })
    const running = await call()
    const waiting = [
      await call({ headers: KEY }, of('alice')),
      await call({ headers: KEY }, of('bob')),
      await call({ headers: KEY }, of('webui', 'ann')),
      await call({ headers: KEY }, of('webui', 'ben')),
      await call({ headers: KEY }, of('webui')),
      await call({ headers: { 'x-queue-key': 'document-2' } }, of('webui')),
      await call({}, of('webui')),
    ]
    assert.equal(house.lane().queued, waiting.length)
    const newest = await call({ headers: ENDS_RUNNING }, of('webui', 'ann'))
    assert.equal(await waiting[2]?.result, 'superseded')
    assert.equal(house.lane().queued, waiting.length)
    for (const each of [running, ...waiting.filter((_, at) => at !== 2), newest]) each.client.leave()
    await house.settle()
  })

  it('when it is refused for its model, its budget, its body or its headers', async () => {
    const { call } = open({
      parallel: 2,
      refuses: (_requester, model) =>
        model === 'secret' ? new Refusal('model_not_allowed', { model }) : undefined,
    })
    const older = await call({ headers: KEY })
    const waits = await call({ headers: { ...KEY, 'x-queue-key': 'document-2' } })
    const secret = '{"model":"secret","messages":[{}]}'
    for (const [body, headers, code] of [
      [secret, ENDS_RUNNING, 'model_not_allowed'],
      ['x'.repeat(1_001), ENDS_RUNNING, 'body_too_large'],
      [BODY, { ...KEY, 'x-queue-key-running': 'yes' }, 'invalid_request'],
      [BODY, { 'x-queue-key': 'k'.repeat(201) }, 'invalid_request'],
    ] as const)
      assert.equal(await (await call({ body, headers })).result, code)
    assert.equal(older.client.forwarding?.cut, false)
    await serve(older)
    await serve(waits)
    assert.deepEqual(
      ends().map(({ outcome }) => outcome),
      ['refused', 'refused', 'refused', 'refused', 'done', 'done'],
    )
  })

  it('when it takes no slot: it unloads the model, or names none', async () => {
    const { call } = open()
    const older = await call({ headers: KEY })
    const unload = await call({
      target: '/api/generate',
      body: '{"model":"llama2","keep_alive":0}',
      headers: KEY,
    })
    const nameless = await call({ body: '{}', headers: ENDS_RUNNING })
    assert.equal(older.client.forwarding?.cut, false)
    for (const each of [older, unload, nameless]) await serve(each)
  })

  it('in a shutdown, where it is refused itself', async () => {
    const { call, admission, relay } = open()
    const older = await call({ headers: KEY })
    admission.close()
    relay.close()
    assert.equal(await (await call({ headers: ENDS_RUNNING })).result, 'shutting_down')
    await serve(older)
  })

  it('where the relay does not have all calls of the proxy', async () => {
    const { call } = open({ queueKeys: undefined })
    const running = await call({ headers: KEY })
    const waits = await call({ headers: { 'x-queue-key': 'k'.repeat(201) } })
    const newer = await call({ headers: ENDS_RUNNING })
    for (const each of [running, waits, newer]) await serve(each)
    assert.deepEqual(ends(), [DONE, DONE, DONE])
  })
})

it('a thousand calls that end each other leave one, and one place in line is enough for them', async () => {
  const { start, settle, lane } = open({ queue: 1, maxBodyBytes: 1e6 })
  const running = start({ body: BODY })
  await settle()
  const calls = Array.from({ length: 1_000 }, () => start({ body: BODY, headers: KEY }))
  const last = calls.pop()
  await settle()
  const results = await Promise.all(calls.map(({ result }) => result))
  assert.deepEqual(new Set(results), new Set(['superseded']))
  assert.deepEqual(lane(), { active: 1, queued: 1 })
  await serve(running)
  assert.ok(last)
  await serve(last)
})
