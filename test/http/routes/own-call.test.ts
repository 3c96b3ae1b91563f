import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Key } from '../../../src/callers/caller.ts'
import type { Monitor } from '../../../src/http/services.ts'
import type { FinishedCall } from '../../../src/relay/contract.ts'
import type { LiveCall } from '../../../src/relay/live-call.ts'
import { EndedCalls } from '../../../src/telemetry/ended-calls.ts'
import { TurnHistory } from '../../../src/telemetry/turn-history.ts'
import { aKey, hashed } from '../../callers/support/builders.ts'
import { Description } from '../../conformance/description.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { aCall } from '../../tracing/support.ts'
import { appHarness, type Change } from '../support/app-harness.ts'

const ELSEWHERE = { address: '203.0.113.7' }
const KEYS: readonly Key[] = [
  aKey('alice', { hash: hashed('sk-alice') }),
  aKey('bob', { hash: hashed('sk-bob') }),
  aKey('eyes', { hash: hashed('sk-eyes'), may: new Set(['view']) }),
  aKey('webui', { hash: hashed('sk-webui'), users: 'open-webui' }),
]

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const by = (name: string, user?: string) => ({
  ...bearer(`sk-${name}`),
  ...(user !== undefined && { 'x-openwebui-user-id': user }),
})

const description = new Description()
const NOT_FOUND = '{"error":"request_not_found","message":"No request with this id is waiting or running."}'

function liveCall(id: string, caller: string, changes: Partial<LiveCall> = {}): LiveCall {
  return {
    id,
    client: ELSEWHERE.address,
    caller,
    user: undefined,
    class: 'normal',
    path: '/api/chat',
    model: 'llama3.2',
    state: 'running',
    ticket: undefined,
    waitedMs: 1_234.5678,
    runningMs: 20,
    slots: 1,
    slotMs: 20,
    bytesIn: 50,
    bytesOut: 700,
    chunks: 7,
    ...changes,
  }
}

/** A proxy with keys, asked from elsewhere. `live`: the calls that are not over. */
function aProxy(change: Change = {}) {
  const never = () => assert.fail('nobody asks for this')
  const clock = new ManualClock()
  const ended = new EndedCalls(clock)
  const live: LiveCall[] = []
  const state = { draining: false, looks: 0 }
  const monitor: Monitor = {
    calls: {
      live() {
        state.looks++
        return live
      },
      find: (id) => live.find((call) => call.id === id),
      cancel: never,
    },
    ended,
    pause: never,
    history: { page: never, window: never },
    turns: new TurnHistory(clock),
    alerts: { page: never, brief: () => [] },
    metrics: never,
    dashboard: () => new Response('page'),
  }
  const surface = appHarness({
    clock,
    monitor,
    keys: KEYS,
    peer: ELSEWHERE,
    draining: () => state.draining,
    ...change,
  })
  const ask = async (id: string, headers: Readonly<Record<string, string>> = {}) => {
    const path = `/queue/requests/${id}`
    const response = await surface.app.request(path, { headers })
    const text = await response.text()
    const header = (name: string) => response.headers.get(name)
    const head = { method: 'GET', path, status: response.status, header }
    assert.deepEqual(description.problemsOf(head, text), [])
    assert.equal(header('cache-control'), 'no-store')
    return { status: response.status, text, json: JSON.parse(text) }
  }
  const end = (requestId: string, caller: string, changes: Partial<FinishedCall> = {}) =>
    ended.add(aCall({ requestId, caller, ...changes }))
  return { ...surface, ask, clock, end, ended, live, state }
}

