import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { Failure } from '../../src/relay/failure.ts'
import { longFrame } from '../ollama/support/zstd-frames.ts'
import { ANYBODY } from '../support/anybody.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'
import { BODY, leftovers, NOTHING, type RelayHarness, relayHarness } from './support/relay-harness.ts'

const NDJSON = { 'content-type': 'application/x-ndjson' }
const FIGURES =
  '{"done":true,"total_duration":9000000,"load_duration":5000000,"prompt_eval_count":3,"eval_count":4}\n'

let house: RelayHarness
const open = (change: Parameters<typeof relayHarness>[0] = {}): RelayHarness => {
  house = relayHarness(change)
  return house
}
// Whatever a test does to its calls, it ends with all of them over: then nothing may be left.
afterEach(() => assert.deepEqual(leftovers(house), NOTHING))

/** What is told of the only call, without what every test would have to repeat. */
const told = ({ finished }: RelayHarness, index = 0) => {
  const { outcome, reason, status, model, waitMs, firstByteMs, totalMs } = finished[index] ?? {}
  return { outcome, reason, status, model, waitMs, firstByteMs, totalMs }
}

describe('a call that goes well', () => {
  it('is sent as it came, holds its slot to the last byte, and is told once', async () => {
    const { call, clock, lane, released, finished, answers } = open()
    const { client, result } = await call()
    assert.equal(new TextDecoder().decode(client.forwarding?.sent), BODY)
    clock.advance(100)
    client.forwarding?.begin(200, NDJSON)
    assert.equal(await result, '200')
    clock.advance(50)
    client.forwarding?.send('{"done":false}\n').send(FIGURES)
    assert.deepEqual(lane(), { active: 1, queued: 0 })
    assert.deepEqual(released, [])
    client.forwarding?.end()
    assert.deepEqual(lane(), { active: 0, queued: 0 })
    assert.deepEqual(released, ['done'])
    assert.deepEqual(answers, [true])
    const [{ requestId, ...record } = { requestId: '' }] = finished
    assert.equal(finished.length, 1)
    assert.match(requestId, /^\w+-\w+$/)
    assert.deepEqual(record, {
      client: '192.0.2.7',
      caller: 'everybody',
      key: null,
      user: null,
      class: 'normal',
      path: '/api/chat',
      model: 'llama2',
      outcome: 'done',
      reason: null,
      cause: null,
      status: 200,
      startedAt: clock.wallTime() - 150,
      waitMs: 0,
      parts: 2,
      firstByteMs: 100,
      sentMs: 0,
      signsMs: null,
      lateStatus: null,
      totalMs: 150,
      slots: 1,
      slotMs: 150,
      loadMs: 5,
      bytesIn: BODY.length,
      bytesOut: '{"done":false}\n'.length + FIGURES.length,
      tokensIn: 3,
      tokensOut: 4,
      promptMs: 0,
      evalMs: 0,
      options: undefined,
      numCtx: null,
      traceparent: null,
    })
  })

  it('keeps a sane id of its client and replaces any other', async () => {
    const { call, finished } = open({ parallel: 3 })
    for (const id of ['abc-1.2:x=_', 'a b', 'x'.repeat(129), '.', '..']) {
      const { client } = await call({ headers: { 'x-request-id': id } })
      client.forwarding?.begin().end()
    }
    assert.deepEqual(
      finished.map(({ requestId }) => requestId.length < 40 && requestId.startsWith('abc')),
      [true, false, false, false, false],
    )
    assert.equal(new Set(finished.map(({ requestId }) => requestId)).size, 5)
    assert.ok(
      finished.every(({ requestId }) => !/^\.+$/.test(requestId)),
      'a path cannot end in dots',
    )
  })

  it('keeps the trace of its client, unless the trace is of absurd length', async () => {
    const { call, finished } = open({ parallel: 2 })
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    for (const traceparent of [trace, `${trace}-${'x'.repeat(1_000)}`]) {
      const { client } = await call({ headers: { traceparent } })
      client.forwarding?.begin().end()
    }
    assert.deepEqual(
      finished.map(({ traceparent }) => traceparent),
      [trace, null],
    )
  })

  it('comes in pieces through a proxy that buffers, unless Ollama has said something about that', async () => {
    const { call } = open({ parallel: 9 })
    const said = async (headers: Record<string, string>) => {
      const { client, result, explanation } = await call()
      client.forwarding?.begin(200, headers).end()
      await result
      return explanation.includes('x-accel-buffering')
    }
    assert.equal(await said(NDJSON), true)
    assert.equal(await said({ 'content-type': 'text/event-stream; charset=utf-8' }), true)
    assert.equal(await said({ 'content-type': 'application/json' }), false)
    assert.equal(await said({ ...NDJSON, 'x-accel-buffering': 'yes' }), false)
  })

  it('counts no parts of an image, which comes in one piece whatever its type says', async () => {
    const { call, finished } = open()
    const { client } = await call({ target: '/v1/images/generations' })
    client.forwarding?.begin(200, NDJSON).send('{"created":1,').send('"data":[]}\n').end()
    assert.equal(finished[0]?.parts, null)
  })

  it('tells a page that Ollama let in what it may read of ours', async () => {
    const { call } = open({ parallel: 9 })
    const readable = async (request: Record<string, string>, answer: Record<string, string>) => {
      const { client, result, explanation } = await call({ headers: request })
      client.forwarding?.begin(200, answer).end()
      await result
      const at = explanation.indexOf('access-control-expose-headers')
      return at < 0 ? undefined : explanation[at + 1]
    }
    const page = { origin: 'http://localhost:3000' }
    const allowed = { 'access-control-allow-origin': '*' }
    assert.equal(await readable(page, allowed), 'X-Request-Id, X-Queue-Wait-Ms, Server-Timing')
    assert.equal(await readable(page, {}), undefined)
    assert.equal(await readable({}, allowed), undefined)
  })

  it('has been served by its model, but not when Ollama said no', async () => {
    for (const [status, served] of [
      [200, true],
      [404, false],
      [400, false],
      [500, false],
    ] as const) {
      const { call, admission } = open()
      const { client } = await call()
      client.forwarding?.begin(status, NDJSON).end()
      assert.equal(admission.model('llama2')?.served, served, `${status}`)
    }
    const { call, admission } = open()
    const { client } = await call()
    client.forwarding?.begin(200, NDJSON).break()
    assert.equal(admission.model('llama2')?.served, false)
  })

  it('learns which origins Ollama allows', async () => {
    const { call, origins } = open()
    const { client } = await call({ headers: { origin: 'https://a.example' } })
    client.forwarding?.begin(200, { 'access-control-allow-origin': 'https://a.example' }).end()
    assert.equal(
      origins.headersFor('https://a.example', 'h')['Access-Control-Allow-Origin'],
      'https://a.example',
    )
  })
})

