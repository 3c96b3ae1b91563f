import assert from 'node:assert/strict'
import test from 'node:test'
import { Hono } from 'hono'
import type { CallerView } from '../../src/admission/contract.ts'
import { Budgets } from '../../src/callers/budgets.ts'
import { NO_LIMITS } from '../../src/callers/caller.ts'
import { loadConfig } from '../../src/config/load.ts'
import { callerPages } from '../../src/gate/caller-pages.ts'
import { Callers } from '../../src/gate/callers.ts'
import type { OwnCaller } from '../../src/http/services.ts'
import { processCrypto } from '../../src/runtimes/process/crypto.ts'
import { callerFigures } from '../../src/telemetry/caller-figures.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { anEndedCall, aShares } from '../telemetry/support/shares.ts'

const NOON = new Date(2026, 10, 22, 12).getTime()
const HOUR = 3_600_000

/** The secret of alice is `secret`. */
const KEYS = `
keys:
  alice:
    hash: sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
    parallel: 2
    slot_seconds: { day: 7200 }
    tokens: { month: 2000000 }
  bob: { address: 192.0.2.20 }
  idle: { address: 192.0.2.21 }
`

function configOf(text: string) {
  const { config } = loadConfig({
    flags: {},
    env: { CONFIG_FILE: 'x' },
    readFile: () => text,
    ownAddresses: [],
  })
  return config
}

/** The pages of a proxy with these calls, at noon. */
function house(text = KEYS) {
  const clock = new ManualClock(NOON)
  const budgets = new Budgets()
  const now: CallerView[] = []
  const { shares } = aShares({ clock })
  const inForce = { config: configOf(text) }
  const callers = new Callers({
    clock,
    crypto: processCrypto,
    log: { warn() {} },
    config: () => inForce.config,
    hostname: 'workshop',
    peer: () => ({ address: '192.0.2.7', port: 8080, httpVersion: '1.1' }),
    isAdmin: () => false,
    usage: { budgets, add() {} },
  })
  const pages = callerPages({
    access: callers.access,
    admission: { callers: () => now },
    budgets,
    clock,
    config: () => inForce.config,
    shares,
  })
  const use = (name: string, slotMs: number, tokens: number, at = NOON) =>
    budgets.charge({ key: { name }, slotMs, tokens, at })
  /** What a request with these headers learns of itself, or the status of the refusal. */
  const me = async (headers: Record<string, string>): Promise<OwnCaller | number> => {
    let own: OwnCaller | undefined
    const app = new Hono().get('/queue/me', async (c) => {
      own = await pages.me(c)
      return new Response()
    })
    app.onError((error) => new Response(null, { status: 'code' in error ? 401 : 500 }))
    const { status } = await app.request('/queue/me', { headers })
    return own ?? status
  }
  /** The caller has these calls now. */
  const calls = (id: string, active: number, queued = 0) =>
    now.push({ id, active, queued, limits: NO_LIMITS })
  return { calls, inForce, me, now, pages, shares, use }
}

const shown = ({ pages }: ReturnType<typeof house>) => Array.from(pages.now().callers, callerFigures)

test('a key shows its calls, its limits and what it has used of its budgets', () => {
  const surface = house()
  surface.calls('alice', 1, 1)
  surface.use('alice', 12_345.678, 10)
  surface.use('alice', 1_000, 5, NOON - 48 * HOUR)
  assert.deepEqual(shown(surface), [
    {
      caller: 'alice',
      key: true,
      active: 1,
      queued: 1,
      parallel_limit: 2,
      queue_limit: null,
      slot_seconds: { today: 12.35, month: 13.35, day_budget: 7_200, month_budget: null },
      tokens: { today: 10, month: 15, day_budget: null, month_budget: 2_000_000 },
    },
  ])
})