describe('a caller that asks for its call', () => {
  test('is told of a call that came after the list of calls was made, and nobody else is', async () => {
    const { ask, live, state } = aProxy()
    assert.equal((await ask('a-1', by('alice'))).status, 404)
    live.push(liveCall('a-1', 'alice', { state: 'waiting', runningMs: undefined }))
    assert.deepEqual([state.looks, (await ask('a-1', by('bob'))).status], [1, 404])
    const { json } = await ask('a-1', by('alice'))
    assert.deepEqual([json.state, json.position, state.looks], ['waiting', null, 1])
  })

  test('is told of it as of the call in the list', async () => {
    const { app, ask, live } = aProxy()
    live.push(liveCall('a-1', 'alice'), liveCall('b-1', 'bob'))
    const { status, json } = await ask('a-1', by('alice'))
    assert.equal(status, 200)
    const { outcome, reason, status: given, total_ms, ...call } = json
    assert.deepEqual([outcome, reason, given, total_ms], [null, null, null, null])
    const listed = await (await app.request('/queue/requests', { headers: by('eyes') })).json()
    assert.deepEqual(call, listed.requests[0])
    assert.equal(call.ticket, '/queue/ticket/a-1')
    const head = await app.request('/queue/requests/a-1', { method: 'HEAD', headers: by('alice') })
    assert.deepEqual([head.status, await head.text()], [200, ''])
  })

  test('is told how the call ended', async () => {
    const { ask, end } = aProxy()
    end('a-1', 'alice', {
      model: 'llama3.2',
      outcome: 'done',
      status: 200,
      waitMs: 500.126,
      sentMs: 600,
      totalMs: 1_500.129,
      bytesIn: 10,
      bytesOut: 20,
      parts: 3,
      tokensOut: null,
    })
    const { json } = await ask('a-1', by('alice'))
    assert.deepEqual(
      [json.state, json.outcome, json.reason, json.status, json.total_ms, json.waited_ms, json.running_ms],
      ['done', 'done', null, 200, 1_500.13, 500.13, 900.13],
    )
    assert.deepEqual([json.bytes_in, json.bytes_out, json.tokens_out, json.position], [10, 20, 3, null])
    end('a-2', 'alice', { outcome: 'refused', reason: 'queue_full', status: 503, sentMs: null, parts: null })
    const refused = (await ask('a-2', by('alice'))).json
    assert.deepEqual(
      [refused.outcome, refused.reason, refused.status, refused.running_ms],
      ['refused', 'queue_full', 503, null],
    )
    end('a-4', 'alice', { outcome: 'cancelled', status: 200, lateStatus: 499 })
    assert.equal((await ask('a-4', by('alice'))).json.status, 499)
    end('a-3', 'alice', { outcome: 'cancelled', status: 0 })
    assert.equal((await ask('a-3', by('alice'))).json.status, null)
  })

  test('is told that a newer call took its place, in line and at Ollama', async () => {
    const { ask, end } = aProxy()
    end('line', 'alice', { outcome: 'cancelled', reason: 'superseded', status: 499 })
    end('sent', 'alice', { outcome: 'cancelled', reason: null, cause: 'superseded_running', status: 499 })
    for (const id of ['line', 'sent']) assert.equal((await ask(id, by('alice'))).json.reason, 'superseded')
  })

  test('is not told why Ollama could not be reached', async () => {
    const { ask, end } = aProxy()
    end('a-1', 'alice', { outcome: 'failed', status: 502, cause: 'ECONNREFUSED' })
    const { json, text } = await ask('a-1', by('alice'))
    assert.deepEqual([json.outcome, json.reason], ['failed', null])
    assert.doesNotMatch(text, /ECONN/)
  })

  test('is told of a call that ended after the list was made', async () => {
    const { ask, clock, end, live } = aProxy({ changes: () => 0 })
    live.push(liveCall('a-1', 'alice'))
    assert.equal((await ask('a-1', by('alice'))).json.state, 'running')
    clock.advance(50)
    live.length = 0
    end('a-1', 'alice')
    assert.equal((await ask('a-1', by('alice'))).json.state, 'done')
  })

  test('is told of the newest one of several with the same id', async () => {
    const { ask, clock, end, live } = aProxy()
    end('x', 'alice', { status: 200 })
    clock.advance(1)
    end('x', 'bob', { status: 404 })
    clock.advance(200)
    live.push(liveCall('x', 'bob'))
    assert.equal((await ask('x', by('bob'))).json.state, 'running')
    assert.deepEqual((await ask('x', by('alice'))).json.status, 200)
    assert.equal((await ask('x', by('eyes'))).json.caller, 'bob')
    live.length = 0
    clock.advance(200)
    assert.equal((await ask('x', by('bob'))).json.status, 404)
  })
})

