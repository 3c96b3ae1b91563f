import assert from 'node:assert/strict'
import test from 'node:test'
import { type Caller, type Key, NO_LIMITS } from '../../../src/callers/caller.ts'
import { HttpProblem } from '../../../src/http/problem.ts'
import type { CallerPages, Monitor, OwnCaller } from '../../../src/http/services.ts'
import type { LiveCall } from '../../../src/relay/live-call.ts'
import { EndedCalls } from '../../../src/telemetry/ended-calls.ts'
import { TurnHistory } from '../../../src/telemetry/turn-history.ts'
import { aCall as aWanted } from '../../admission/support/builders.ts'
import { Description } from '../../conformance/description.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { appHarness, type Change } from '../support/app-harness.ts'

const MIDNIGHT = Date.UTC(2026, 10, 23)
const MONTH_END = Date.UTC(2026, 11, 1)

const USE = {
  day: { slotSeconds: 12.345, tokens: 10, resetsAt: MIDNIGHT },
  month: { slotSeconds: 45.6, tokens: 20, resetsAt: MONTH_END },
}

const OPEN_WEBUI: Key = {
  name: 'open-webui',
  address: [],
  models: ['llama3.2', 'qwen3*'],
  may: new Set(['infer', 'manage']),
  class: 'interactive',
  maxClass: 'interactive',
  limits: { parallel: 4, queue: Number.POSITIVE_INFINITY, weight: 2.5 },
  slotSeconds: { day: 7_200 },
  tokens: { month: 1_000 },
  users: 'open-webui',
  notify: false,
}

const known: Caller = { id: OPEN_WEBUI.name, key: OPEN_WEBUI, limits: OPEN_WEBUI.limits }
const stranger: Caller = { id: '192.0.2.7', key: undefined, limits: NO_LIMITS }

function aCall(id: string, caller: string, state: LiveCall['state'], user?: string): LiveCall {
  return {
    id,
    client: '192.0.2.7',
    caller,
    user,
    class: 'normal',
    path: '/api/chat',
    model: 'llama3.2',
    state,
    ticket: undefined,
    waitedMs: 0,
    runningMs: state === 'running' ? 5 : undefined,
    slots: 0,
    slotMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    chunks: 0,
  }
}

const CALLS = [
  aCall('a', 'open-webui', 'running', 'mia'),
  aCall('b', 'open-webui', 'running', 'tom'),
  aCall('c', 'open-webui', 'waiting', 'mia'),
  aCall('d', '192.0.2.7', 'running'),
  aCall('e', '192.0.2.70', 'running'),
]

/** An app in which every request comes from `own`. `listed`: how often the calls were read. */
function anApp(own: OwnCaller | HttpProblem, change: Change = {}, isMonitored = true) {
  const never = () => assert.fail('nobody asks for this')
  const read = { times: 0 }
  const monitor: Monitor = {
    calls: {
      live() {
        read.times++
        return CALLS
      },
      find: () => undefined,
      cancel: never,
    },
    ended: new EndedCalls(new ManualClock()),
    pause: never,
    history: { page: never, window: never },
    turns: new TurnHistory(new ManualClock()),
    alerts: { page: never, brief: () => [] },
    metrics: never,
    dashboard: never,
  }
  const callers: CallerPages = {
    now: never,
    auth: never,
    async me() {
      if (own instanceof HttpProblem) throw own
      return own
    },
  }
  const surface = appHarness({ ...(isMonitored && { monitor }), callers, ...change })
  const { admission, clock } = surface
  admission.configure('llama3.2', { parallel: 3 })
  for (const caller of [known, known, stranger, known])
    admission.acquire(aWanted({ model: 'llama3.2', caller, deadline: clock.now() + 60_000, bytes: 0 }))
  return { ...surface, read }
}

async function pageOf(own: OwnCaller, isMonitored = true) {
  const response = await anApp(own, {}, isMonitored).app.request('/queue/me')
  const text = await response.text()
  const header = (name: string) => response.headers.get(name)
  const head = { method: 'GET', path: '/queue/me', status: response.status, header }
  assert.deepEqual(new Description().problemsOf(head, text), [])
  assert.equal(header('cache-control'), 'no-store')
  return JSON.parse(text)
}

