import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { collectGarbage } from '../../support/collect-garbage.ts'
import { type NodeHarness, nodeHarness } from '../../support/node-harness.ts'
import { CHAT, chunk, get, post } from '../../support/raw-http.ts'
import type { Wire } from '../../support/raw-upstream.ts'
import { until } from '../../support/until.ts'

let house: NodeHarness
afterEach(() => house.close())

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const headOf = (wire: Wire) => wire.received.slice(0, wire.received.indexOf('\r\n\r\n') + 2)

/** Sends a whole request and answers it; what Ollama saw of it. */
async function seen(request: string): Promise<{ head: string; wire: Wire; client: Wire }> {
  house = await nodeHarness()
  const client = await house.client()
  client.write(request)
  const wire = await house.upstream.next()
  return { head: headOf(wire), wire, client }
}

describe('what Ollama sees', () => {
  it('is the same request under its own name, without what speaks of the connection', async () => {
    const { head } = await seen(
      get('/v1/models?x=%2F&y=a%20b', [
        'X-A: 1',
        'Connection: keep-alive, X-Hop',
        'X-Hop: 1',
        'x-a: 2',
        'TE: trailers',
      ]),
    )
    assert.ok(head.startsWith('GET /v1/models?x=%2F&y=a%20b HTTP/1.1\r\n'), head)
    assert.match(head, /X-A: 1\r\n(?:.*\r\n)?x-a: 2\r\n/)
    assert.ok(head.includes(`\r\nhost: ${new URL(house.upstream.url).host}\r\n`), head)
    assert.doesNotMatch(head, /x-hop|trailers|localhost/i)
  })

  it('is an exact length where the client sent chunks', async () => {
    const parts = [CHAT.slice(0, 7), CHAT.slice(7)]
    const { head, wire } = await seen(
      `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${parts.map(chunk).join('')}0\r\n\r\n`,
    )
    assert.match(head, new RegExp(`content-length: ${CHAT.length}\r\n`))
    assert.doesNotMatch(head, /transfer-encoding/i)
    assert.ok((await wire.get(CHAT)).endsWith(`\r\n\r\n${CHAT}`))
  })

  it('is a path, also when the target was a whole address', async () => {
    const { head } = await seen(post('http://localhost/api/chat?a=b', CHAT))
    assert.ok(head.startsWith('POST /api/chat?a=b HTTP/1.1\r\n'), head)
    assert.deepEqual(await house.lane(), { active: 1, queued: 0 })
  })

  it('is a path below the prefix of ollama_url, which no target leaves', async () => {
    house = await nodeHarness({}, '/ollama')
    for (const path of ['/../api/chat', '/%2e%2e/api/chat', '/x%2f..%2f..%2fapi/chat', '/..%5capi/chat']) {
      const refused = (await house.client()).write(post(path, CHAT))
      await refused.get('"code":"invalid_target"')
    }
    const client = (await house.client()).write(post('/api/chat?x=..', CHAT))
    const wire = await house.upstream.next()
    assert.ok(headOf(wire).startsWith('POST /ollama/api/chat?x=.. HTTP/1.1\r\n'), headOf(wire))
    client.socket.destroy()
  })

  it('is every byte of a header that is not ASCII', async () => {
    const { head } = await seen(get('/v1/models', ['X-Latin: caf\u00e9']))
    assert.match(head, /X-Latin: caf\u00c3\u00a9\r\n/)
  })

  it('lacks an Origin of ours and has a foreign one', async () => {
    const { head } = await seen(get('/v1/models', ['Origin: http://localhost']))
    assert.doesNotMatch(head, /origin/i)
    house.close()
    const foreign = await seen(get('/v1/models', ['Origin: http://localhost:3000']))
    assert.match(foreign.head, /Origin: http:\/\/localhost:3000\r\n/)
  })
})

describe('the gate', () => {
  for (const path of ['/api%2Fchat', '/%61pi/chat', '/api/ch%61t?x=1', '/api/%63hat']) {
    it(`stands before ${path}`, async () => {
      const { head } = await seen(post(path, CHAT))
      assert.ok(head.startsWith(`POST ${path} HTTP/1.1\r\n`), head)
      assert.deepEqual(await house.lane(), { active: 1, queued: 0 })
    })
  }
  it('does not stand before a GET of the same path', async () => {
    await seen(get('/api/chat'))
    assert.deepEqual(await house.lane(), { active: 0, queued: 0 })
  })
  it('answers garbage itself', async () => {
    house = await nodeHarness()
    for (const garbage of [
      'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\u0001b\r\n\r\n',
      'hello\r\n\r\n',
      '\u0000\r\n\r\n',
    ]) {
      const client = await house.client()
      client.write(garbage)
      assert.match(await client.get('\r\n\r\n'), /^HTTP\/1\.1 400 /)
    }
    const smuggler = await house.client()
    smuggler.write(post('/api/chat', CHAT, ['Transfer-Encoding: chunked']))
    assert.match(await smuggler.get('\r\n\r\n'), /^HTTP\/1\.1 400 /)
    assert.equal(house.upstream.arrived.length, 0)
  })
})

