import assert from 'node:assert/strict'
import test, { describe, it } from 'node:test'
import { LocalTicket } from '../../../src/admission/local-ticket.ts'
import { aCall } from '../../admission/support/builders.ts'
import { type AppHarness, appHarness, type Change } from '../support/app-harness.ts'

const UPDATE = '/admin/queue/update'
const RESET = '/admin/queue/reset'

function update({ app }: AppHarness, body: unknown, headers: Record<string, string> = {}) {
  return app.request(UPDATE, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

describe('update', () => {
  test('sets the limits of one model in any spelling', async () => {
    const surface = appHarness()
    const response = await update(surface, { model: 'LLAMA2:latest', parallel_limit: 8, queue_limit: 1024 })
    assert.equal(response.status, 200)
    assert.equal(
      await response.text(),
      '{"model":"llama2","parallel_limit":8,"queue_limit":1024,"status":"updated"}',
    )
    assert.deepEqual(surface.admission.model('llama2')?.lane.limits, { parallel: 8, queue: 1024 })
  })

  test('leaves alone what is left out, and takes 0 for a queue limit', async () => {
    const surface = appHarness()
    assert.equal(
      await (await update(surface, { model: 'llama2', queue_limit: 0 })).text(),
      '{"model":"llama2","parallel_limit":4,"queue_limit":0,"status":"updated"}',
    )
    assert.equal(
      await (await update(surface, { model: 'llama2', parallel_limit: 1 })).text(),
      '{"model":"llama2","parallel_limit":1,"queue_limit":0,"status":"updated"}',
    )
  })

  test('of * sets the defaults', async () => {
    const surface = appHarness()
    surface.run('mistral')
    assert.equal(
      await (await update(surface, { model: '*', parallel_limit: 2 })).text(),
      '{"model":"*","parallel_limit":2,"queue_limit":512,"status":"updated"}',
    )
    assert.deepEqual(surface.admission.model('mistral')?.lane.limits, { parallel: 2, queue: 512 })
  })

  test('that raises a limit starts who waits', async () => {
    const surface = appHarness()
    surface.admission.configure('llama2', { parallel: 1 })
    surface.run('llama2')
    const ticket = surface.admission.acquire(aCall())
    assert.ok(ticket instanceof LocalTicket && ticket.waiting)
    await update(surface, { model: 'llama2', parallel_limit: 2 })
    assert.equal(ticket.waiting, false)
  })

  const BAD: { readonly why: string; readonly body: unknown; readonly paths: readonly string[] }[] = [
    { why: 'no limit', body: { model: 'llama2' }, paths: [''] },
    { why: 'no model', body: { parallel_limit: 2 }, paths: ['model'] },
    { why: 'an unknown key', body: { model: 'llama2', parallel: 2, parallel_limit: 2 }, paths: [''] },
    { why: 'a parallel limit of 0', body: { model: 'llama2', parallel_limit: 0 }, paths: ['parallel_limit'] },
    { why: 'a negative queue limit', body: { model: 'llama2', queue_limit: -1 }, paths: ['queue_limit'] },
    { why: 'a fraction', body: { model: 'llama2', parallel_limit: 1.5 }, paths: ['parallel_limit'] },
    { why: 'a number as text', body: { model: 'llama2', parallel_limit: '8' }, paths: ['parallel_limit'] },
    {
      why: 'null',
      body: { model: 'llama2', parallel_limit: null, queue_limit: 3 },
      paths: ['parallel_limit'],
    },
    { why: 'a huge number', body: '{"model":"llama2","parallel_limit":1e300}', paths: ['parallel_limit'] },
    {
      why: 'more slots than anybody has',
      body: '{"model":"llama2","parallel_limit":9007199254740991}',
      paths: ['parallel_limit'],
    },
    {
      why: 'a line of a million and one',
      body: { model: '*', queue_limit: 1_000_001 },
      paths: ['queue_limit'],
    },
    { why: 'a model that is no name', body: { model: '../etc', parallel_limit: 2 }, paths: ['model'] },
    { why: 'an empty model', body: { model: '', parallel_limit: 2 }, paths: ['model'] },
    { why: 'a model that is a list', body: { model: ['a'], parallel_limit: 2 }, paths: ['model'] },
    {
      why: 'several mistakes',
      body: { model: 3, parallel_limit: 0, queue_limit: 'x' },
      paths: ['model', 'parallel_limit', 'queue_limit'],
    },
    { why: 'a list', body: [], paths: [''] },
    { why: 'null for a body', body: 'null', paths: [''] },
    { why: 'an empty body', body: '', paths: [''] },
    { why: 'broken JSON', body: '{"model":"llama2",', paths: [''] },
  ]
  for (const { why, body, paths } of BAD) {
    test(`with ${why} is 400, names the place and changes nothing`, async () => {
      const surface = appHarness()
      const response = await update(surface, body)
      assert.equal(response.status, 400)
      const answer = (await response.json()) as { error: string; issues: { path: string; message: string }[] }
      assert.deepEqual(Object.keys(answer), ['error', 'message', 'issues'])
      assert.equal(answer.error, 'invalid_request')
      assert.deepEqual(
        answer.issues.map(({ path }) => path),
        paths,
      )
      assert.ok(answer.issues.every(({ message }) => message.length > 0))
      assert.deepEqual([...surface.admission.lanes()], [])
      assert.deepEqual(surface.admission.defaults, { parallel: 4, queue: 512 })
      assert.deepEqual(surface.reported, [])
    })
  }

  test('must say that it is JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      const response = await update(
        appHarness(),
        { model: 'llama2', parallel_limit: 2 },
        { 'content-type': type },
      )
      assert.equal(response.status, 400)
      assert.equal(
        await response.text(),
        '{"error":"invalid_request","message":"The request is not valid.","issues":[{"path":"","message":"Expected Content-Type: application/json"}]}',
      )
    }
    const said = { 'content-type': 'Application/JSON; charset=utf-8' }
    assert.equal((await update(appHarness(), { model: 'llama2', parallel_limit: 2 }, said)).status, 200)
  })

  test('is cut off beyond 64 KiB, whether its length is told or not', async () => {
    const body = JSON.stringify({ model: 'x'.repeat(70_000), parallel_limit: 2 })
    for (const headers of [{}, { 'content-length': String(body.length) }]) {
      const response = await update(appHarness(), body, headers)
      assert.equal(response.status, 413)
      assert.match(await response.text(), /^\{"error":"body_too_large"/)
    }
  })
})

