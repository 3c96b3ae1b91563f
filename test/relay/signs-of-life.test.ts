import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PlaceInLine } from '../../src/admission/contract.ts'
import type { SignSettings } from '../../src/relay/begun-answer.ts'
import { signsFor } from '../../src/relay/signs-of-life.ts'
import { relayHarness } from './support/relay-harness.ts'

const NDJSON = { 'content-type': 'application/x-ndjson' }
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }
const EVENTS = { 'content-type': 'text/event-stream' }
const NOTIFY = { 'x-queue-notify': '1' }
const STREAM = '{"model":"llama2","messages":[{}],"stream":true}'
const WHOLE = '{"model":"llama2","messages":[{}],"stream":false}'

/** A relay whose one slot is taken, and a call that waits in line and asks for signs. */
async function waitingCall(request: Parameters<ReturnType<typeof relayHarness>['call']>[0] = {}) {
  const house = relayHarness()
  const before = await house.call()
  const waiting = await house.call({ headers: NOTIFY, body: STREAM, ...request })
  return { ...house, before, waiting, client: waiting.client }
}

type WaitingCall = Awaited<ReturnType<typeof waitingCall>>

/** The call before is over, so the waiting call goes to Ollama. */
async function granted({ before, client, settle }: WaitingCall) {
  before.client.forwarding?.begin(200, NDJSON).end()
  await settle()
  assert.ok(client.forwarding)
  return client.forwarding
}

