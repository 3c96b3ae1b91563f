import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { options } from '../../src/config/schema.ts'
import { ask, parseAnswer } from '../conformance/raw-answer.ts'
import { until } from '../support/until.ts'
import { Site } from './site.ts'

const BODY = '{"model":"llama3.2","prompt":"hi"}'
const MIB = 1024 * 1024
const BIG = 20 * MIB
const FLOOD = 256 * MIB
const PIECE = Buffer.alloc(64 * 1024, '{"response":"a long answer","done":false}\n')
const STILL_MS = 500
/** Longer than nginx's own buffer for the head of an answer, which is 4 or 8 KiB unless told. */
const LONG_LINE = `{"response":"${'w'.repeat(20_000)}","done":false}\n`

function head(path: string, fields: readonly string[], method = 'POST'): string {
  return [`${method} ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n')
}
const OUTSIDE = 'Host: ollama.example.com'
const post = (path: string, body = BODY, more: readonly string[] = []) =>
  head(path, [OUTSIDE, `Content-Length: ${body.length}`, ...more]) + body
const get = (path: string, host = OUTSIDE) => head(path, [host], 'GET')

const STREAMS = [
  ['/api/chat', 'application/x-ndjson', (n: number) => `{"response":"${n}","done":false}\n`],
  ['/v1/chat/completions', 'text/event-stream', (n: number) => `data: {"choices":[{"index":${n}}]}\n\n`],
] as const

describe('an nginx that nobody has told anything', () => {
  let site: Site
  before(async () => {
    site = await Site.start('plain')
  })
  after(() => site?.stop())

  it('gathers what it passes on', () => {
    assert.doesNotMatch(site.nginx.config, /\bproxy_buffering\b/)
  })

  for (const [path, type, piece] of STREAMS) {
    it(`hands on each of 60 pieces of ${type} before the next one is there`, async () => {
      const client = site.call(post(path))
      const { response } = await site.atOllama()
      response.setHeader('Content-Type', type)
      for (let n = 0; n < 60; n++) {
        response.write(piece(n))
        // Only what has arrived lets the next one go.
        await until(`piece ${n} has arrived`, () => client.received.includes(piece(n)))
      }
      response.end()
      await site.becomes(0, 0)
    })
  }
})

describe('the nginx site in front of the proxy', () => {
  let site: Site
  before(async () => {
    site = await Site.start()
  })
  after(() => site?.stop())

  it('waits longer than the proxy does, by the defaults of both', () => {
    for (const key of ['request_timeout', 'stream_idle_timeout']) {
      const ours = Number(options.find((option) => option.key === key)?.defaultWritten)
      for (const directive of ['proxy_read_timeout', 'proxy_send_timeout', 'send_timeout'])
        assert.ok(site.nginx.seconds(directive) > ours, `${directive} is not above ${key}`)
    }
    // At nginx's default of 60 s it lets go of an idle connection before the proxy does, which is after 120 s.
    assert.doesNotMatch(site.nginx.config, /\bkeepalive_timeout\b/)
  })

  for (const [path, type, piece] of STREAMS) {
    it(`hands on each piece of ${type} before the next one is there`, async () => {
      const client = site.call(post(path, BODY, ['Accept-Encoding: gzip']))
      const { response } = await site.atOllama()
      response.setHeader('Content-Type', type)
      const sent: string[] = []
      for (let n = 0; n < 10; n++) {
        const next = n === 5 ? LONG_LINE : piece(n)
        sent.push(next)
        response.write(next)
        // Only what has arrived lets the next one go.
        await until(`piece ${n} has arrived`, () => client.received.includes(`${next}\r\n`))
      }
      response.end()
      await until('the answer is over', () => client.received.endsWith('\r\n0\r\n\r\n'))
      assert.deepEqual(parseAnswer(client.received).chunks, sent)
      client.leave('fin')
    })
  }

  it('hands on the events of the queue while they happen', async () => {
    const watcher = site.call(get('/queue/events'))
    await until('it is told how things are', () => watcher.received.includes('event: health\n'))
    assert.doesNotMatch(watcher.received, /"active_requests":1/)
    const client = site.call(post('/api/generate'))
    const { response } = await site.atOllama()
    await until('it is told of the call', () => watcher.received.includes('"active_requests":1'))
    assert.equal(watcher.closed, false)
    watcher.leave('fin')
    response.end('{}')
    await until('the call is answered', () => client.status === 200)
    await site.becomes(0, 0)
  })

  it('slows Ollama down for a client that does not read, instead of taking its answer in', async () => {
    const client = site.call(post('/api/generate'))
    client.socket.pause()
    const { response } = await site.atOllama()
    let sent = 0
    let movedAt = performance.now()
    const flood = () => {
      while (sent < FLOOD) {
        sent += PIECE.length
        movedAt = performance.now()
        if (!response.write(PIECE)) return
      }
    }
    response.on('drain', flood)
    flood()
    await until('nothing moves', () => sent >= FLOOD || performance.now() - movedAt > STILL_MS, 15_000)
    assert.ok(sent < FLOOD / 2, `${sent / MIB} MiB were taken in`)
    assert.deepEqual(await site.load(), [1, 0])
    client.leave('rst')
    await site.becomes(0, 0)
  })

  it('lets a call wait in line', async () => {
    const first = site.call(post('/api/generate'))
    const held = await site.atOllama()
    const second = site.call(post('/api/generate'))
    await site.becomes(1, 1)
    await pause(3_000)
    assert.equal(second.received, '')
    held.response.end('{"first":true}')
    await until('the first is answered', () => first.status === 200)
    const { response } = await site.atOllama()
    response.end('{"second":true}')
    await until('the second is answered', () => second.received.includes('{"second":true}'))
    await site.becomes(0, 0)
  })

  it('hands on a refusal with its headers, in the words of the proxy', async () => {
    const running = site.call(post('/api/generate'))
    await site.atOllama()
    const waiting = site.call(post('/api/generate'))
    await site.becomes(1, 1)
    const { status, headers, body } = await ask(site.nginx.port, post('/api/generate'))
    assert.equal(status, 503)
    const names = headers.map(([name]) => name.toLowerCase())
    assert.ok(names.includes('retry-after') && names.includes('retry-after-ms'), names.join())
    assert.equal(JSON.parse(body).code, 'queue_full')
    waiting.leave('fin')
    await site.becomes(1, 0)
    running.leave('fin')
    await site.becomes(0, 0)
  })

  for (const how of ['fin', 'rst'] as const) {
    it(`takes a client that leaves by ${how} out of the line and out of its slot at once`, async () => {
      const running = site.call(post('/api/generate'))
      const { response } = await site.atOllama()
      response.write('{"done":false}\n')
      await until('it streams', () => running.received.includes('"done":false'))
      const waiting = site.call(post('/api/generate'))
      await site.becomes(1, 1)
      waiting.leave(how)
      await site.becomes(1, 0)
      running.leave(how)
      await site.becomes(0, 0)
      await until('Ollama is left', () => response.destroyed)
    })
  }

  it('hands on a body of 20 MB byte for byte', async () => {
    const body = `{"model":"llama3.2","prompt":"hi","images":["${'QUJD'.repeat(BIG / 4)}"]}`
    const client = site.call(post('/api/generate', body))
    const { request, response } = await site.atOllama()
    const digest = createHash('sha256')
    for await (const piece of request) digest.update(piece)
    assert.equal(digest.digest('hex'), createHash('sha256').update(body).digest('hex'))
    response.end('{"done":true}')
    await until('it is answered', () => client.received.includes('{"done":true}'))
    await site.becomes(0, 0)
  })

  it('hands on an upload while it is being sent', async () => {
    const half = 'x'.repeat(100_000)
    const client = site.call(
      head('/api/blobs/sha256:1', [OUTSIDE, `Content-Length: ${2 * half.length}`]) + half,
    )
    const { request, response } = await site.atOllama()
    let got = 0
    request.on('data', (piece: Buffer) => {
      got += piece.length
    })
    await until('the first half is at Ollama', () => got === half.length)
    client.send(half)
    await until('all of it is at Ollama', () => got === 2 * half.length)
    response.statusCode = 201
    response.end()
    await until('it is answered', () => client.status === 201)
  })

  it('leaves it to the proxy to refuse a body', async () => {
    const answer = await ask(site.nginx.port, head('/api/generate', [OUTSIDE, 'Content-Length: 209715200']))
    assert.equal(answer.status, 413)
    assert.equal(JSON.parse(answer.body).code, 'body_too_large')
  })

  it('tells Ollama and the proxy the address that it sees itself', async () => {
    const client = site.call(post('/api/generate', BODY, ['X-Forwarded-For: 10.1.2.3']))
    const { request, response } = await site.atOllama()
    assert.equal(request.headers['x-forwarded-for'], '127.0.0.1')
    response.end('{}')
    await until('it is answered', () => client.status === 200)
    await site.becomes(0, 0)
  })

  it('sends a Host that a proxy on loopback accepts, and takes no other one itself', async () => {
    assert.equal((await ask(site.nginx.port, get('/queue/stats'))).status, 200)
    assert.equal((await ask(site.nginx.port, get('/queue/stats', 'Host: attacker.example'))).status, 421)
    assert.equal((await ask(site.nginx.port, get('/queue/stats', 'Host: localhost'))).status, 421)
  })

  it('keeps the pages of the operator inside, however they are spelled', async () => {
    const inside = [
      '/admin/queue/reset',
      '//admin/queue/reset',
      '/%61dmin/queue/reset',
      '/admin%2Fqueue%2Freset',
      '/api/../admin/queue/reset',
      '/admin\\queue\\reset',
      '/metrics',
      '/dashboard',
      '/dashboard/page.js',
    ]
    for (const path of inside) {
      const answer = await ask(site.nginx.port, post(path, ''))
      assert.equal(answer.status, 404, path)
      // The page of nginx itself: the proxy's own 404 is JSON.
      assert.match(answer.body, /<html>/, path)
    }
    assert.equal(site.arrived, 0)
  })
})