const ids = (page: { requests: { id: string }[] }) => page.requests.map(({ id }) => id)

test('a key learns its name, its permissions, its limits, its use and its own calls', async () => {
  const { requests, ...page } = await pageOf({ caller: known, user: undefined, use: USE })
  assert.deepEqual(page, {
    caller: 'open-webui',
    key: true,
    active: 2,
    queued: 1,
    parallel_limit: 4,
    queue_limit: null,
    slot_seconds: { today: 12.35, month: 45.6, day_budget: 7_200, month_budget: null },
    tokens: { today: 10, month: 20, day_budget: null, month_budget: 1_000 },
    user: null,
    class: 'interactive',
    max_class: 'interactive',
    weight: 2.5,
    may: ['infer', 'view', 'manage'],
    models: ['llama3.2', 'qwen3*'],
    resets_at: { day: '2026-11-23T00:00:00.000Z', month: '2026-12-01T00:00:00.000Z' },
    total: 3,
  })
  assert.deepEqual(ids({ requests }), ['a', 'b', 'c'])
})

test('a person behind a key sees the calls of this person, and the limits of the key', async () => {
  const page = await pageOf({ caller: known, user: 'mia', use: USE })
  assert.deepEqual([page.user, page.total, page.active, page.queued], ['mia', 2, 2, 1])
  assert.deepEqual(ids(page), ['a', 'c'])
  const nobody = await pageOf({ caller: known, user: 'eve', use: USE })
  assert.deepEqual([nobody.total, nobody.requests], [0, []])
})

test('where calls are in other processes, a key learns all but its list of calls', async () => {
  const own = { caller: known, user: undefined, use: USE }
  const { total: _, requests: __, ...page } = await pageOf(own)
  assert.deepEqual(await pageOf(own, false), page)
})

test('a client without a key learns its address and its own calls', async () => {
  const page = await pageOf({ caller: stranger, user: undefined, use: undefined })
  assert.deepEqual(ids(page), ['d'])
  assert.deepEqual(
    [page.caller, page.key, page.may, page.models, page.class, page.max_class, page.weight, page.resets_at],
    ['192.0.2.7', false, ['infer'], null, 'normal', 'normal', 1, null],
  )
})

test('two clients that ask at once get two pages, made from one reading of the calls', async () => {
  let asked = 0
  const { app, read } = anApp(
    { caller: known, user: undefined, use: USE },
    {
      callers: {
        now: () => assert.fail('nobody asks for this'),
        auth: () => ({ mode: 'off', refused: {} }),
        me: async () => ({ caller: asked++ % 2 === 0 ? known : stranger, user: undefined, use: undefined }),
      },
    },
  )
  const answers = await Promise.all(Array.from({ length: 40 }, () => app.request('/queue/me')))
  const pages = await Promise.all(answers.map((answer) => answer.json()))
  assert.deepEqual(
    pages.map(({ caller, total }) => [caller, total]),
    Array.from({ length: 20 }, () => [
      ['open-webui', 3],
      ['192.0.2.7', 1],
    ]).flat(),
  )
  assert.equal(read.times, 1)
})

test('a client that needs a key and has none gets 401', async () => {
  const headers = ['WWW-Authenticate', 'Bearer realm="x"']
  const { app } = anApp(new HttpProblem('invalid_api_key', { headers }))
  const response = await app.request('/queue/me')
  const header = (name: string) => response.headers.get(name)
  const head = { method: 'GET', path: '/queue/me', status: response.status, header }
  assert.equal(response.status, 401)
  assert.deepEqual(new Description().problemsOf(head, await response.text()), [])
})

test('the page is 404 with the statistics off, and where nothing is known of callers', async () => {
  const own = { caller: known, user: undefined, use: USE }
  const off = await anApp(own, { config: { enable_queue_stats: false } }).app.request('/queue/me')
  assert.deepEqual([off.status, (await off.json()).error], [404, 'stats_disabled'])
  const elsewhere = await appHarness().app.request('/queue/me')
  assert.deepEqual([elsewhere.status, (await elsewhere.json()).error], [404, 'not_found'])
  assert.equal((await anApp(own).app.request('/queue/me', { method: 'POST' })).status, 405)
})
