import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type NodeHarness, nodeHarness } from '../../support/node-harness.ts'
import { CHAT, chunk, get, NDJSON_HEAD, post } from '../../support/raw-http.ts'
import type { Wire } from '../../support/raw-upstream.ts'
import { until } from '../../support/until.ts'

let house: NodeHarness
afterEach(() => house.close())

/** A chat on its way: the client's wire and the upstream's, which has the whole request. */
async function aChat(env: Readonly<Record<string, string>> = {}, headers: readonly string[] = []) {
  house = await nodeHarness(env)
  const client = await house.client()
  client.write(post('/api/chat', CHAT, headers))
  const ollama = await house.upstream.next()
  await ollama.get(CHAT)
  return { client, ollama }
}

async function free(): Promise<void> {
  await until('the slot is back', async () => (await house.lane()).active === 0)
}

const bodyOf = (wire: Wire) => wire.received.slice(wire.received.indexOf('\r\n\r\n') + 4)

/** The content of a chunked body, its chunks joined. */
function unchunked(body: string): string {
  let content = ''
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.slice(at, line), 16)
    if (!(size > 0)) return content
    content += body.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

describe('an answer', () => {
  it('comes through whole when it is split at every byte', async () => {
    const { client, ollama } = await aChat()
    const lines = ['{"message":{"content":"é😀"}}\n', '{"done":true,"eval_count":2,"prompt_eval_count":1}\n']
    const answer = Buffer.from(`${NDJSON_HEAD}${lines.map(chunk).join('')}0\r\n\r\n`)
    for (const byte of answer) {
      ollama.write(new Uint8Array([byte]))
      await new Promise(setImmediate)
    }
    await client.get('0\r\n\r\n')
    assert.equal(unchunked(bodyOf(client)), Buffer.from(lines.join('')).toString('latin1'))
    await until('the call is told', () => house.calls.length === 1)
    const { outcome, status, tokensIn, tokensOut, bytesOut } = house.calls[0] ?? {}
    assert.deepEqual(
      { outcome, status, tokensIn, tokensOut, bytesOut },
      {
        outcome: 'done',
        status: 200,
        tokensIn: 1,
        tokensOut: 2,
        bytesOut: Buffer.byteLength(lines.join('')),
      },
    )
    await free()
  })

  it('reaches the client line by line, the head before the first of them', async () => {
    const { client, ollama } = await aChat()
    ollama.write(NDJSON_HEAD)
    await client.get('\r\n\r\n')
    for (const line of ['{"a":1}\n', '{"b":2}\n']) {
      ollama.write(chunk(line))
      await client.get(chunk(line))
    }
    assert.deepEqual(await house.lane(), { active: 1, queued: 0 })
    ollama.write('0\r\n\r\n')
    await free()
  })

  it('keeps repeated headers and loses those of the connection', async () => {
    const { client, ollama } = await aChat()
    ollama.write(
      'HTTP/1.1 201 Made Up\r\nSet-Cookie: a=1\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nset-cookie: b=2\r\n' +
        'Keep-Alive: timeout=9\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n\r\nok',
    )
    const text = await client.get('ok')
    assert.match(text, /^HTTP\/1\.1 201 Made Up\r\n/)
    assert.match(text, /Set-Cookie: a=1\r\nset-cookie: b=2\r\n/)
    assert.doesNotMatch(text, /x-hop|timeout=9/i)
    await free()
  })

  it('comes after any number of interim answers, which stay behind', async () => {
    const { client, ollama } = await aChat()
    ollama.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
    ollama.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    const text = await client.get('ok')
    assert.match(text, /^HTTP\/1\.1 200 OK/)
    assert.doesNotMatch(text, /103|102|Link/)
  })

  for (const reason of ['caf\xe9', 'O\x01K', '\u00c3\u00a9'] as const) {
    it(`comes through, and does no harm, with the status text ${JSON.stringify(reason)}`, async () => {
      const { client, ollama } = await aChat()
      ollama.write(Buffer.from(`HTTP/1.1 200 ${reason}\r\nContent-Length: 2\r\n\r\nok`, 'latin1'))
      assert.match(await client.get('\r\n\r\nok'), /^HTTP\/1\.1 200 /)
      await free()
    })
  }

  it('without a length ends when Ollama closes', async () => {
    const { client, ollama } = await aChat()
    ollama.write('HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{"done":true}\n')
    await client.get('done')
    ollama.socket.end()
    await client.get('0\r\n\r\n')
    assert.equal(unchunked(bodyOf(client)), '{"done":true}\n')
    await free()
    assert.equal(house.calls[0]?.outcome, 'done')
  })

  it('is closed after, not chunked, for an HTTP/1.0 client', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write(
      `POST /api/chat HTTP/1.0\r\nHost: localhost\r\nContent-Length: ${CHAT.length}\r\n\r\n${CHAT}`,
    )
    const ollama = await house.upstream.next()
    ollama.write(`${NDJSON_HEAD}${chunk('{"done":true}\n')}0\r\n\r\n`)
    await until('the end', () => client.ended)
    assert.doesNotMatch(client.received, /transfer-encoding/i)
    assert.equal(bodyOf(client), '{"done":true}\n')
    await free()
  })

  it('to HEAD has a length and no body, and leaves the connection fit for the next', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write('HEAD /api/blobs/sha256:0 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const ollama = await house.upstream.next()
    assert.match(ollama.received, /^HEAD \/api\/blobs\/sha256:0 HTTP/)
    ollama.write('HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n')
    const text = await client.get('\r\n\r\n')
    assert.match(text, /content-length: 17/i)
    client.write(get('/v1/models'))
    const second = await house.upstream.next()
    second.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.get('\r\n\r\nok')
  })
})

