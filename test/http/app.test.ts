import assert from 'node:assert/strict'
import test from 'node:test'
import { appHarness } from './support/app-harness.ts'

const GATED = [
  '/api/generate',
  '/api/chat',
  '/api/embed',
  '/api/embeddings',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
  '/v1/audio/transcriptions',
  '/v1/images/generations',
  '/v1/images/edits',
]

test('every inference route is relayed when it is posted to, and by a single handler', async () => {
  const { app, relayed, passed } = appHarness()
  for (const path of GATED) {
    assert.equal((await app.request(`${path}?beta=true`, { method: 'POST', body: '{}' })).status, 200)
    assert.equal(app.router.match('POST', path)[0].length, 1, path)
  }
  assert.deepEqual(
    relayed,
    GATED.map((path) => `POST ${path}`),
  )
  assert.deepEqual(passed, [])
})

test('any other method on an inference route goes to Ollama, preflights included', async () => {
  const { app, relayed, passed } = appHarness()
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    await app.request('/api/chat', { method })
  }
  assert.deepEqual(relayed, [])
  assert.deepEqual(
    passed,
    ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method) => `${method} /api/chat`),
  )
})

test('an escaped spelling of an inference route does not get round the gate', async () => {
  const { app, relayed, passed } = appHarness()
  for (const path of ['/api/%63hat', '/api%2Fchat', '/%61%70%69/%63%68%61%74?x=%2', '/v1%2fmessages']) {
    await app.request(path, { method: 'POST' })
  }
  assert.deepEqual(relayed, ['POST /api/chat', 'POST /api/chat', 'POST /api/chat', 'POST /v1/messages'])
  assert.deepEqual(passed, [])
})

test('a path is decoded once, and one that does not decode goes to Ollama as it is', async () => {
  const { app, relayed, passed } = appHarness()
  for (const path of ['/api/chat%ff', '/api/chat%zz', '/api/chat/', '/API/chat']) {
    await app.request(path, { method: 'POST' })
  }
  assert.deepEqual(relayed, [])
  assert.deepEqual(passed, ['POST /api/chatÿ', 'POST /api/chat%zz', 'POST /api/chat/', 'POST /API/chat'])
})

test('what is neither gated nor ours goes to Ollama, whatever the method', async () => {
  const { app, passed } = appHarness()
  const requests = [
    'GET /',
    'HEAD /',
    'GET /api/tags',
    'POST /api/pull',
    'DELETE /api/delete',
    'PROPFIND /x',
    'GET /healthy',
  ]
  for (const request of requests) {
    const [method = '', path = ''] = request.split(' ')
    assert.equal((await app.request(path, { method })).status, 200)
  }
  assert.deepEqual(passed, requests)
})

const OWN = [
  { path: '/health', allow: 'GET, HEAD' },
  { path: '/health/live', allow: 'GET, HEAD' },
  { path: '/health/ready', allow: 'GET, HEAD' },
  { path: '/queue/stats', allow: 'GET, HEAD' },
  { path: '/queue/memory', allow: 'GET, HEAD' },
  { path: '/config', allow: 'GET, HEAD' },
  { path: '/admin/queue/reset', allow: 'POST' },
  { path: '/admin/queue/update', allow: 'POST' },
]

test('our own pages answer every other method with 405 and never pass it on', async () => {
  const { app, passed } = appHarness()
  for (const { path, allow } of OWN) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      if (allow.includes(method)) continue
      const response = await app.request(path, { method })
      assert.equal(response.status, 405, `${method} ${path}`)
      assert.equal(response.headers.get('allow'), allow)
      assert.equal(
        await response.text(),
        '{"error":"method_not_allowed","message":"This address does not support the request method."}',
      )
    }
  }
  assert.deepEqual(passed, [])
})

test('our own pages answer HEAD as GET without a body', async () => {
  const { app } = appHarness()
  for (const { path, allow } of OWN) {
    if (!allow.includes('HEAD')) continue
    const response = await app.request(path, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.equal(await response.text(), '')
  }
})

test('an unknown path beside our pages is our own 404', async () => {
  const { app, passed } = appHarness()
  const paths = [
    '/admin',
    '/admin/queue',
    '/admin/queue/resett',
    '/queue/',
    '/queue/stat',
    '/health/',
    '/%68ealth/x',
  ]
  for (const path of paths) {
    const response = await app.request(path, { method: 'POST' })
    assert.equal(response.status, 404, path)
    assert.equal(await response.text(), '{"error":"not_found","message":"There is nothing at this address."}')
  }
  assert.deepEqual(passed, [])
})

test('nobody may keep what our pages say', async () => {
  const { app } = appHarness()
  for (const path of ['/health', '/queue/stats', '/config', '/admin/nothing', '/queue/stats?model=none']) {
    assert.equal((await app.request(path)).headers.get('cache-control'), 'no-store', path)
  }
})

test('the effective configuration is shown as it is described', async () => {
  const { app } = appHarness()
  const response = await app.request('/config')
  assert.equal(await response.text(), '{"config_file":null,"values":{"admin_token":"***"},"sources":{}}')
})
