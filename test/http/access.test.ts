import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Context } from 'hono'
import { Hono } from 'hono'
import type { Key } from '../../src/callers/caller.ts'
import { Access, type AccessSettings } from '../../src/http/access.ts'
import { HttpProblem } from '../../src/http/problem.ts'
import type { RouteUse } from '../../src/ollama/route-use.ts'
import { ADDRESS, aKey, anIdentity, aRequest, hashed } from '../callers/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { appHarness } from './support/app-harness.ts'

const [SECRET, OPS] = ['sk-alice', 'sk-ops']
const KEYS: readonly Key[] = [
  aKey('alice', { hash: hashed(SECRET), models: ['llama3.2'] }),
  aKey('ops', { hash: hashed(OPS), may: new Set(['manage']) }),
  aKey('eyes', { hash: hashed('sk-eyes'), may: new Set(['view']) }),
]
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

/** `at`: this machine, or an address elsewhere. */
function house(settings: Partial<AccessSettings> = {}, at = ADDRESS) {
  const clock = new ManualClock()
  const logged: object[] = []
  const given: AccessSettings = { auth: 'enforce', manage: 'local', forward_identity: false, ...settings }
  const access = new Access({
    clock,
    log: { warn: (message, fields) => void logged.push({ message, ...fields }) },
    settings: () => given,
    identity: anIdentity(given.auth === 'off' ? [] : KEYS, { keysOnly: given.auth !== 'off' }, { clock }),
    hostname: 'workshop',
    peer: () => ({ address: at, port: 8080, httpVersion: '1.1' }),
    isAdmin: () => false,
  })
  /** `alice`, or the code of the refusal. */
  const ask = async (use: RouteUse, headers: Readonly<Record<string, string>> = {}) => {
    let result = ''
    const app = new Hono().all('*', async (c: Context) => {
      try {
        const requester = await access.requesterOf(c, aRequest(headers, { clientAddress: at }), use)
        result = requester.caller.id
      } catch (error) {
        if (!(error instanceof HttpProblem)) throw error
        result = error.code
      }
      return c.body(null)
    })
    await app.request('/api/pull', { headers: { host: 'localhost:8080', ...headers } })
    return result
  }
  return { access, ask, clock, logged }
}

describe('auth: enforce', () => {
  it('serves a key, and nobody without one', async () => {
    const { ask } = house()
    assert.equal(await ask('infer', bearer(SECRET)), 'alice')
    assert.equal(await ask('infer'), 'invalid_api_key')
    assert.equal(await ask('read'), 'invalid_api_key')
    assert.equal(await ask('infer', bearer('sk-alicE')), 'invalid_api_key')
  })

  it('leaves open what everybody may know, also to a wrong key', async () => {
    const { ask } = house()
    assert.equal(await ask('open'), ADDRESS)
    assert.equal(await ask('open', bearer('wrong')), ADDRESS)
  })

  it('lets a key do what it may', async () => {
    const { ask } = house()
    assert.equal(await ask('infer', bearer(OPS)), 'use_not_allowed')
    assert.equal(await ask('manage', bearer(OPS)), 'ops')
    assert.equal(await ask('manage', bearer(SECRET)), 'route_not_allowed')
    assert.equal(await ask('read', bearer('sk-eyes')), 'eyes')
  })

  it('slows wrong credentials down, and never a right one', async () => {
    const { ask, clock } = house()
    for (let tries = 0; tries < 10; tries++) assert.equal(await ask('infer', bearer('x')), 'invalid_api_key')
    assert.equal(await ask('infer', bearer('x')), 'too_many_attempts')
    assert.equal(await ask('infer', bearer(SECRET)), 'alice')
    clock.advance(1_000)
    assert.equal(await ask('infer', bearer('x')), 'invalid_api_key')
    assert.equal(await ask('infer', bearer('x')), 'too_many_attempts')
  })

  it('does not slow down who has no key at all', async () => {
    const { ask } = house()
    for (let tries = 0; tries < 30; tries++) assert.equal(await ask('infer'), 'invalid_api_key')
  })

  it('logs a refusal once per address and minute, and nothing of a secret', async () => {
    const { access, ask, logged } = house()
    for (let tries = 0; tries < 5; tries++) await ask('infer', bearer('sk-secret'))
    access.stop()
    assert.deepEqual(logged, [
      {
        message: 'request refused',
        client: ADDRESS,
        reason: 'wrong_key',
        path: '/api/pull',
        auth: 'enforce',
      },
      { message: 'more requests refused', client: ADDRESS, count: 4 },
    ])
    assert.deepEqual(access.refused, { wrong_key: 5 })
  })
})

describe('auth: observe', () => {
  it('serves everybody, and counts who would be refused and why', async () => {
    const { access, ask } = house({ auth: 'observe' })
    assert.equal(await ask('infer'), ADDRESS)
    assert.equal(await ask('infer', bearer('wrong')), ADDRESS)
    assert.equal(await ask('infer', bearer(OPS)), 'ops')
    assert.equal(await ask('infer', bearer(SECRET)), 'alice')
    assert.deepEqual(access.refused, { no_key: 1, wrong_key: 1, use_not_allowed: 1 })
  })

  it('counts a call that the caller may not have, and lets it pass', () => {
    const { access } = house({ auth: 'observe' })
    assert.equal(access.refusesCall('model_not_allowed'), false)
    assert.deepEqual(access.refused, { model_not_allowed: 1 })
    assert.equal(house().access.refusesCall('insufficient_quota'), true)
  })

  it('closes management all the same', async () => {
    assert.equal(await house({ auth: 'observe' }).ask('manage', bearer(SECRET)), 'route_not_allowed')
    assert.equal(await house({ auth: 'observe' }).ask('manage'), 'route_not_allowed')
  })
})

