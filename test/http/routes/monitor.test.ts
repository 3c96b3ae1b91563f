import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import type { Monitor } from '../../../src/http/services.ts'
import { EndedCalls } from '../../../src/telemetry/ended-calls.ts'
import { TurnHistory } from '../../../src/telemetry/turn-history.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { aLeave, aLoad } from '../../telemetry/support/turns.ts'
import { appHarness, type Change } from '../support/app-harness.ts'

const PAGES = [
  '/queue/requests',
  '/queue/history',
  '/queue/events',
  '/queue/alerts',
  '/metrics',
  '/dashboard',
  '/queue/ticket/x',
]
const ACTS = ['/admin/queue/cancel', '/admin/queue/pause', '/admin/queue/resume']

/** A surface with all that a process can show, and what was done through it. */
function aMonitored(change: Change = {}) {
  const done: string[] = []
  const alerts = { fail: false }
  const turns = new TurnHistory(new ManualClock(Date.UTC(2026, 0, 1)))
  const monitor: Monitor = {
    calls: {
      live: () => [],
      find: () => undefined,
      cancel: (id) => {
        done.push(`cancel ${id}`)
        return undefined
      },
    },
    ended: new EndedCalls(new ManualClock()),
    pause: (model, paused) => {
      done.push(`${paused ? 'pause' : 'resume'} ${model}`)
      return [{ model }]
    },
    history: {
      page: () => ({ interval_seconds: 5, samples: [] }),
      window: () => ({
        seconds: 60,
        arrived: 0,
        rejection_rate_percent: 0,
        avg_wait_seconds: 0,
        queue_depth_percent: 0,
        tokens_per_second: 0,
      }),
    },
    turns,
    alerts: {
      page: () => {
        if (alerts.fail) throw new Error('no alerts')
        return { alerts: [] }
      },
      brief: () => [],
    },
    metrics: async () => ({ contentType: 'text/plain', text: 'up 1\n' }),
    dashboard: () => new Response('page'),
  }
  const surface = appHarness({ monitor, ...change })
  const act = (path: string, headers: Record<string, string> = {}, body = '{"id":"x"}') =>
    surface.app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: path.endsWith('cancel') ? body : '{}',
    })
  return { ...surface, alerts, done, act, turns }
}