describe('reset', () => {
  const counted = async (surface: AppHarness, model: string) => {
    const response = await surface.app.request(`/queue/stats?model=${model}`)
    return ((await response.json()) as { total_processed: number }).total_processed
  }
  function aUsedSurface(): AppHarness {
    const surface = appHarness()
    for (const model of ['llama2', 'mistral:7b']) surface.run(model).release('done', surface.clock.now())
    surface.run('llama2')
    return surface
  }

  test('zeroes the figures of every model and touches no slot', async () => {
    const surface = aUsedSurface()
    const response = await surface.app.request(RESET, { method: 'POST' })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '{"status":"reset","models":["llama2","mistral:7b"]}')
    assert.equal(await counted(surface, 'llama2'), 0)
    assert.equal(await counted(surface, 'mistral:7b'), 0)
    assert.equal(surface.admission.model('llama2')?.lane.active, 1)
  })

  test('zeroes one model under any spelling of its name', async () => {
    const surface = aUsedSurface()
    const response = await surface.app.request(`${RESET}?model=MISTRAL:7b`, { method: 'POST' })
    assert.equal(await response.text(), '{"status":"reset","models":["mistral:7b"]}')
    assert.equal(await counted(surface, 'llama2'), 1)
    assert.equal(await counted(surface, 'mistral:7b'), 0)
  })

  test('of an unknown model is 404 and resets nothing', async () => {
    const surface = aUsedSurface()
    for (const name of ['llama3', '', '*']) {
      const response = await surface.app.request(`${RESET}?model=${name}`, { method: 'POST' })
      assert.equal(response.status, 404)
      assert.match(
        await response.text(),
        /^\{"error":"model_not_found",.*"available_models":\["llama2","mistral:7b"\]\}$/,
      )
    }
    assert.equal(await counted(surface, 'llama2'), 1)
  })

  test('with a misspelt or repeated parameter is 400 and resets nothing', async () => {
    const surface = aUsedSurface()
    for (const query of ['modle=llama2', 'model=llama2&model=mistral:7b']) {
      const response = await surface.app.request(`${RESET}?${query}`, { method: 'POST' })
      assert.equal(response.status, 400)
      assert.match(await response.text(), /^\{"error":"invalid_request","message":".*","issues":\[\{"path":/)
    }
    assert.equal(await counted(surface, 'llama2'), 1)
  })
})

describe('who may', () => {
  const ask = async (change: Change, headers: Record<string, string> = {}) => {
    const surface = appHarness(change)
    const response = await surface.app.request(RESET, { method: 'POST', headers })
    return { status: response.status, body: await response.text(), headers: response.headers }
  }
  const withToken = { config: { admin_token: 'open-sesame' }, peer: { address: '203.0.113.7' } }

  test('holds the token, wherever it comes from', async () => {
    assert.equal((await ask(withToken, { authorization: 'Bearer open-sesame' })).status, 200)
    assert.equal((await ask(withToken, { authorization: 'bearer  open-sesame' })).status, 200)
  })

  test('is 401 and told how when no token is shown, even from this machine', async () => {
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: 'Basic b3Blbg==' },
      { authorization: 'Bearer' },
    ]) {
      const {
        status,
        body,
        headers: answered,
      } = await ask({ ...withToken, peer: { address: '127.0.0.1' } }, headers)
      assert.equal(status, 401)
      assert.equal(body, '{"error":"unauthorized","message":"The admin token is missing."}')
      assert.equal(answered.get('www-authenticate'), 'Bearer realm="ollama-guard-proxy"')
    }
  })

  test('is 403 with another token', async () => {
    for (const token of ['open-sesam', 'open-sesame2', 'OPEN-SESAME', 'x']) {
      const { status, body } = await ask(withToken, { authorization: `Bearer ${token}` })
      assert.equal(status, 403)
      assert.equal(body, '{"error":"forbidden","message":"You are not allowed to do this."}')
    }
  })

  test('is on this machine where there is no token', async () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) {
      assert.equal((await ask({ peer: { address } })).status, 200, address)
    }
    for (const address of [
      '192.168.1.2',
      '203.0.113.7',
      '::ffff:10.0.0.1',
      'fe80::1',
      '',
      '127.0.0.1.evil',
      '::12',
    ]) {
      assert.equal((await ask({ peer: { address } })).status, 403, address)
    }
  })

  test('does not become local by what a header claims', async () => {
    for (const header of ['x-forwarded-for', 'x-real-ip', 'cf-connecting-ip'])
      assert.equal((await ask({ peer: { address: '203.0.113.7' } }, { [header]: '127.0.0.1' })).status, 403)
  })

  test('does not become local by coming through a proxy on this machine', async () => {
    assert.equal((await ask({}, { 'x-forwarded-for': '203.0.113.7' })).status, 403)
    assert.equal((await ask({}, { via: '1.1 gateway' })).status, 403)
    assert.equal((await ask({}, { connection: 'close' })).status, 403)
    assert.equal((await ask({ peer: { httpVersion: '1.0' } })).status, 403)
    assert.equal((await ask({}, { host: 'ollama_guard_proxy' })).status, 403)
  })

  test('may come through any proxy with the token', async () => {
    const headers = { authorization: 'Bearer open-sesame', via: '1.1 gateway', host: 'ollama.example.com' }
    assert.equal((await ask({ ...withToken, peer: { httpVersion: '1.0' } }, headers)).status, 200)
  })

  test('is no web page from elsewhere', async () => {
    const host = 'localhost:8080'
    for (const origin of ['https://evil.example', 'null', 'http://localhost:3000', 'http://localhost']) {
      assert.equal((await ask({}, { origin, host })).status, 403, origin)
    }
    assert.equal((await ask({}, { origin: 'http://localhost:8080', host })).status, 200)
  })

  test('is no page that points a name of its own at us', async () => {
    for (const host of ['evil.example:8080', '192.168.1.2:8080'])
      assert.equal((await ask({}, { origin: `http://${host}`, host })).status, 403, host)
  })

  test('is asked before anything is read', async () => {
    const surface = appHarness({ peer: { address: '203.0.113.7' } })
    assert.equal((await update(surface, '{broken')).status, 403)
    assert.equal((await update(surface, { model: 'llama2', parallel_limit: 2 })).status, 403)
    assert.deepEqual([...surface.admission.lanes()], [])
  })
})