describe('an answer of Ollama that is an error', () => {
  for (const [status, outcome] of [
    [400, 'done'],
    [404, 'done'],
    [500, 'failed'],
    [503, 'failed'],
  ] as const) {
    it(`${status} reaches the client and counts as ${outcome}`, async () => {
      const { call, released } = open()
      const { client, result } = await call()
      client.forwarding?.begin(status).send('{"error":"x"}').end()
      assert.equal(await result, String(status))
      assert.deepEqual(released, [outcome])
      assert.equal(told(house).status, status)
    })
  }
  it('in the last line of a good stream counts as failed', async () => {
    const { call, released } = open()
    const { client } = await call()
    client.forwarding?.begin(200, NDJSON).send('{"done":false}\n').send('{"error":"runner died"}\n').end()
    assert.deepEqual(released, ['failed'])
  })
})

describe('while its body arrives', () => {
  it('a client that leaves is cancelled', async () => {
    const { start, settle, finished } = open()
    const { client, result } = start({})
    await settle()
    client.leave()
    assert.equal(await result, 'client_gone')
    assert.equal(finished.length, 1)
    assert.deepEqual(told(house), {
      outcome: 'cancelled',
      reason: null,
      status: 0,
      model: null,
      waitMs: 0,
      firstByteMs: null,
      totalMs: 0,
    })
  })
  it('the deadline ends the reading', async () => {
    const { start, settle, clock } = open()
    const { result } = start({})
    await settle()
    clock.advance(9_999)
    assert.equal(await Promise.race([result, settle().then(() => 'reading')]), 'reading')
    clock.advance(1 + 250)
    assert.equal(await result, 'timeout')
    assert.equal(told(house).outcome, 'timed_out')
    assert.equal(told(house).status, 599)
  })
  it('too much of it is refused', async () => {
    const { call } = open()
    const { result } = await call({ body: 'x'.repeat(1_001) })
    assert.equal(await result, 'body_too_large')
    assert.equal(told(house).outcome, 'refused')
  })
  it('the time it takes counts, but not as waiting', async () => {
    const { start, settle, clock } = open()
    const { client, result } = start({})
    await settle()
    clock.advance(4_000)
    client.sendBody(BODY)
    await settle()
    clock.advance(6_000)
    assert.equal(await result, 'timeout')
    assert.equal(told(house).waitMs, 0)
    assert.equal(told(house).totalMs, 10_000)
  })
})

