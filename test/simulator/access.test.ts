import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, it } from 'node:test'
import { checkAccess } from '../../src/simulator/access.ts'
import { aSimulator } from './support.ts'

const postFromLoopback = { method: 'POST', host: '127.0.0.1:11434', origin: undefined, onLoopback: true }

describe('the Host check', () => {
  for (const host of [
    'localhost:1',
    '127.0.0.1:80',
    '192.168.1.5',
    '10.0.0.1',
    '[::1]:11434',
    '',
    'a.localhost',
    'x.LOCAL',
    'x.internal:9',
  ]) {
    it(`lets ${host || 'none'} in`, () =>
      assert.equal(checkAccess({ ...postFromLoopback, host }).status, 'continue'))
  }
  for (const host of ['evil.example', '8.8.8.8', 'localhost.evil.example', '172.32.0.1']) {
    it(`keeps ${host} out`, () =>
      assert.deepEqual(checkAccess({ ...postFromLoopback, host }), { status: 403, headers: {} }))
    it(`lets ${host} in when we listen on more than loopback`, () =>
      assert.equal(checkAccess({ ...postFromLoopback, host, onLoopback: false }).status, 'continue'))
  }
  it('answers OPTIONS without Origin for a host name, and leaves OPTIONS for an address to the routes', () => {
    assert.equal(checkAccess({ ...postFromLoopback, method: 'OPTIONS', host: 'localhost' }).status, 204)
    assert.equal(checkAccess({ ...postFromLoopback, method: 'OPTIONS' }).status, 'continue')
  })
})

describe('CORS', () => {
  for (const origin of [
    'http://localhost',
    'https://localhost:3000',
    'http://127.0.0.1:5173',
    'app://x',
    'vscode-webview://y',
  ]) {
    it(`allows ${origin}`, () =>
      assert.deepEqual(checkAccess({ ...postFromLoopback, origin }), {
        status: 'continue',
        headers: { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' },
      }))
  }
  it('refuses other origins', () => {
    assert.equal(checkAccess({ ...postFromLoopback, origin: 'https://evil.example' }).status, 403)
    assert.equal(checkAccess({ ...postFromLoopback, origin: 'http://localhost.evil.example' }).status, 403)
  })
  it('adds no headers for the same origin', () => {
    assert.deepEqual(
      checkAccess({ ...postFromLoopback, host: 'box.local', origin: 'https://box.local' }).headers,
      {},
    )
  })
})

it('a preflight gets the fixed lists on the wire, and a refused origin an empty 403', async (t) => {
  const { url, port } = await aSimulator(t)
  const preflight = await fetch(`${url}/api/chat`, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:3000' },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'http://localhost:3000')
  assert.equal(
    preflight.headers.get('access-control-allow-methods'),
    'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
  )
  assert.equal(preflight.headers.get('access-control-max-age'), '43200')
  const allowed = preflight.headers.get('access-control-allow-headers') ?? ''
  assert.match(
    allowed,
    /^Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-/,
  )
  assert.doesNotMatch(allowed, /x-api-key|anthropic-version/i)
  const refused = await fetch(`${url}/api/tags`, { headers: { origin: 'https://evil.example' } })
  assert.equal(refused.status, 403)
  assert.equal(await refused.text(), '')
  const status = await new Promise((resolve) => {
    request({ port, path: '/api/tags', headers: { host: 'evil.example' } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).end()
  })
  assert.equal(status, 403)
})