describe('a call of somebody else', () => {
  test('is answered like a call that does not exist', async () => {
    const { ask, end, live } = aProxy()
    live.push(liveCall('b-1', 'bob'))
    end('b-2', 'bob')
    for (const id of [
      'b-1',
      'b-2',
      'nothing',
      'a:b=c.d',
      'x'.repeat(5_000),
      '%25zz',
      '%00',
      'a%ffb',
      '..%25',
    ])
      for (const accept of ['application/json', 'text/event-stream']) {
        const { status, text } = await ask(id, { ...by('alice'), accept })
        assert.deepEqual([status, text], [404, NOT_FOUND], id)
      }
  })

  test('is nobody’s without a key', async () => {
    const { ask, live } = aProxy()
    live.push(liveCall('b-1', 'bob'), liveCall('c-1', ELSEWHERE.address))
    for (const id of ['b-1', 'c-1', 'nothing']) {
      assert.equal((await ask(id)).json.error, 'invalid_api_key')
      assert.equal((await ask(id, bearer('sk-wrong'))).status, 401)
    }
  })

  test('is seen by keys that may view, by the admin token and by this machine', async () => {
    const calls = [liveCall('b-1', 'bob'), liveCall('w-1', 'webui', { user: 'ann' })]
    const elsewhere = aProxy({ config: { admin_token: 'open-sesame' } })
    const here = aProxy({ peer: {} })
    for (const { live } of [elsewhere, here]) live.push(...calls)
    for (const id of ['b-1', 'w-1']) {
      assert.equal((await elsewhere.ask(id, by('eyes'))).status, 200)
      assert.equal((await elsewhere.ask(id, bearer('open-sesame'))).status, 200)
      assert.equal((await here.ask(id)).status, 200)
    }
  })

  test('is seen by everybody while keys are not enforced, as in the list of all calls', async () => {
    const { ask, end, live } = aProxy({ keys: [] })
    live.push(liveCall('b-1', '192.0.2.99'))
    end('b-2', '192.0.2.99')
    for (const id of ['b-1', 'b-2']) assert.equal((await ask(id)).status, 200)
  })

  test('of another person behind the same key is not seen either', async () => {
    const { ask, end, live } = aProxy()
    live.push(liveCall('w-1', 'webui', { user: 'ann' }), liveCall('w-2', 'webui', { user: 'tom' }))
    end('w-3', 'webui', { user: 'ann' })
    end('w-4', 'webui', { user: 'tom' })
    const seenBy = async (user?: string) => {
      const statuses = []
      for (const id of ['w-1', 'w-2', 'w-3', 'w-4']) statuses.push((await ask(id, by('webui', user))).status)
      return statuses
    }
    assert.deepEqual(await seenBy('ann'), [200, 404, 200, 404])
    assert.deepEqual(await seenBy('tom'), [404, 200, 404, 200])
    assert.deepEqual(await seenBy('eve'), [404, 404, 404, 404])
    assert.deepEqual(await seenBy(), [200, 200, 200, 200], 'the holder of the key itself')
  })
})

describe('the address of a call', () => {
  test('takes GET and HEAD alone', async () => {
    const { app, passed } = aProxy()
    for (const path of ['/queue/requests/a-1', '/queue/ticket/a-1'])
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
        const response = await app.request(path, { method })
        assert.deepEqual([response.status, response.headers.get('allow')], [405, 'GET, HEAD'], method)
      }
    assert.deepEqual(passed, [])
  })

  test('is one segment: all else is our own 404', async () => {
    const { app, passed } = aProxy()
    for (const path of [
      '/queue/requests/',
      '/queue/requests/a/b',
      '/queue/requests/a%2Fb',
      '/queue/requests/a-1/',
      '/queue/ticket',
      '/queue/ticket/',
      '/queue/ticket/a/b',
    ]) {
      const response = await app.request(path, { headers: by('alice') })
      assert.equal(
        await response.text(),
        '{"error":"not_found","message":"There is nothing at this address."}',
      )
    }
    assert.deepEqual(passed, [])
  })

  test('is switched off with the figures', async () => {
    const { app, live } = aProxy({ config: { enable_queue_stats: false } })
    live.push(liveCall('a-1', 'alice'))
    for (const path of ['/queue/requests/a-1', '/queue/ticket/a-1']) {
      const response = await app.request(path, { headers: by('alice') })
      assert.equal((await response.json()).error, 'stats_disabled')
    }
  })

  test('is not there in a process without calls', async () => {
    const { app } = appHarness()
    for (const path of ['/queue/requests/a-1', '/queue/ticket/a-1'])
      assert.equal((await (await app.request(path)).json()).error, 'not_found')
  })

  test('of the page for people needs no key', async () => {
    const { app } = aProxy()
    const response = await app.request('/queue/ticket/whatever')
    assert.deepEqual([response.status, await response.text()], [200, 'page'])
  })
})