describe('a body of a request that is refused before anybody reads it', () => {
  const KEYS = JSON.stringify({ alice: { hash: `sha256:${'0'.repeat(64)}` } })
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{`

  it('holds no connection: the client is gone a moment after it has stopped sending', async () => {
    house = await nodeHarness({ KEYS })
    for (const path of ['/api/chat', '/api/blobs/sha256:1']) {
      const client = await house.client()
      client.write(head(path))
      assert.match(await client.get('invalid_api_key'), /^HTTP\/1\.1 401 /)
      await client.left()
    }
    assert.equal(house.upstream.arrived.length, 0)
  })

  it('that comes to its end leaves the connection to the next request', async () => {
    house = await nodeHarness({ KEYS })
    const client = await house.client()
    client.write(head('/api/chat'))
    await client.get('invalid_api_key')
    client.write(`${'x'.repeat(999_999)}GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await client.get('"live"')
  })
})

describe('a body over max_body_size', () => {
  const LIMIT = { MAX_BODY_SIZE: '64KiB' }
  it('that says so is refused before it is sent', async () => {
    house = await nodeHarness(LIMIT)
    const client = await house.client()
    client.write('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n{')
    assert.match(await client.get('body_too_large'), /^HTTP\/1\.1 413 /)
    assert.equal(house.upstream.arrived.length, 0)
  })
  it('that does not say so is refused once it is, and its rest is not kept', async () => {
    house = await nodeHarness(LIMIT)
    const client = await house.client()
    client.write('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const before = process.memoryUsage().arrayBuffers
    const big = chunk('x'.repeat(2 ** 20))
    for (let i = 0; i < 30; i++) client.write(big)
    assert.match(await client.get('body_too_large'), /^HTTP\/1\.1 413 /)
    await until('nothing of it is held', () => {
      collectGarbage()
      return process.memoryUsage().arrayBuffers - before < 2 ** 24
    })
    assert.equal(house.upstream.arrived.length, 0)
  })
  it('of exactly that size goes through', async () => {
    house = await nodeHarness(LIMIT)
    const client = await house.client()
    client.write(post('/api/chat', CHAT.padEnd(65_536)))
    const ollama = await house.upstream.next()
    await until('it is whole', () => ollama.received.length >= 65_536 + headOf(ollama).length + 2)
  })
  it('is no matter where nothing is gated', async () => {
    house = await nodeHarness(LIMIT)
    const client = await house.client()
    client.write(post('/api/create', 'x'.repeat(100_000)))
    const ollama = await house.upstream.next()
    await until('it is whole', () => ollama.received.length > 100_000)
  })
})

describe('a client that expects to be told to continue', () => {
  const EXPECT = ['Expect: 100-continue']
  it('is, once its body is read', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write(`${post('/api/chat', CHAT, EXPECT).slice(0, -CHAT.length)}`)
    await client.get('HTTP/1.1 100 Continue\r\n\r\n')
    client.write(CHAT)
    const ollama = await house.upstream.next()
    await ollama.get(CHAT)
    assert.doesNotMatch(ollama.received, /expect/i)
    ollama.answer(OK)
    assert.match(await client.get('\r\n\r\nok'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
  })
  it('is, for an upload that streams through', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write(post('/api/blobs/sha256:1', 'blob', EXPECT).slice(0, -4))
    await client.get('100 Continue')
    client.write('blob')
    const ollama = await house.upstream.next()
    await ollama.get('blob')
  })
  it('is not, before a refusal', async () => {
    house = await nodeHarness({ MAX_BODY_SIZE: '16' })
    const client = await house.client()
    client.write(post('/api/chat', CHAT, EXPECT).slice(0, -CHAT.length))
    assert.match(await client.get('body_too_large'), /^HTTP\/1\.1 413 /)
    assert.doesNotMatch(client.received, /100 Continue/)
  })
})

describe('an upload that Ollama answers before its end', () => {
  for (const [how, finish] of [
    ['closes after', (wire: Wire) => void wire.socket.end()],
    ['resets after', (wire: Wire) => void setImmediate(() => wire.socket.resetAndDestroy())],
  ] as const) {
    it(`gets that answer when Ollama ${how}`, async () => {
      house = await nodeHarness()
      const client = await house.client()
      client.write(
        'POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      const sending = sendAll(client)
      const ollama = await house.upstream.next()
      ollama.socket.pause()
      await until(
        'Ollama does not take the rest',
        () => sending.pieces > 1 && client.socket.writableLength > 0,
      )
      ollama.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      finish(ollama)
      assert.match(await client.get('\r\n\r\n'), /^HTTP\/1\.1 200 OK/)
      // Either all of it is taken or the connection ends: a client that first sends and then reads must not hang.
      await until('the client is not left hanging', () => client.ended || client.closed || sending.whole)
    })
  }
})

describe('an upload in the middle of which Ollama breaks off', () => {
  it('is taken to its end, for a client that first sends and then reads', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write('POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const sending = sendAll(client)
    const ollama = await house.upstream.next()
    ollama.socket.pause()
    await until('Ollama does not take the rest', () => sending.pieces > 1 && client.socket.writableLength > 0)
    ollama.socket.resetAndDestroy()
    await until('all of it is sent', () => sending.whole && client.socket.writableLength === 0)
    assert.match(await client.get('upstream_error'), /^HTTP\/1\.1 502 /)
  })
})

/** Sends 64 MiB in chunks, as fast as they are taken. */
function sendAll({ socket }: Wire) {
  const sending = { pieces: 0, whole: false }
  const piece = chunk('x'.repeat(2 ** 20))
  const pump = () => {
    while (sending.pieces < 64 && !socket.destroyed) {
      sending.pieces++
      if (!socket.write(piece)) {
        socket.once('drain', pump)
        return
      }
    }
    if (sending.pieces < 64) return
    sending.whole = true
    socket.write('0\r\n\r\n')
  }
  pump()
  return sending
}
