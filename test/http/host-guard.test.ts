import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createForeignHostApp } from '../../src/http/app.ts'
import { HostGuard } from '../../src/http/host-guard.ts'
import { targetOfUrl } from '../../src/ollama/target.ts'
import { Origins } from '../../src/relay/origins.ts'

const own = { hostname: 'box', addresses: [] }

function aGuard() {
  const warned: Readonly<Record<string, unknown>>[] = []
  const guard = new HostGuard({ own, warn: (message, fields) => void warned.push({ message, ...fields }) })
  return { guard, warned }
}

describe('the guard against foreign hosts', () => {
  it('lets names of this machine in, one after the other, and no other', () => {
    const { guard, warned } = aGuard()
    for (const host of [undefined, '', 'localhost:8080', '127.0.0.1', 'box', 'box.local', undefined])
      assert.equal(guard.refuses(host), false, host)
    for (const host of ['evil.example', 'localhost.evil.example', '8.8.8.8'])
      assert.equal(guard.refuses(host), true, host)
    // What was refused before is not believed because something else was let in meanwhile.
    assert.equal(guard.refuses('localhost'), false)
    assert.equal(guard.refuses('evil.example'), true)
    assert.equal(warned.length, 3)
  })

  it('warns once of each name, and says what to do', () => {
    const { guard, warned } = aGuard()
    for (let i = 0; i < 50; i++) guard.refuses('models.example.com')
    assert.equal(warned.length, 1)
    const [{ message, host, remedy } = {}] = warned
    assert.deepEqual([message, host], ['requests for a foreign Host are refused', 'models.example.com'])
    assert.match(String(remedy), /localhost.*Host: localhost.*proxy_host/)
  })

  it('fills neither the log nor the memory, however many names a page makes up', () => {
    const { guard, warned } = aGuard()
    for (let i = 0; i < 10_000; i++) assert.equal(guard.refuses(`${i}.evil.example`), true)
    assert.equal(warned.length, 100)
    assert.deepEqual(
      warned.filter(({ note }) => note !== undefined).map(({ host }) => host),
      ['99.evil.example'],
    )
    const long = aGuard()
    long.guard.refuses(`${'x'.repeat(100_000)}.example`)
    assert.equal(String(long.warned[0]?.host).length, 260)
  })
})

describe('a request for a foreign host', () => {
  const ask = async (path: string, method: string, headers: Record<string, string> = {}) => {
    const passed: string[] = []
    const door = createForeignHostApp({
      config: { language: 'auto' },
      origins: new Origins(),
      reportError: (error) => assert.fail(String(error)),
      path: (request) => targetOfUrl(request.url)?.path ?? '',
      passThrough: async (c) => {
        passed.push(`${c.req.method} ${c.req.path}`)
        return new Response('passed')
      },
    })
    const response = await door.request(path, { method, headers: { host: 'evil.example', ...headers } })
    return { status: response.status, headers: response.headers, body: await response.text(), passed }
  }
  const SENTENCE = /This server answers only to the names of its own machine\. Please call it as localhost/

  it('gets a sentence in the words of its route, whatever it asks for', async () => {
    for (const [method, path, shape] of [
      ['POST', '/api/chat', /^\{"error":"forbidden: This/],
      ['GET', '/', /^\{"error":"forbidden: This/],
      ['POST', '/v1/chat/completions', /^\{"error":\{"message":"This/],
      ['POST', '/v1/messages', /^\{"type":"error","error":\{"type":"permission_error","message":"This/],
      ['GET', '/queue/stats', /^\{"error":"forbidden","message":"This/],
      ['POST', '/admin/queue/reset', /^\{"error":"forbidden","message":"This/],
      ['OPTIONS', '/queue/stats', /^\{"error":"forbidden","message":"This/],
    ] as const) {
      const { status, body, passed } = await ask(path, method)
      assert.equal(status, 403, path)
      assert.match(body, shape, path)
      assert.match(body, SENTENCE, path)
      assert.deepEqual(passed, [])
    }
  })

  it('can be read by the pages that Ollama lets in, in their language', async () => {
    const { headers, body } = await ask('/api/chat', 'POST', {
      origin: 'http://localhost:3000',
      'accept-language': 'ru',
    })
    assert.equal(headers.get('access-control-allow-origin'), 'http://localhost:3000')
    assert.match(body, /только на имена своей машины/)
    const evil = await ask('/api/chat', 'POST', { origin: 'https://evil.example' })
    assert.equal(evil.headers.get('access-control-allow-origin'), null)
  })

  it('goes to Ollama when it is a preflight', async () => {
    const { status, passed } = await ask('/api/chat', 'OPTIONS', { origin: 'http://localhost:3000' })
    assert.deepEqual([status, passed], [200, ['OPTIONS /api/chat']])
  })
})
