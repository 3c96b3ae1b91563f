import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import { type AppHarness, appHarness, type Change } from './support/app-harness.ts'

const TOKEN = 'open-sesame'
const FROM_ELSEWHERE: Change = { config: { admin_token: TOKEN }, peer: { address: '203.0.113.7' } }

const post = ({ app }: AppHarness, path: string, headers: Record<string, string> = {}, body?: object) =>
  app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
const reset = (surface: AppHarness, token?: string) =>
  post(surface, '/admin/queue/reset', token === undefined ? {} : { authorization: `Bearer ${token}` })

describe('wrong tokens', () => {
  it('are looked at ten times, and then the right one waits too', async () => {
    const surface = appHarness(FROM_ELSEWHERE)
    for (let count = 0; count < 10; count++) assert.equal((await reset(surface, 'guess')).status, 403)
    for (const token of ['guess', TOKEN, undefined]) {
      const response = await reset(surface, token)
      assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '1'])
      assert.equal(((await response.json()) as { error: string }).error, 'too_many_attempts')
    }
    surface.clock.advance(1_000)
    assert.equal((await reset(surface, TOKEN)).status, 200)
  })

  it('count beside missing ones, and right ones do not', async () => {
    const surface = appHarness(FROM_ELSEWHERE)
    for (let count = 0; count < 50; count++) assert.equal((await reset(surface, TOKEN)).status, 200)
    for (let count = 0; count < 10; count++) assert.equal((await reset(surface)).status, 401)
    assert.equal((await reset(surface, TOKEN)).status, 429)
    assert.deepEqual(surface.admin.refused, {
      no_token: 10,
      wrong_token: 0,
      not_local: 0,
      too_many_attempts: 1,
    })
  })

  it('of many at once are looked at no more than ten times', async () => {
    const surface = appHarness(FROM_ELSEWHERE)
    const statuses = (await Promise.all(Array.from({ length: 100 }, () => reset(surface, 'guess')))).map(
      ({ status }) => status,
    )
    assert.deepEqual([...statuses].sort(), [...Array(10).fill(403), ...Array(90).fill(429)])
  })

  it('that come through a proxy of this machine do not lock out who sits at it', async () => {
    const surface = appHarness({ config: { admin_token: TOKEN } })
    const forwarded = { 'x-forwarded-for': '203.0.113.7', authorization: 'Bearer guess' }
    for (let count = 0; count < 20; count++) await post(surface, '/admin/queue/reset', forwarded)
    assert.equal((await post(surface, '/admin/queue/reset', forwarded)).status, 429)
    assert.equal((await reset(surface, TOKEN)).status, 200)
  })

  it('behind a trusted proxy lock out their own address alone, whoever adds to X-Forwarded-For', async () => {
    const proxied: Change = { ...FROM_ELSEWHERE, trustedProxies: ['203.0.113.7'] }
    const surface = appHarness(proxied)
    const by = (token: string, address: string) =>
      post(surface, '/admin/queue/reset', { authorization: `Bearer ${token}`, 'x-forwarded-for': address })
    for (let count = 0; count < 20; count++) await by('guess', `198.51.100.${count}, 192.0.2.1`)
    assert.equal((await by(TOKEN, '198.51.100.99, 192.0.2.1')).status, 429)
    assert.equal((await by(TOKEN, '192.0.2.2')).status, 200)
    const clients = surface.logged.map((line) => Reflect.get(line, 'client'))
    assert.deepEqual(new Set(clients), new Set(['192.0.2.1', '203.0.113.7']))
  })

  it('are counted for the connection where nobody trusts its X-Forwarded-For', async () => {
    const surface = appHarness(FROM_ELSEWHERE)
    for (let count = 0; count < 20; count++)
      await post(surface, '/admin/queue/reset', {
        authorization: 'Bearer guess',
        'x-forwarded-for': `192.0.2.${count}`,
      })
    assert.equal((await reset(surface, TOKEN)).status, 429)
  })

  it('are equal to the right one in every character and no other way', async () => {
    for (const token of [
      'open-sesam',
      'open-sesamf',
      'pen-sesame',
      'open-sesameopen-sesame',
      'O',
      `${TOKEN}\u00e4`,
    ])
      assert.equal((await reset(appHarness(FROM_ELSEWHERE), token)).status, 403, token)
  })
})