describe('a stream of one call', () => {
  /** The events of a stream, each as text; `end` when that is all there will ever be. */
  async function follow(
    { app }: Pick<ReturnType<typeof aProxy>, 'app'>,
    id: string,
    headers: Readonly<Record<string, string>> = by('alice'),
  ) {
    const accept = 'application/json;q=0.1, text/event-stream'
    const response = await app.request(`/queue/requests/${id}`, { headers: { accept, ...headers } })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const reader = response.body?.getReader()
    const decoder = new TextDecoder()
    return {
      next: async () => {
        const { done, value } = (await reader?.read()) ?? {}
        return done ? 'end' : decoder.decode(value)
      },
      leave: () => reader?.cancel(),
    }
  }

  function told(text: string) {
    const [, data = ''] = /^event: request\ndata: (.*)\n\n$/m.exec(text) ?? []
    assert.deepEqual(description.problemsOfEvent('/queue/requests/a-1', 'request', data), [])
    const { state, tokens_out, outcome } = JSON.parse(data)
    return [state, tokens_out, outcome]
  }

  test('tells the call as it is, then what changes, at last the end', async () => {
    const proxy = aProxy()
    const { clock, end, live } = proxy
    live[0] = liveCall('a-1', 'alice', { state: 'waiting', runningMs: undefined, chunks: 0 })
    const { next } = await follow(proxy, 'a-1')
    assert.equal(await next(), 'retry: 2000\n\n')
    assert.deepEqual(told(await next()), ['waiting', 0, null])
    live[0] = liveCall('a-1', 'alice', { chunks: 5 })
    clock.advance(1_000)
    assert.deepEqual(told(await next()), ['running', 5, null])
    live.length = 0
    end('a-1', 'alice', { tokensOut: 9 })
    clock.advance(1_000)
    assert.deepEqual(told(await next()), ['done', 9, 'done'])
    assert.equal(await next(), 'end')
    assert.equal(clock.pending, 0)
  })

  test('has one event for a call that is over, and takes no room', async () => {
    const proxy = aProxy()
    proxy.end('a-1', 'alice', { outcome: 'timed_out', status: 504, tokensOut: 0 })
    const { next } = await follow(proxy, 'a-1')
    assert.deepEqual(told((await next()).replace('retry: 2000\n\n', '')), ['done', 0, 'timed_out'])
    assert.equal(await next(), 'end')
    assert.equal(proxy.clock.pending, 0)
  })

  test('has a head, for which nobody is taken for a listener', async () => {
    const { app, clock, live } = aProxy()
    live.push(liveCall('a-1', 'alice'))
    const response = await app.request('/queue/requests/a-1', {
      method: 'HEAD',
      headers: { ...by('alice'), accept: 'text/event-stream' },
    })
    assert.deepEqual([response.status, response.body, clock.pending], [200, null, 0])
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
  })

  test('goes on with its call when another caller takes the id', async () => {
    const proxy = aProxy()
    const { clock, end, live } = proxy
    live[0] = liveCall('x', 'alice')
    const [mine, all] = [await follow(proxy, 'x'), await follow(proxy, 'x', by('eyes'))]
    for (const { next } of [mine, all]) {
      await next()
      await next()
    }
    end('x', 'alice', { tokensOut: 9 })
    live[0] = liveCall('x', 'bob', { chunks: 1 })
    clock.advance(1_000)
    for (const { next } of [mine, all]) {
      assert.deepEqual(told(await next()), ['done', 9, 'done'])
      assert.equal(await next(), 'end')
    }
  })

  test('ends when others may see calls, and the client shows its key again', async () => {
    const proxy = aProxy()
    const { access, clock, live } = proxy
    live[0] = liveCall('a-1', 'alice')
    const { next } = await follow(proxy, 'a-1')
    await next()
    await next()
    access.viewersChanged()
    live[0] = liveCall('a-1', 'alice', { chunks: 9 })
    clock.advance(1_000)
    assert.equal(await next(), 'end')
    assert.equal(clock.pending, 0)
  })
})