describe('an answer that breaks', () => {
  const refused = async (client: Wire) => {
    const text = await client.get('upstream_error')
    assert.match(text, /^HTTP\/1\.1 502 /)
    await free()
    assert.equal(house.calls[0]?.outcome, 'failed')
  }

  it('by a reset before its head is a 502', async () => {
    const { client, ollama } = await aChat()
    ollama.socket.resetAndDestroy()
    await refused(client)
  })
  it('by an end before or within its head is a 502', async () => {
    const { client, ollama } = await aChat()
    ollama.write('HTTP/1.1 200 OK\r\nContent-').socket.end()
    await refused(client)
  })
  it('by nonsense in place of a head is a 502', async () => {
    const { client, ollama } = await aChat()
    ollama.write('SSH-2.0-OpenSSH_9.7\r\n')
    await refused(client)
  })
  it('by a header that is none is a 502', async () => {
    const { client, ollama } = await aChat()
    ollama.write('HTTP/1.1 200 OK\r\nX-A: a\u0000b\r\nContent-Length: 2\r\n\r\nok')
    await refused(client)
  })

  for (const [how, cut] of [
    ['a reset', (wire: Wire) => wire.socket.resetAndDestroy()],
    ['an early end', (wire: Wire) => wire.socket.end()],
    ['a broken chunk', (wire: Wire) => wire.write('zz\r\n')],
  ] as const) {
    it(`by ${how} within a line ends that line, gives the error a line of its own, and closes`, async () => {
      const { client, ollama } = await aChat()
      ollama.write(NDJSON_HEAD + chunk('{"message":') + chunk('{"con'))
      await client.get('{"con')
      cut(ollama)
      await until('the client is closed', () => client.ended)
      const lines = unchunked(bodyOf(client)).split('\n')
      assert.equal(lines[0], '{"message":{"con')
      assert.equal(typeof JSON.parse(lines[1] ?? '').error, 'string')
      assert.deepEqual(lines.slice(2), [''])
      assert.ok(client.received.endsWith('0\r\n\r\n'))
      await free()
      assert.equal(house.calls[0]?.outcome, 'failed')
    })
  }

  it('right after its head is told in the first line', async () => {
    const { client, ollama } = await aChat()
    ollama.write(NDJSON_HEAD)
    await client.get('\r\n\r\n')
    ollama.socket.resetAndDestroy()
    await until('the client is closed', () => client.ended)
    assert.match(unchunked(bodyOf(client)), /^\{"error":"[^\n]+"\}\n$/)
  })

  it('in an event stream is told in an event of its own', async () => {
    const { client, ollama } = await aChat()
    ollama.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    ollama.write(chunk('data: {"a":1}\n\n') + chunk('data: {"b'))
    await client.get('{"b')
    ollama.socket.resetAndDestroy()
    await until('the client is closed', () => client.ended)
    assert.match(
      unchunked(bodyOf(client)),
      /^data: \{"a":1\}\n\ndata: \{"b\n\ndata: \{"error":\{[^\n]+\}\}\n\n$/,
    )
  })

  it('under an announced length is cut, so that nobody takes it for whole', async () => {
    const { client, ollama } = await aChat()
    ollama.write(
      'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{"x":1}\n',
    )
    await client.get('{"x":1}')
    ollama.socket.end()
    await until('the client is cut', () => client.ended || client.reset)
    assert.equal(bodyOf(client), '{"x":1}\n')
    await free()
    assert.equal(house.calls[0]?.outcome, 'failed')
  })

  it('though Ollama had said it would close is broken all the same', async () => {
    const { client, ollama } = await aChat()
    ollama.write(NDJSON_HEAD.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + chunk('{"x":1}\n'))
    await client.get('{"x":1}')
    ollama.socket.end()
    await until('the client is closed', () => client.ended)
    await free()
    assert.equal(house.calls[0]?.outcome, 'failed')
    assert.match(unchunked(bodyOf(client)), /\n\{"error":/)
  })
})

describe('a connection to Ollama that is kept', () => {
  const answerOk = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

  /** A connection that has served one call, and a client ready for the next. */
  const kept = async () => {
    const { client, ollama } = await aChat()
    ollama.answer(answerOk)
    await client.get('\r\n\r\nok')
    client.received = ''
    return { client, ollama }
  }

  it('is used again', async () => {
    const { client, ollama } = await kept()
    client.write(post('/api/chat', CHAT))
    assert.equal(await house.upstream.next(), ollama)
    ollama.answer(answerOk)
    await client.get('\r\n\r\nok')
  })

  it('and was closed meanwhile costs the next call nothing', async () => {
    const { client, ollama } = await kept()
    ollama.socket.end()
    await ollama.gone()
    client.write(post('/api/chat', CHAT))
    const second = await house.upstream.next()
    await second.get(CHAT)
    second.answer(answerOk)
    assert.match(await client.get('\r\n\r\nok'), /^HTTP\/1\.1 200/)
  })

  it('and is closed when the next call is already on it is an honest 502: it may have run', async () => {
    const { client, ollama } = await kept()
    client.write(post('/api/chat', CHAT))
    assert.equal(await house.upstream.next(), ollama)
    await ollama.get(CHAT)
    ollama.socket.end()
    assert.match(await client.get('upstream_error'), /^HTTP\/1\.1 502/)
    assert.equal(house.upstream.arrived.length, 2)
    await free()
  })
})

describe('a client that does not read', () => {
  it('holds Ollama back, and nothing piles up between', async () => {
    const { client, ollama } = await aChat()
    client.socket.pause()
    ollama.write(NDJSON_HEAD)
    const line = chunk(`${'x'.repeat(64 * 1024 - 1)}\n`)
    const before = process.memoryUsage.rss()
    let taken = 0
    const pump = () => {
      while (taken < 200 * 2 ** 20) {
        taken += line.length
        if (!ollama.socket.write(line)) {
          ollama.socket.once('drain', pump)
          return
        }
      }
    }
    pump()
    let last = -1
    let still = 0
    await until('Ollama is held back', () => {
      still = ollama.socket.bytesWritten === last ? still + 1 : 0
      last = ollama.socket.bytesWritten
      return still > 40
    })
    // Kernel buffers of two sockets on loopback hold most of it.
    assert.ok(taken < 40 * 2 ** 20, `${taken} bytes were taken of an answer nobody reads`)
    assert.ok(process.memoryUsage.rss() - before < 80 * 2 ** 20)
    client.socket.destroy()
    await ollama.gone()
    await free()
    assert.ok((house.calls[0]?.bytesOut ?? 0) < 8 * 2 ** 20, `${house.calls[0]?.bytesOut} bytes came through`)
  })

  it('gets every byte once it reads again', async () => {
    const { client, ollama } = await aChat()
    client.socket.pause()
    const line = `${'y'.repeat(9_999)}\n`
    ollama.write(NDJSON_HEAD)
    for (let i = 0; i < 1_000; i++) ollama.write(chunk(line))
    ollama.write('0\r\n\r\n')
    await until('much is on its way', async () => ollama.socket.bytesWritten > 2 ** 20)
    client.socket.resume()
    await until('the end', () => client.received.endsWith('0\r\n\r\n'))
    const content = unchunked(bodyOf(client))
    assert.ok(content === line.repeat(1_000), `${content.length} bytes came, of ${line.length * 1_000}`)
    await free()
  })
})