describe('what shows the queue', () => {
  test('is there for everybody while the figures are on', async () => {
    const { app } = aMonitored({ peer: { address: '203.0.113.7' } })
    for (const path of PAGES) {
      const response = await app.request(path)
      assert.equal(response.status, 200, path)
      await response.body?.cancel()
    }
  })

  test('is 404 once they are off, in every spelling and by every method', async () => {
    const { app, passed, clock } = aMonitored({ config: { enable_queue_stats: false } })
    const disguised = ['/queue%2Fevents', '/queue/%72equests', '/dashboard/page.js', '/%6Detrics']
    for (const path of [...PAGES, ...disguised]) {
      const response = await app.request(path)
      assert.equal(response.status, 404, path)
      assert.match(await response.text(), /^\{"error":"stats_disabled"/, path)
      for (const method of ['HEAD', 'POST', 'OPTIONS'])
        assert.equal((await app.request(path, { method })).status, 404, `${method} ${path}`)
    }
    assert.deepEqual([passed, clock.pending], [[], 0])
  })

  test('is never passed on to Ollama, whatever the method', async () => {
    const { app, passed } = aMonitored()
    for (const path of [...PAGES, ...ACTS]) {
      const method = ACTS.includes(path) ? 'GET' : 'POST'
      assert.equal((await app.request(path, { method })).status, 405, path)
    }
    assert.deepEqual(passed, [])
  })

  test('has a head for the events, for which nobody is taken for a listener', async () => {
    const { app, clock } = aMonitored()
    const response = await app.request('/queue/events', { method: 'HEAD' })
    assert.deepEqual(
      [response.status, response.body, response.headers.get('content-type'), clock.pending],
      [200, null, 'text/event-stream', 0],
    )
  })

  test('reports a page that fails, and tells the events all the others', async () => {
    const { app, alerts, reported } = aMonitored()
    alerts.fail = true
    const response = await app.request('/queue/events')
    const reader = response.body?.getReader()
    await reader?.read()
    const { value } = (await reader?.read()) ?? {}
    const events = new TextDecoder().decode(value).match(/^event: \w+/gm)
    assert.deepEqual(events, [
      ...['event: stats', 'event: requests', 'event: health', 'event: turns', 'event: sample'],
    ])
    assert.deepEqual(reported.map(String), ['Error: no alerts'])
    await reader?.cancel()
  })
})

describe('the turns', () => {
  test('are in the history, in the order of their beginning', async () => {
    const { app, turns } = aMonitored()
    turns.loaded(aLoad('a', 0))
    turns.loaded(aLoad('b', 0))
    turns.left(aLeave('a', 0))
    const page = await (await app.request('/queue/history')).json()
    const shown = page.turns.map(({ names, leave_reason }: Record<string, unknown>) => [names, leave_reason])
    assert.deepEqual(shown, [
      [['a'], 'evicted'],
      [['b'], null],
    ])
  })

  test('are an event of their own, the last change last', async () => {
    const { app, turns } = aMonitored()
    turns.loaded(aLoad('a', 0))
    turns.loaded(aLoad('b', 0))
    turns.left(aLeave('a', 0))
    const reader = (await app.request('/queue/events')).body?.getReader()
    await reader?.read()
    const { value } = (await reader?.read()) ?? {}
    const [, data = ''] = /^event: turns\ndata: (.*)$/m.exec(new TextDecoder().decode(value)) ?? []
    const page = JSON.parse(data)
    assert.deepEqual(
      page.turns.map(({ number }: { number: number }) => number),
      [2, 1],
    )
    await reader?.cancel()
  })
})

describe('who may act on calls', () => {
  const everyAct = async (change: Change, headers: Record<string, string> = {}) => {
    const { act, done } = aMonitored(change)
    const statuses = []
    for (const path of ACTS) statuses.push((await act(path, headers)).status)
    return { statuses, done }
  }
  const all = (status: number) => ACTS.map(() => status)

  test('sits at this machine', async () => {
    const { statuses, done } = await everyAct({})
    assert.deepEqual(statuses, [404, 200, 200])
    assert.deepEqual(done, ['cancel x', 'pause *', 'resume *'])
  })

  const STRANGERS: readonly (readonly [who: string, change: Change, headers: Record<string, string>])[] = [
    ['one from elsewhere', { peer: { address: '203.0.113.7' } }, {}],
    ['one behind a proxy on this machine', {}, { 'x-forwarded-for': '203.0.113.7' }],
    ['a page of another site', {}, { origin: 'https://evil.example', host: 'localhost:8080' }],
    ['a page without an origin', {}, { origin: 'null', host: 'localhost:8080' }],
    [
      'a page that points a name of its own at us',
      {},
      { origin: 'http://evil.example:8080', host: 'evil.example:8080' },
    ],
    ['one with another token', { config: { admin_token: 'secret' } }, { authorization: 'Bearer guess' }],
  ]
  for (const [who, change, headers] of STRANGERS) {
    test(`is not ${who}`, async () => {
      assert.deepEqual(await everyAct(change, headers), { statuses: all(403), done: [] })
    })
  }

  test('shows the token where there is one, even at this machine', async () => {
    const withToken = { config: { admin_token: 'secret' } }
    assert.deepEqual(await everyAct(withToken), { statuses: all(401), done: [] })
    const { statuses } = await everyAct(withToken, { authorization: 'Bearer secret' })
    assert.deepEqual(statuses, [404, 200, 200])
  })

  test('says that it is JSON, which a form of another site cannot', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      assert.deepEqual(await everyAct({}, { 'content-type': type }), { statuses: all(400), done: [] })
  })

  test('names one call, as text and alone', async () => {
    for (const body of ['{}', '{"id":""}', '{"id":7}', '{"id":["x"]}', '{"id":"x","all":true}', '[]', '']) {
      const { act, done } = aMonitored()
      const response = await act('/admin/queue/cancel', {}, body)
      assert.deepEqual([response.status, done], [400, []], body)
    }
  })
})