describe('a call whose time is up', () => {
  const thrown = async (request: { target?: string; body?: string }) => {
    const { relay, clock, settle } = open()
    const client = new ScriptedRequest(request)
    const result = relay.gated(client, request.target ?? '/api/chat', ANYBODY)
    await settle()
    clock.advance(10_250)
    try {
      await result
    } catch (error) {
      if (error instanceof Failure) return [error.code, error.sent, error.askedForWhole]
      throw error
    }
    throw new Error('it was answered')
  }

  it('knows whether Ollama had it, and whether it asked for the whole answer at once', async () => {
    assert.deepEqual(await thrown({}), ['timeout', false, false])
    assert.deepEqual(await thrown({ body: BODY }), ['timeout', true, false])
    const whole = BODY.replace('}]}', '}],"stream":false}')
    assert.deepEqual(await thrown({ body: whole }), ['timeout', true, true])
  })
})

describe('while it waits', () => {
  const twoCalls = async () => {
    const { call } = open()
    const first = await call()
    const second = await call()
    assert.deepEqual(house.lane(), { active: 1, queued: 1 })
    assert.equal(second.client.forwarding, undefined)
    return { first, second, ...house }
  }

  it('it gets the slot in the moment it is free', async () => {
    const { first, second, settle, clock, released } = await twoCalls()
    clock.advance(700)
    first.client.forwarding?.begin().end()
    assert.deepEqual(house.lane(), { active: 1, queued: 0 })
    await settle()
    second.client.forwarding?.begin().end()
    assert.equal(await second.result, '200')
    assert.deepEqual(released, ['done', 'done'])
    assert.equal(told(house, 1).waitMs, 700)
  })
  it('a client that leaves gives its place up at once', async () => {
    const { first, second, clock, released } = await twoCalls()
    clock.advance(300)
    second.client.leave()
    assert.deepEqual(house.lane(), { active: 1, queued: 0 })
    assert.equal(await second.result, 'cancelled')
    assert.deepEqual(told(house), {
      outcome: 'cancelled',
      reason: 'cancelled',
      status: 0,
      model: 'llama2',
      waitMs: 300,
      firstByteMs: null,
      totalMs: 300,
    })
    first.client.forwarding?.begin().end()
    assert.deepEqual(released, ['done'])
  })
  it('a client that leaves in the very moment of the grant gives the slot back', async () => {
    const { first, second, settle, released } = await twoCalls()
    first.client.forwarding?.begin().end()
    // Granted, but nothing of it has run yet.
    assert.deepEqual(house.lane(), { active: 1, queued: 0 })
    second.client.leave()
    assert.equal(await second.result, 'client_gone')
    await settle()
    assert.equal(second.client.forwarding, undefined)
    assert.deepEqual(released, ['done', 'cancelled'])
    assert.equal(house.finished.length, 2)
  })
  it('the deadline ends it, Ollama untouched', async () => {
    const { first, second, settle, clock, released } = await twoCalls()
    first.client.forwarding?.begin()
    for (let i = 0; i < 11; i++) {
      clock.advance(1_000)
      first.client.forwarding?.send('x')
      await settle()
    }
    assert.equal(await second.result, 'timeout')
    const { outcome, reason, waitMs = 0 } = told(house)
    assert.deepEqual({ outcome, reason }, { outcome: 'timed_out', reason: 'timeout' })
    assert.ok(waitMs >= 10_000 && waitMs <= 10_250, `${waitMs}`)
    assert.equal(second.client.forwarding, undefined)
    first.client.forwarding?.end()
    assert.deepEqual(released, ['done'])
  })
  it('a shutdown refuses it and lets the running one finish', async () => {
    const { first, second, released } = await twoCalls()
    house.admission.close()
    assert.equal(await second.result, 'shutting_down')
    assert.equal(told(house).outcome, 'refused')
    assert.equal(told(house).reason, 'shutting_down')
    first.client.forwarding?.begin().end()
    assert.deepEqual(released, ['done'])
  })
  it('one call too many is refused at once', async () => {
    const { call } = open({ queue: 0 })
    const first = await call()
    const second = await call()
    assert.equal(await second.result, 'queue_full')
    assert.deepEqual(told(house), {
      outcome: 'refused',
      reason: 'queue_full',
      status: 599,
      model: 'llama2',
      waitMs: 0,
      firstByteMs: null,
      totalMs: 0,
    })
    first.client.forwarding?.begin().end()
  })
})