test('a key is there as long as it has calls or was used today, those with most calls first', () => {
  const surface = house()
  surface.use('alice', 0, 3)
  surface.use('idle', 5_000, 3, NOON - 24 * HOUR)
  surface.calls('bob', 0, 1)
  assert.deepEqual(
    shown(surface).map(({ caller }) => caller),
    ['bob', 'alice'],
  )
  surface.use('idle', 5_000, 0)
  surface.now.pop()
  assert.deepEqual(
    shown(surface).map(({ caller }) => caller),
    ['idle', 'alice'],
  )
})

test('of the callers without a key the hundred with most calls are there, without limits and use', () => {
  const surface = house('')
  for (let index = 0; index < 148; index++) surface.calls(`10.0.0.${index}`, 1)
  surface.calls('10.0.0.148', 2)
  surface.calls('10.0.0.149', 1, 1)
  const callers = shown(surface)
  const nothing = { today: null, month: null, day_budget: null, month_budget: null }
  assert.equal(callers.length, 100)
  assert.deepEqual(
    callers.slice(0, 3).map(({ caller, active, queued }) => [caller, active, queued]),
    [
      ['10.0.0.148', 2, 0],
      ['10.0.0.149', 1, 1],
      ['10.0.0.0', 1, 0],
    ],
  )
  assert.deepEqual(callers[0], {
    caller: '10.0.0.148',
    key: false,
    active: 2,
    queued: 0,
    parallel_limit: null,
    queue_limit: null,
    slot_seconds: nothing,
    tokens: nothing,
  })
})

test('a caller without calls is there while it had slot-time in the last five minutes', () => {
  const surface = house('')
  surface.shares.ended(anEndedCall({ caller: '10.0.0.1' }))
  surface.shares.ended(anEndedCall({ caller: '10.0.0.2', slotMs: 5_000 }))
  surface.calls('10.0.0.3', 0, 1)
  const callers = shown(surface)
  assert.deepEqual(
    callers.map(({ caller, active, queued }) => [caller, active, queued]),
    [
      ['10.0.0.3', 0, 1],
      ['10.0.0.2', 0, 0],
      ['10.0.0.1', 0, 0],
    ],
  )
})

test('a thousand addresses do not crowd out a key', () => {
  const surface = house()
  for (let index = 0; index < 1_000; index++) surface.calls(`10.0.${index >> 8}.${index & 255}`, 1, 1)
  surface.calls('alice', 1)
  assert.equal(shown(surface).length, 101)
  assert.equal(shown(surface).at(-1)?.caller, 'alice')
})

test('limits and budgets are those of the configuration in force', () => {
  const surface = house()
  surface.use('alice', 1_000, 0)
  surface.inForce.config = configOf(KEYS.replace('parallel: 2', 'parallel: 7').replace('7200', '99'))
  const [alice] = shown(surface)
  assert.deepEqual([alice?.parallel_limit, alice?.slot_seconds.day_budget], [7, 99])
})

test('the mode of auth is told, and how often and why requests were refused', async () => {
  const surface = house()
  assert.deepEqual(surface.pages.auth(), { mode: 'enforce', refused: {} })
  assert.equal(await surface.me({}), 401)
  assert.equal(await surface.me({ authorization: 'Bearer wrong' }), 401)
  assert.deepEqual(surface.pages.auth(), { mode: 'enforce', refused: { no_key: 1, wrong_key: 1 } })
  assert.equal(house('').pages.auth().mode, 'off')
})

test('a client learns who it is: by its key, and by its address where no key is needed', async () => {
  const surface = house()
  surface.use('alice', 2_000, 7)
  const own = await surface.me({ authorization: 'Bearer secret' })
  assert.ok(typeof own === 'object')
  assert.deepEqual([own.caller.id, own.user, own.use?.day.slotSeconds], ['alice', undefined, 2])
  assert.equal(own.use?.day.resetsAt, NOON + 12 * HOUR)
  const observed = house(`auth: observe${KEYS}`)
  const stranger = await observed.me({})
  assert.ok(typeof stranger === 'object')
  assert.deepEqual([stranger.caller.id, stranger.use], ['192.0.2.7', undefined])
  assert.deepEqual(observed.pages.auth(), { mode: 'observe', refused: { no_key: 1 } })
})