describe('a body that does not come', () => {
  const pause = (body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    duplex: 'half' as const,
  })

  for (const [framing, headers] of [
    ['in chunks', { 'transfer-encoding': 'chunked' }],
    ['of an announced length', { 'content-length': '2' }],
  ] as const) {
    it(`${framing} is refused after 30 s, and does nothing when it comes after all`, async () => {
      const surface = appHarness()
      const { app, clock, admission } = surface
      let sender: ReadableStreamDefaultController<Uint8Array> | undefined
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          sender = controller
        },
      })
      const answer = app.request('/admin/queue/update', pause(body, headers))
      await new Promise(setImmediate)
      for (let second = 0; second < 30; second++) {
        sender?.enqueue(new TextEncoder().encode(' '))
        clock.advance(1_000)
        await new Promise(setImmediate)
      }
      const { status, headers: told } = await answer
      assert.deepEqual([status, told.get('connection')], [408, 'close'])
      sender?.enqueue(new TextEncoder().encode('{"model":"*","parallel_limit":9}'))
      sender?.close()
      await new Promise(setImmediate)
      assert.equal(admission.defaults.parallel, 4)
      assert.equal(clock.pending, 0)
    })
  }

  it('is waited for no longer than it takes', async () => {
    const { app, clock } = appHarness()
    const answer = await app.request('/admin/queue/update', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model":"*","parallel_limit":9}',
    })
    assert.equal(answer.status, 200)
    assert.equal(clock.pending, 0)
  })
})