describe('before Ollama answers', () => {
  it('a client that leaves frees its slot and cuts Ollama off', async () => {
    const { call, released, answers } = open()
    const { client, result } = await call()
    client.leave()
    assert.deepEqual(released, ['cancelled'])
    assert.equal(client.forwarding?.cut, true)
    assert.equal(await result, 'client_gone')
    assert.equal(told(house).outcome, 'cancelled')
    assert.equal(told(house).status, 0)
    assert.deepEqual(answers, [])
  })
  it('the deadline frees its slot and cuts Ollama off', async () => {
    const { call, released, clock } = open()
    const { client, result } = await call()
    clock.advance(10_250)
    assert.deepEqual(released, ['timed_out'])
    assert.equal(client.forwarding?.cut, true)
    assert.equal(await result, 'timeout')
    assert.equal(told(house).outcome, 'timed_out')
    assert.equal(told(house).firstByteMs, null)
  })
  it('a break is a failure, and Ollama is known to be away', async () => {
    const { call, released, answers } = open()
    const { client, result } = await call()
    client.forwarding?.break()
    assert.equal(await result, 'upstream_error')
    assert.deepEqual(released, ['failed'])
    assert.deepEqual(answers, [false])
    assert.equal(told(house).outcome, 'failed')
    assert.equal(told(house).status, 599)
  })
  it('a break whose client leaves before it hears of it is told without a status', async () => {
    const { call } = open()
    const { client, result } = await call()
    client.forwarding?.break()
    client.leave()
    assert.equal(await result, 'upstream_error')
    assert.equal(told(house).status, 0)
  })
})

describe('while the answer streams', () => {
  const streaming = async (headers: Record<string, string> = NDJSON) => {
    const { call, ...rest } = open()
    const { client, result } = await call()
    house.clock.advance(100)
    client.forwarding?.begin(200, headers)
    assert.equal(await result, '200')
    return { client, ...rest }
  }

  it('a client that leaves frees its slot and cuts Ollama off', async () => {
    const { client, released, finished } = await streaming()
    client.forwarding?.send('{"done":false}\n')
    client.leave()
    assert.deepEqual(released, ['cancelled'])
    assert.equal(client.forwarding?.cut, true)
    assert.equal(finished.length, 1)
    assert.deepEqual(told(house), {
      outcome: 'cancelled',
      reason: null,
      status: 200,
      model: 'llama2',
      waitMs: 0,
      firstByteMs: 100,
      totalMs: 100,
    })
  })
  it('a break is told in its last line', async () => {
    const { client, released } = await streaming()
    client.forwarding?.send('{"done":false}\n{"do')
    client.forwarding?.break()
    assert.equal(client.forwarding?.text, '{"done":false}\n{"do\nbroken')
    assert.deepEqual(released, ['failed'])
    assert.equal(told(house).outcome, 'failed')
  })
  it('a break before the first line is told in the first, with no empty one before it', async () => {
    const { client } = await streaming()
    client.forwarding?.break()
    assert.equal(client.forwarding?.text, 'broken')
  })
  it('where nothing can be said nothing is', async () => {
    const { client } = await streaming({})
    client.forwarding?.send('{')
    client.forwarding?.break()
    assert.equal(client.forwarding?.text, '{')
  })
  it('silence for too long ends it, any byte puts that off, the first deadline counts no more', async () => {
    const { client, released, clock } = await streaming()
    for (let i = 0; i < 20; i++) {
      clock.advance(1_900)
      client.forwarding?.send('x\n')
    }
    assert.deepEqual(released, [])
    clock.advance(2_000 + 250)
    assert.deepEqual(released, ['timed_out'])
    assert.equal(client.forwarding?.text.slice(-6), 'x\nidle')
    assert.equal(told(house).outcome, 'timed_out')
    assert.equal(told(house).status, 200)
  })
  it('silence is no matter when that is switched off', async () => {
    const { call, clock, released } = open({ streamIdleTimeoutMs: 0 })
    const { client } = await call()
    client.forwarding?.begin(200, NDJSON)
    clock.advance(1e9)
    assert.deepEqual(released, [])
    client.forwarding?.end()
  })
  it('only the first end counts', async () => {
    const { client, released, finished } = await streaming()
    client.forwarding?.end()
    client.forwarding?.break()
    client.leave()
    house.clock.advance(1e6)
    assert.deepEqual(released, ['done'])
    assert.equal(finished.length, 1)
  })
})