describe('manage', () => {
  const HERE = '127.0.0.1'

  it('local is for this machine without a proxy in between, with a key or without', async () => {
    for (const auth of ['off', 'observe', 'enforce'] as const) {
      assert.equal(await house({ auth }, HERE).ask('manage'), HERE, auth)
      const through = { 'x-forwarded-for': '203.0.113.7' }
      assert.notEqual(await house({ auth }, HERE).ask('manage', through), HERE, auth)
    }
    assert.equal(await house({}, HERE).ask('manage', bearer(SECRET)), 'alice')
    assert.equal(await house({}, HERE).ask('manage', bearer('wrong')), 'invalid_api_key')
    assert.equal(await house({ auth: 'off' }).ask('manage'), 'route_not_allowed')
  })

  it('keys is for keys that may manage, and for nobody else', async () => {
    const settings = { manage: 'keys' } as const
    assert.equal(await house(settings, HERE).ask('manage'), 'invalid_api_key')
    assert.equal(await house(settings, HERE).ask('manage', bearer(SECRET)), 'route_not_allowed')
    assert.equal(await house(settings).ask('manage', bearer(OPS)), 'ops')
    assert.equal(await house({ ...settings, auth: 'off' }, HERE).ask('manage'), 'route_not_allowed')
  })

  it('open is for everybody who may call', async () => {
    assert.equal(await house({ manage: 'open' }).ask('manage', bearer(SECRET)), 'alice')
    assert.equal(await house({ manage: 'open' }).ask('manage'), 'invalid_api_key')
    assert.equal(await house({ manage: 'open', auth: 'off' }).ask('manage'), ADDRESS)
  })
})

describe('what Ollama gets of a request', () => {
  const withheldOf = async (settings: Partial<AccessSettings>, use: RouteUse = 'infer') => {
    const { access } = house(settings)
    const requester = await access.requesterOf({} as Context, aRequest(bearer(SECRET)), use)
    return requester.withheld
  }

  it('are all headers while auth is off', async () => {
    assert.equal(await withheldOf({ auth: 'off' }), undefined)
  })

  it('are no credentials and no persons while auth is on', async () => {
    for (const use of ['infer', 'open'] as const) {
      const withheld = await withheldOf({}, use)
      for (const name of ['authorization', 'x-api-key', 'api-key', 'x-openwebui-user-email'])
        assert.equal(withheld?.(name), true, name)
      for (const name of ['x-api-keys', 'accept', 'openwebui']) assert.equal(withheld?.(name), false, name)
    }
  })

  it('are not the address that tells a caller', async () => {
    const { access } = house({ manage: 'open' })
    const plain = await access.requesterOf({} as Context, aRequest({}), 'open')
    assert.equal(plain.withheld?.('x-forwarded-for'), true)
    assert.equal((await withheldOf({}))?.('x-forwarded-for'), false)
  })

  it('are the persons too with forward_identity', async () => {
    const withheld = await withheldOf({ forward_identity: true })
    assert.equal(withheld?.('x-openwebui-user-id'), false)
    assert.equal(withheld?.('x-api-key'), true)
  })
})

describe('the pages of the proxy', () => {
  const elsewhere = { keys: KEYS, peer: { address: ADDRESS } }
  const PAGES = ['/queue/stats', '/queue/memory', '/config']
  const statusOf = async (app: ReturnType<typeof appHarness>['app'], path: string, headers = {}) =>
    (await app.request(path, { headers })).status

  it('need a key that may view or manage, or this machine', async () => {
    const { app } = appHarness(elsewhere)
    for (const path of PAGES) {
      assert.equal(await statusOf(app, path), 401, path)
      assert.equal(await statusOf(app, path, bearer(SECRET)), 403, path)
      assert.equal(await statusOf(app, path, bearer('sk-eyes')), 200, path)
      assert.equal(await statusOf(app, path, bearer(OPS)), 200, path)
      assert.equal(await statusOf(appHarness({ keys: KEYS }).app, path), 200, path)
    }
  })

  it('are open to the admin token', async () => {
    const { app } = appHarness({ ...elsewhere, config: { admin_token: 'the-token' } })
    assert.equal(await statusOf(app, '/queue/stats', bearer('the-token')), 200)
    assert.equal(await statusOf(app, '/queue/stats', bearer('another')), 401)
  })

  it('leave health open, and all of them where there are no keys', async () => {
    for (const path of ['/health', '/health/live', '/health/ready'])
      assert.equal(await statusOf(appHarness(elsewhere).app, path), 200, path)
    for (const path of PAGES)
      assert.equal(await statusOf(appHarness({ peer: { address: ADDRESS } }).app, path), 200, path)
  })
})