describe('signs of life', () => {
  it('begin after the configured time, and come again and again', async () => {
    const { clock, client } = await waitingCall()
    const text = () => client.begun?.text
    clock.advance(1_999)
    assert.equal(text(), undefined)
    clock.advance(1)
    assert.equal(text(), ' ')
    clock.advance(999)
    assert.equal(text(), ' ')
    clock.advance(1)
    assert.equal(text(), '  ')
  })

  it('give the route its answer while the call still waits', async () => {
    const { clock, client, waiting } = await waitingCall()
    clock.advance(2_000)
    assert.equal(await waiting.result, '200')
    const headers = client.begun?.response.headers
    assert.equal(headers?.get('content-type'), 'application/x-ndjson')
    assert.equal(headers?.get('x-queue-position'), '1')
    assert.equal(headers?.get('x-accel-buffering'), 'no')
    assert.match(headers?.get('x-request-id') ?? '', /^[\w-]+$/)
  })

  it('are not sent by a call that nobody asked them for', async () => {
    const { clock, client } = await waitingCall({ headers: {} })
    clock.advance(9_000)
    assert.equal(client.begun, undefined)
  })

  it('end with the first byte of Ollama, whose bytes follow unchanged', async () => {
    const house = await waitingCall()
    house.clock.advance(2_000)
    const forwarding = await granted(house)
    house.clock.advance(1_000)
    forwarding.begin(200, NDJSON)
    // Ollama has sent its head, and is still silent.
    house.clock.advance(1_000)
    assert.equal(house.client.begun?.text, '   ')
    forwarding.send('{"a":1}\n')
    house.clock.advance(1_900)
    forwarding.send('{"done":true}\n').end()
    assert.equal(house.client.begun.text, '   {"a":1}\n{"done":true}\n')
    const [, call] = house.finished
    assert.deepEqual(
      [call?.signsMs, call?.lateStatus, call?.status, call?.outcome],
      [2_000, null, 200, 'done'],
    )
  })

  it('tell a stream of events the place and the reason, and what Ollama is asked for afterwards', async () => {
    const house = await waitingCall({ target: '/v1/chat/completions' })
    house.clock.advance(2_000)
    assert.equal(house.client.begun?.text, ': queue position=1 reason=slot\n\n')
    await granted(house)
    house.clock.advance(1_000)
    assert.equal(house.client.begun.text, ': queue position=1 reason=slot\n\n: queue reason=ollama\n\n')
  })

  it("are Anthropic's own pings on its route", async () => {
    const { clock, client } = await waitingCall({ target: '/v1/messages' })
    clock.advance(2_000)
    assert.equal(client.begun?.text, 'event: ping\ndata: {"type": "ping"}\n\n')
  })

  it('come from a call that Ollama leaves without an answer', async () => {
    const { call, clock } = relayHarness()
    const { client } = await call({ headers: NOTIFY, body: WHOLE })
    clock.advance(2_000)
    assert.equal(client.begun?.text, ' ')
    assert.equal(client.begun.response.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.equal(client.begun.response.headers.get('x-queue-position'), null)
  })

  it('never come from a call whose body is still read', async () => {
    const { clock, settle, start } = relayHarness()
    const { client } = start({ headers: NOTIFY })
    clock.advance(5_000)
    client.sendBody(STREAM)
    await settle()
    clock.advance(1_999)
    assert.ok(!client.begun)
    clock.advance(1)
    assert.ok(client.begun)
  })

  it('never come before a refusal', async () => {
    const { call, clock } = relayHarness({ queue: 0 })
    await call()
    const { client, result } = await call({ headers: NOTIFY, body: STREAM })
    assert.equal(await result, 'queue_full')
    clock.advance(5_000)
    assert.equal(client.begun, undefined)
  })

  it('stop when the client leaves, and the place in line is free at once', async () => {
    const { clock, client, finished, lane, settle } = await waitingCall()
    clock.advance(2_000)
    client.leave()
    assert.equal(lane().queued, 0)
    await settle()
    clock.advance(5_000)
    assert.equal(client.begun?.text, ' ')
    assert.equal(client.begun.finished, false)
    const [call] = finished
    assert.deepEqual([call?.status, call?.outcome, call?.signsMs], [0, 'cancelled', 2_000])
  })

  it('stop when the client leaves while Ollama is silent, and free the slot', async () => {
    const house = await waitingCall()
    house.clock.advance(2_000)
    const forwarding = await granted(house)
    house.client.leave()
    assert.equal(forwarding.cut, true)
    assert.equal(house.lane().active, 0)
    await house.settle()
    house.clock.advance(5_000)
    assert.equal(house.client.begun?.text, ' ')
  })
})

describe('a place that is told later', () => {
  it('makes the sign wait, and no sign comes once Ollama has answered', async () => {
    const tellers: ((place: PlaceInLine) => void)[] = []
    const house = relayHarness({ placeOf: () => new Promise((resolve) => tellers.push(resolve)) })
    const before = await house.call()
    const { client } = await house.call({ target: '/v1/chat/completions', headers: NOTIFY, body: STREAM })
    const begun = () => client.begun
    house.clock.advance(2_000)
    assert.equal(begun(), undefined)
    tellers[0]?.({ position: 4, waitingFor: 'turn', startsInMs: 40_100 })
    await house.settle()
    assert.equal(begun()?.text, ': queue position=4 eta_s=41 reason=turn\n\n')
    assert.equal(begun()?.response.headers.get('x-queue-estimated-wait-ms'), '40100')
    house.clock.advance(1_000)
    before.client.forwarding?.begin(200, NDJSON).end()
    await house.settle()
    client.forwarding?.begin(200, EVENTS).send('data: {}\n\n')
    tellers[1]?.({ position: 1, waitingFor: 'slot', startsInMs: 0 })
    await house.settle()
    assert.match(begun()?.text ?? '', /reason=turn\n\ndata: \{\}\n\n$/)
  })
})

describe('a line that does not tell the place', () => {
  it('is asked once at a time, and holds up one sign', async () => {
    const tellers: ((place: PlaceInLine | undefined) => void)[] = []
    const house = relayHarness({ placeOf: () => new Promise((resolve) => tellers.push(resolve)) })
    await house.call()
    const { client, result } = await house.call({
      target: '/v1/chat/completions',
      headers: NOTIFY,
      body: STREAM,
    })
    const text = () => client.begun?.text
    house.clock.advance(2_000)
    assert.equal(text(), undefined)
    house.clock.advance(2_000)
    assert.equal(text(), ': queue\n\n: queue\n\n')
    assert.equal(await result, '200')
    assert.equal(tellers.length, 1)
    tellers[0]?.({ position: 1, waitingFor: 'slot', startsInMs: undefined })
    await house.settle()
    house.clock.advance(1_000)
    assert.match(text() ?? '', /^(?:: queue\n\n){2}: queue position=1 reason=slot\n\n$/)
    assert.equal(tellers.length, 2)
  })
})

describe('a failure after signs of life', () => {
  it('is the end of the answer when the deadline passes in line', async () => {
    const { clock, client, finished, settle } = await waitingCall()
    clock.advance(10_000)
    await settle()
    assert.match(client.begun?.text ?? '', /^ {8,9}ndjson:timeout$/)
    assert.equal(client.begun?.finished, true)
    const call = finished.find(({ signsMs }) => signsMs !== null)
    assert.deepEqual([call?.status, call?.lateStatus, call?.outcome], [200, 599, 'timed_out'])
    const { length } = client.begun?.text ?? ''
    clock.advance(5_000)
    assert.equal(client.begun?.text.length, length)
  })

  it('is the end of the answer when Ollama breaks before its first byte', async () => {
    const house = await waitingCall({ body: WHOLE })
    house.clock.advance(2_000)
    ;(await granted(house)).break(new Error('reset'))
    await house.settle()
    assert.equal(house.client.begun?.text, ' json:upstream_error')
    assert.equal(house.lane().active, 0)
  })

  it('is the end of the answer when Ollama stays silent, when an operator cancels, and in a shutdown', async () => {
    const silent = await waitingCall()
    silent.clock.advance(2_000)
    await granted(silent)
    silent.clock.advance(8_000)
    await silent.settle()
    assert.match(silent.client.begun?.text ?? '', /ndjson:timeout$/)

    const cancelled = await waitingCall()
    cancelled.clock.advance(2_000)
    cancelled.relay.cancel(cancelled.client.begun?.response.headers.get('x-request-id') ?? '')
    await cancelled.settle()
    assert.equal(cancelled.client.begun?.text, ' ndjson:cancelled')

    const drained = await waitingCall()
    drained.clock.advance(2_000)
    drained.admission.close()
    await drained.settle()
    assert.equal(drained.client.begun?.text, ' ndjson:shutting_down')
  })

  it('knows whether Ollama broke off before the first byte of its body', async () => {
    for (const body of ['', '{"a":']) {
      const told: boolean[] = []
      const house = relayHarness({
        errorTrailer: ({ onlySigns }) => {
          told.push(onlySigns)
          return ''
        },
      })
      const { client } = await house.call({ headers: NOTIFY, body: WHOLE })
      house.clock.advance(2_000)
      client.forwarding?.begin(200, JSON_TYPE)
      if (body) client.forwarding?.send(body)
      client.forwarding?.break(new Error('reset'))
      assert.deepEqual(told, [body === ''])
    }
  })

  it('keeps an error answer of Ollama back, and gives its body to the last words', async () => {
    const told: unknown[] = []
    const house = relayHarness({
      lastWords: (error) => {
        const answer = 'answer' in error ? error.answer : undefined
        told.push([error.code, answer?.status, answer?.text])
        return 'over'
      },
    })
    const { client } = await house.call({ headers: NOTIFY, body: STREAM })
    house.clock.advance(2_000)
    client.forwarding?.begin(404, JSON_TYPE).send('{"error":"model ').send('not found"}').end()
    await house.settle()
    assert.equal(client.begun?.text, ' over')
    assert.deepEqual(told, [['upstream_error', 404, '{"error":"model not found"}']])
    assert.deepEqual(house.released, ['done'])
    const [call] = house.finished
    assert.deepEqual([call?.status, call?.lateStatus, call?.outcome], [200, 404, 'done'])
  })

  it('is our own error where the error answer of Ollama breaks, or does not come to its end', async () => {
    for (const [end, words] of [
      ['breaks', ' ndjson:upstream_error'],
      ['is silent', ' ndjson:timeout'],
    ]) {
      const house = relayHarness()
      const { client } = await house.call({ headers: NOTIFY, body: STREAM })
      house.clock.advance(2_000)
      client.forwarding?.begin(500, JSON_TYPE).send('{"err')
      if (end === 'breaks') client.forwarding?.break(new Error('reset'))
      else house.clock.advance(60_000)
      await house.settle()
      assert.equal(client.begun?.text, words)
      assert.equal(house.finished[0]?.lateStatus, 599, 'not that of Ollama')
      assert.equal(house.released.length, 1)
    }
  })

  it('ends an answer whose type or encoding cannot follow what the client has', async () => {
    for (const headers of [JSON_TYPE, { ...EVENTS, 'content-encoding': 'gzip' }, {}]) {
      const house = relayHarness()
      const { client } = await house.call({ target: '/v1/chat/completions', headers: NOTIFY, body: STREAM })
      house.clock.advance(2_000)
      client.forwarding?.begin(200, headers)
      await house.settle()
      assert.equal(
        client.begun?.text,
        ': queue reason=ollama\n\nevents:upstream_error',
        JSON.stringify(headers),
      )
      assert.equal(client.forwarding?.cut, true)
      assert.deepEqual(house.released, ['failed'])
      assert.deepEqual(house.answers, [true], 'Ollama is reachable')
      const [call] = house.finished
      assert.deepEqual([call?.cause, call?.lateStatus, call?.outcome], ['UNEXPECTED_ANSWER', 599, 'failed'])
    }
  })

  it('lets the one object of a call that only loads follow as the only line', async () => {
    const house = relayHarness()
    const { client } = await house.call({ headers: NOTIFY, body: '{"model":"llama2","messages":[]}' })
    house.clock.advance(2_000)
    client.forwarding?.begin(200, JSON_TYPE).send('{"done":true}').end()
    await house.settle()
    assert.equal(client.begun?.text, ' {"done":true}')
  })

  it('does not begin an answer of its own once Ollama has begun', async () => {
    const { call, clock } = relayHarness()
    const { client } = await call({ headers: NOTIFY, body: STREAM })
    client.forwarding?.begin(200, NDJSON)
    clock.advance(1_900)
    client.forwarding?.send('{}\n')
    clock.advance(1_900)
    assert.equal(client.begun, undefined)
  })
})

describe('which calls get signs of life', () => {
  const scope = (headers: Record<string, string>, when: SignSettings['when'], notify = false) =>
    signsFor({ header: (name) => headers[name] }, { notify }, when)

  it('is for the configuration, the way, the client and the key to say', () => {
    assert.equal(scope({}, 'auto'), undefined)
    assert.equal(scope({ 'cf-ray': '8a1-FRA' }, 'auto'), 'streams')
    assert.equal(scope({ 'x-queue-notify': ' 1 ' }, 'auto'), 'all')
    assert.equal(scope({ 'x-queue-notify': 'True' }, 'auto'), 'all')
    assert.equal(scope({ 'x-queue-notify': 'maybe' }, 'auto'), undefined)
    assert.equal(scope({}, 'auto', true), 'all')
    assert.equal(scope({}, 'always'), 'streams')
    assert.equal(scope({}, 'always', true), 'all')
    assert.equal(scope({ 'x-queue-notify': '1', 'cf-ray': 'x' }, 'off', true), undefined)
  })

  it('lets a client do without', () => {
    assert.equal(scope({ 'x-queue-notify': '0', 'cf-ray': 'x' }, 'always', true), undefined)
    assert.equal(scope({ 'x-queue-notify': 'false' }, 'always'), undefined)
  })

  it('gives a stream of Cloudflare signs, and a whole answer none', async () => {
    for (const [body, text] of [
      [STREAM, ' '],
      [WHOLE, undefined],
    ] as const) {
      const { clock, client } = await waitingCall({ headers: { 'cf-ray': 'x' }, body })
      clock.advance(2_000)
      assert.equal(client.begun?.text, text)
    }
  })

  it('keeps Ollama from compressing an answer that may follow', async () => {
    const house = await waitingCall({ headers: { ...NOTIFY, 'accept-encoding': 'gzip' } })

    await granted(house)
    assert.equal(house.client.observed?.withheld?.('accept-encoding'), true)
    assert.equal(house.before.client.observed?.withheld?.('accept-encoding'), undefined)
  })
})