describe('the log of admins', () => {
  it('has a line for each action: who, what and how it ended', async () => {
    const surface = appHarness({ config: { admin_token: TOKEN }, peer: { address: '203.0.113.7' } })
    const token = { authorization: `Bearer ${TOKEN}` }
    surface.run('llama2')
    await post(surface, '/admin/queue/update', token, { model: 'LLAMA2:latest', parallel_limit: 8 })
    await post(surface, '/admin/queue/update', token, { model: 'llama2', parallel_limit: 0 })
    await post(surface, '/admin/queue/reset', token)
    await post(surface, '/admin/queue/reset?model=nothing', token)
    const line = { level: 'info', message: 'admin action', client: '203.0.113.7', by: 'token' }
    assert.deepEqual(surface.logged, [
      { ...line, action: 'update', model: 'llama2', parallel_limit: 8, status: 200 },
      { ...line, action: 'update', status: 400 },
      { ...line, action: 'reset', model: '*', status: 200 },
      { ...line, action: 'reset', model: 'nothing', status: 404 },
    ])
  })

  it('says when somebody is an admin for being at this machine', async () => {
    const surface = appHarness()
    await reset(surface)
    assert.deepEqual(surface.logged, [
      {
        level: 'info',
        message: 'admin action',
        client: '127.0.0.1',
        by: 'local',
        action: 'reset',
        model: '*',
        status: 200,
      },
    ])
  })

  it('has a line for the first refusal of an address, with the reason and without the token', async () => {
    const surface = appHarness(FROM_ELSEWHERE)
    for (let count = 0; count < 30; count++)
      await post(surface, '/admin/queue/reset?secret=1', { authorization: 'Bearer gu3ss' })
    assert.deepEqual(surface.logged, [
      {
        level: 'warn',
        message: 'admin attempt refused',
        client: '203.0.113.7',
        reason: 'wrong_token',
        path: '/admin/queue/reset',
      },
    ])
  })

  it('says what a request that is not local looks like', async () => {
    const surface = appHarness()
    await post(surface, '/admin/queue/reset', { 'x-real-ip': '203.0.113.7' })
    assert.deepEqual(surface.logged, [
      {
        level: 'warn',
        message: 'admin attempt refused',
        client: '127.0.0.1',
        reason: 'not_local',
        why: 'a proxy added x-real-',
        path: '/admin/queue/reset',
      },
    ])
  })

  it('keeps a long value short', async () => {
    const surface = appHarness()
    const model = 'x'.repeat(5_000)
    await post(surface, `/admin/queue/reset?model=${model}`)
    assert.ok(JSON.stringify(surface.logged).length < 500)
  })
})

describe('who listens to the queue as an operator', () => {
  const ask = async (change: Change, headers: Record<string, string> = {}) => {
    const { admin, logged } = appHarness(change)
    const app = new Hono().get('/queue/events', (c) => c.json(admin.listener(c, false)))
    const response = await app.request('/queue/events', { headers: { host: 'localhost:8080', ...headers } })
    return { ...((await response.json()) as { address: string; operator: boolean }), logged }
  }
  const operator = async (change: Change, headers?: Record<string, string>) =>
    (await ask(change, headers)).operator

  it('shows the token where there is one', async () => {
    assert.equal(await operator(FROM_ELSEWHERE, { authorization: `Bearer ${TOKEN}` }), true)
    assert.equal(await operator(FROM_ELSEWHERE), false)
    assert.equal(await operator({ config: { admin_token: TOKEN } }), false)
  })

  it('sits at this machine where there is none', async () => {
    assert.equal(await operator({}), true)
    assert.equal(await operator({}, { 'x-forwarded-for': '203.0.113.7' }), false)
    assert.equal(await operator({ peer: { address: '203.0.113.7' } }), false)
  })

  it('is not somebody with a wrong token, which counts as an attempt', async () => {
    const { operator, logged } = await ask(FROM_ELSEWHERE, { authorization: 'Bearer guess' })
    assert.equal(operator, false)
    assert.equal(logged.length, 1)
  })

  it('is nobody to complain of without a token', async () => {
    assert.deepEqual((await ask(FROM_ELSEWHERE)).logged, [])
    assert.deepEqual((await ask({ peer: { address: '203.0.113.7' } })).logged, [])
  })

  it('is known by the address that a trusted proxy tells, and is local by the connection alone', async () => {
    const at = { trustedProxies: ['127.0.0.1'] }
    const behind = await ask(at, { 'x-forwarded-for': '203.0.113.7' })
    assert.deepEqual([behind.address, behind.operator], ['203.0.113.7', false])
    const claimed = await ask(
      { peer: { address: '192.0.2.1' }, trustedProxies: ['192.0.2.1'] },
      { 'x-forwarded-for': '127.0.0.1' },
    )
    assert.deepEqual([claimed.address, claimed.operator], ['127.0.0.1', false])
  })

  it('is known by a /64 in IPv6', async () => {
    const { address } = await ask({ peer: { address: '2001:db8:1:2:3::4' } })
    assert.equal(address, '2001:db8:1:2::/64')
  })
})
