import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { Failure } from '../../../src/relay/failure.ts'
import { BunForwarding } from '../../../src/runtimes/bun/forwarding.ts'
import { chunk, get, NDJSON_HEAD, post } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { aPool, aRequest, bunHarness, type Call, LAST_WORDS, OK, standstill, Watched } from './support.ts'

const MIB = 1024 * 1024
/** More than what is handed over whole, and less than fills a body that nobody reads. */
const SOME = 100 * 1024

const sized = (bytes: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`
const code = (expected: string) => (error: unknown) => error instanceof Failure && error.code === expected

/** A forwarding whose client is the test: it reads the answer's body when it likes. */
async function aDelivery({ raw, upstream }: Awaited<ReturnType<typeof aPool>>, request = aRequest()) {
  const watched = new Watched()
  let finished = 0
  const client = { keepAlive() {}, closeSoon() {}, finished: () => void finished++ }
  const forwarding = new BunForwarding(watched, client)
  forwarding.send(request, upstream)
  return { watched, forwarding, wire: await raw.next(), finished: () => finished }
}

/** A call in the house and the two ends of it. */
async function aCall(t: TestContext, request = get('/api/x')) {
  const house = await bunHarness(t)
  const client = await house.client()
  client.write(request)
  const ollama = await house.raw.next()
  const [call] = house.calls
  assert.ok(call)
  return { house, client, ollama, call }
}

async function endedOnce({ watched }: Call, ending: string): Promise<void> {
  await watched.ended()
  await standstill('what is told', () => watched.endings.length)
  assert.deepEqual(watched.endings, [ending])
}

describe('an answer that Ollama has ended while its client still reads', () => {
  /** The answer waits for its client; its connection carries the next one. */
  async function twoOnOneConnection(t: TestContext) {
    const pool = await aPool(t)
    const slow = await aDelivery(pool)
    slow.wire.answer(sized(SOME) + 'x'.repeat(SOME))
    const response = await slow.forwarding.answer
    await until('all of it is there', () => slow.watched.bytes === SOME)
    assert.equal(slow.forwarding.heldBack, true, 'Ollama has given all')
    const next = await aDelivery(pool)
    assert.equal(next.wire, slow.wire)
    assert.deepEqual(slow.watched.endings, [])
    return { slow, response, next }
  }

  it('leaves the next call alone when its client leaves', async (t) => {
    const { slow, next } = await twoOnOneConnection(t)
    slow.forwarding.clientLeft()
    assert.deepEqual(slow.watched.endings, ['client_gone'])
    next.wire.answer(OK)
    assert.equal(await (await next.forwarding.answer).text(), 'ok')
    assert.deepEqual(next.watched.endings, ['done'])
  })

  it('leaves the next call alone when it is aborted', async (t) => {
    const { slow, next } = await twoOnOneConnection(t)
    slow.forwarding.abort(new Error('too slow'))
    assert.deepEqual(slow.watched.endings, ['aborted'])
    next.wire.answer(OK)
    assert.equal(await (await next.forwarding.answer).text(), 'ok')
  })

  it('does not let the next one run on when its client reads again', async (t) => {
    const { slow, response, next } = await twoOnOneConnection(t)
    next.wire.write(sized(32 * MIB)).write(Buffer.alloc(32 * MIB))
    await next.forwarding.answer
    await standstill('what passes', () => next.watched.bytes)
    const held = next.watched.bytes
    assert.equal((await response.arrayBuffer()).byteLength, SOME)
    assert.deepEqual(slow.watched.endings, ['done'])
    await standstill('what passes', () => next.watched.bytes)
    assert.equal(next.watched.bytes, held)
  })
})

describe('an answer of a short announced length', () => {
  it('is handed over whole, and over with that', async (t) => {
    const { client, ollama, call } = await aCall(t)
    ollama.answer(OK)
    await client.get('\r\n\r\nok')
    await endedOnce(call, 'done')
    assert.deepEqual([call.watched.status, call.watched.bytes], [200, 2])
    assert.match(client.received, /\r\nX-Watched: yes\r\n/i)
  })

  it('that ends early has not begun: there is no answer', async (t) => {
    const pool = await aPool(t)
    const { forwarding, watched, wire, finished } = await aDelivery(pool)
    wire.write(`${sized(10)}hello`).socket.end()
    await assert.rejects(forwarding.answer, code('upstream_error'))
    assert.deepEqual([watched.status, watched.endings, finished()], [0, ['broken'], 1])
  })
})

describe('an answer with a status that no Response can have', () => {
  for (const framing of ['Content-Length: 2', 'Transfer-Encoding: chunked']) {
    it(`fails as upstream_error, framed by ${framing}`, async (t) => {
      const { forwarding, watched, wire, finished } = await aDelivery(await aPool(t))
      wire.write(`HTTP/1.1 700 Odd\r\n${framing}\r\n\r\nok`)
      await assert.rejects(forwarding.answer, code('upstream_error'))
      assert.deepEqual([watched.endings, finished()], [['broken'], 1])
    })
  }
})

describe('Ollama that breaks off', () => {
  it('before its head leaves no answer', async (t) => {
    const pool = await aPool(t)
    const { forwarding, watched, wire, finished } = await aDelivery(pool)
    wire.socket.resetAndDestroy()
    await assert.rejects(forwarding.answer, code('upstream_error'))
    assert.deepEqual([watched.status, watched.endings, finished()], [0, ['broken'], 1])
  })

  it('in a stream leaves the last words, and the end of the connection', async (t) => {
    const { house, client, ollama, call } = await aCall(t)
    ollama.write(`${NDJSON_HEAD}${chunk('one')}`)
    await client.get(chunk('one'))
    ollama.socket.resetAndDestroy()
    await client.get(`${chunk('one')}${chunk(LAST_WORDS)}0\r\n\r\n`)
    await endedOnce(call, 'broken')
    await house.open.none()
    await client.left()
  })

  it('in an answer of announced length breaks the client off', async (t) => {
    const { house, client, ollama, call } = await aCall(t)
    ollama.write(sized(MIB)).write('hello')
    await client.get('hello')
    ollama.socket.end()
    await client.left()
    await endedOnce(call, 'broken')
    await house.open.none()
    // Cut short whether it went out with its length or in chunks.
    assert.match(client.received, /hello(?:\r\n)?$/)
  })
})

describe('a client that does not read', () => {
  for (const [what, head, frame, end] of [
    ['a stream', NDJSON_HEAD, (part: string) => chunk(part), '0\r\n\r\n'],
    ['an answer of announced length', sized(32 * MIB), (part: string) => part, ''],
  ] as const) {
    it(`holds Ollama back in ${what}, and gets all of it when it reads`, async (t) => {
      const { client, ollama, call } = await aCall(t)
      assert.equal(call.forwarding.heldBack, false)
      client.socket.pause()
      ollama.write(head)
      const part = frame('x'.repeat(MIB))
      for (let sent = 0; sent < 32; sent++) ollama.write(part)
      ollama.write(end)
      await standstill('what passes', () => call.watched.bytes)
      assert.ok(ollama.socket.writableLength > 8 * MIB, `${ollama.socket.writableLength} bytes are held back`)
      assert.deepEqual(call.watched.endings, [])
      assert.equal(call.forwarding.heldBack, true)
      client.socket.resume()
      await endedOnce(call, 'done')
      assert.equal(call.watched.bytes, 32 * MIB)
      await until('all of it is there', () => client.received.length > 32 * MIB)
    })
  }

  it('and leaves frees its slot once, and Ollama sees it go', async (t) => {
    const { house, client, ollama, call } = await aCall(t)
    client.socket.pause()
    ollama.write(NDJSON_HEAD)
    for (let sent = 0; sent < 32; sent++) ollama.write(chunk('x'.repeat(MIB)))
    await standstill('what passes', () => call.watched.bytes)
    client.socket.resetAndDestroy()
    await endedOnce(call, 'client_gone')
    await house.open.none()
    await ollama.left()
  })
})

describe('a client that leaves', () => {
  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    it(`before the answer frees its slot once, and Ollama sees it go (${how})`, async (t) => {
      const { house, client, ollama, call } = await aCall(t)
      const refused = assert.rejects(call.forwarding.answer, code('client_gone'))
      client.socket[how]()
      await refused
      await endedOnce(call, 'client_gone')
      await house.open.none()
      await ollama.left()
    })

    it(`in a stream frees its slot once, and Ollama sees it go (${how})`, async (t) => {
      const { house, client, ollama, call } = await aCall(t)
      ollama.write(`${NDJSON_HEAD}${chunk('one')}`)
      await client.get(chunk('one'))
      client.socket[how]()
      await endedOnce(call, 'client_gone')
      await house.open.none()
      await ollama.left()
    })

    it(`as Ollama ends frees its slot once (${how})`, async (t) => {
      const { house, client, ollama, call } = await aCall(t)
      ollama.write(`${NDJSON_HEAD}${chunk('one')}`)
      await client.get(chunk('one'))
      ollama.write('0\r\n\r\n')
      client.socket[how]()
      await call.watched.ended()
      await house.open.none()
      await standstill('what is told', () => call.watched.endings.length)
      assert.equal(call.watched.endings.length, 1)
    })
  }
})

describe('a call that is aborted', () => {
  it('before its answer has the reason for one, and Ollama sees it go', async (t) => {
    const { client, ollama, call } = await aCall(t)
    call.forwarding.abort(new Error('too late'), 'unheard')
    await client.get('too late')
    await endedOnce(call, 'aborted')
    await ollama.left()
  })

  it('in an upload leaves a body that nobody reads to its end; in a call whose body is here it does not', async (t) => {
    const pool = await aPool(t)
    const half = new ReadableStream<Uint8Array>({ start: (body) => body.enqueue(Buffer.from('half')) })
    for (const [body, text, cut] of [
      [half, 'half', true],
      [Buffer.from('{}'), '{}', false],
    ] as const) {
      const { forwarding, wire } = await aDelivery(pool, aRequest(body))
      await wire.get(text)
      assert.equal(forwarding.uploadCut, false)
      forwarding.abort(new Failure('body_stalled'))
      await assert.rejects(forwarding.answer, code('body_stalled'))
      assert.equal(forwarding.uploadCut, cut)
    }
  })

  it('in a stream gets the last words that it is given, once', async (t) => {
    const { house, client, ollama, call } = await aCall(t)
    ollama.write(`${NDJSON_HEAD}${chunk('one')}`)
    await client.get(chunk('one'))
    call.forwarding.abort(new Error('silent'), 'words')
    call.forwarding.abort(new Error('silent'), 'words')
    await client.get('0\r\n\r\n')
    assert.ok(client.received.endsWith(`${chunk('one')}${chunk('words')}0\r\n\r\n`))
    await endedOnce(call, 'aborted')
    await house.open.none()
    await ollama.left()
  })
})

describe('an answer that comes while the body is still being sent', () => {
  it('reaches the client, and Ollama gets nothing else on that connection', async (t) => {
    const upload = post('/api/blobs/x', 'x'.repeat(MIB))
    const { house, client, ollama, call } = await aCall(t, upload.slice(0, -1))
    await until('the body comes', () => ollama.received.length > MIB / 2)
    ollama.answer('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno')
    await client.get('\r\n\r\nno')
    assert.match(client.received, /^HTTP\/1\.1 400 /)
    await endedOnce(call, 'done')
    await house.open.none()
    await ollama.left()
    const other = await house.client()
    other.write(get('/api/x'))
    const next = await house.raw.next()
    assert.notEqual(next, ollama)
    next.answer(OK)
    await other.get('\r\n\r\nok')
  })
})