describe('a call that takes no slot', () => {
  for (const [what, body] of Object.entries({
    'names no model': '{}',
    unloads: '{"model":"llama2","keep_alive":0}',
    'loads and does nothing else': '{"model":"llama2"}',
  })) {
    it(`because it ${what} goes past a full house`, async () => {
      const { call, released } = open({ queue: 0 })
      const busy = await call()
      const { client, result } = await call({ body })
      client.forwarding?.begin().end()
      assert.equal(await result, '200')
      assert.deepEqual(released, [])
      assert.deepEqual(house.lane(), { active: 1, queued: 0 })
      assert.equal(house.finished.length, 1)
      busy.client.forwarding?.begin().end()
    })
  }
  it('has the same deadline', async () => {
    const { call, clock } = open()
    const { client, result } = await call({ body: '{}' })
    clock.advance(10_250)
    assert.equal(await result, 'timeout')
    assert.equal(client.forwarding?.cut, true)
  })
  it('has it too when its body takes longer than that to decode, and is not sent then', async () => {
    const { call, clock, settle } = open({ maxBodyBytes: 2e6 })
    const target = '/v1/responses'
    const headers = { 'content-encoding': 'zstd' }
    const { client, result } = await call({ target, headers, body: longFrame('{}') })
    clock.advance(10_250)
    await settle()
    assert.equal(await Promise.race([result, settle().then(() => 'still there')]), 'timeout')
    assert.equal(client.forwarding, undefined)
  })
  it('is over when its client leaves, at any stage', async () => {
    const { call, finished } = open()
    const before = await call({ body: '{}' })
    before.client.leave()
    assert.equal(await before.result, 'client_gone')
    const after = await call({ body: '{}' })
    after.client.forwarding?.begin()
    after.client.leave()
    assert.deepEqual(
      finished.map(({ outcome, status }) => [outcome, status]),
      [
        ['cancelled', 0],
        ['cancelled', 200],
      ],
    )
  })
})

describe('what is not gated', () => {
  it('streams its own body, takes no slot, has no deadline and is not told', async () => {
    const { relay, clock, finished, answers } = open({ parallel: 1, queue: 0 })
    const client = new ScriptedRequest({ method: 'GET', target: '/api/tags' })
    const answer = relay.passThrough(client, ANYBODY)
    assert.equal(client.forwarding?.sent, undefined)
    clock.advance(1e7)
    client.forwarding?.begin(200, NDJSON)
    assert.equal((await answer).status, 200)
    clock.advance(1e7)
    client.forwarding?.send('{')
    client.forwarding?.break()
    assert.equal(client.forwarding?.text, '{')
    assert.deepEqual(finished, [])
    assert.deepEqual(answers, [true])
  })
  it('tells when Ollama is away, not when a client is', async () => {
    const { relay, answers } = open()
    const broken = new ScriptedRequest({ target: '/api/tags' })
    const first = relay.passThrough(broken, ANYBODY)
    broken.forwarding?.break()
    await assert.rejects(first, { code: 'upstream_error' })
    const left = new ScriptedRequest({ target: '/api/tags' })
    const second = relay.passThrough(left, ANYBODY)
    left.leave()
    await assert.rejects(second, { code: 'client_gone' })
    assert.deepEqual(answers, [false])
  })

  it('is told once it is over, unless its method only reads, without its query', async () => {
    const { relay, passed } = open()
    const play = (method: string, target: string) => {
      const client = new ScriptedRequest({ method, target })
      relay.passThrough(client, ANYBODY).catch(() => {})
      return client
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) play(method, '/api/tags').forwarding?.begin(200).end()
    assert.deepEqual(passed, [])

    const deleted = play('DELETE', '/api/delete?key=secret')
    deleted.forwarding?.begin(404)
    assert.deepEqual(passed, [])
    deleted.forwarding?.end()
    play('POST', '/api/pull').forwarding?.begin(200).break()
    play('POST', '/v2/unheard-of').forwarding?.break()
    play('POST', '/api/blobs/sha256:1').forwarding?.abort(new Failure('body_stalled'))
    play('PUT', `/${'x'.repeat(10_000)}`).leave()
    const who = { client: '192.0.2.7', caller: 'everybody' }
    assert.deepEqual(passed, [
      { ...who, method: 'DELETE', path: '/api/delete', status: 404, ending: 'done' },
      { ...who, method: 'POST', path: '/api/pull', status: 200, ending: 'broken' },
      { ...who, method: 'POST', path: '/v2/unheard-of', status: 599, ending: 'broken' },
      { ...who, method: 'POST', path: '/api/blobs/sha256:1', status: 599, ending: 'aborted' },
      { ...who, method: 'PUT', path: `/${'x'.repeat(255)}`, status: 0, ending: 'client_gone' },
    ])
  })
})
