import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chunk, NDJSON_HEAD } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { anIdleConnection, aPool, aRequest, Heard, OK, standstill } from './support.ts'

const MIB = 1024 * 1024

describe('a connection to Ollama', () => {
  it('carries the next call when the one before is answered', async (t) => {
    const pool = await aPool(t)
    const { connection, wire } = await anIdleConnection(pool)
    const heard = new Heard()
    assert.equal(pool.upstream.send(aRequest(), heard), connection)
    assert.equal(await pool.raw.next(), wire)
    assert.match(
      wire.received,
      /^POST \/api\/chat HTTP\/1\.1\r\nHost: ollama\r\nContent-Length: 2\r\n\r\n\{\}$/,
    )
    wire.answer(OK)
    await heard.over()
    assert.deepEqual([heard.status, heard.text, heard.endings], [200, 'ok', ['end']])
  })

  it('carries one call at a time', async (t) => {
    const { raw, upstream } = await aPool(t)
    const [a, b] = [new Heard(), new Heard()]
    upstream.send(aRequest(), a)
    upstream.send(aRequest(), b)
    const [one, two] = [await raw.next(), await raw.next()]
    assert.notEqual(one, two)
    one.answer(OK)
    two.answer(OK)
    await Promise.all([a.over(), b.over()])
  })

  for (const [why, answer] of [
    ['that Ollama means to close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['on which more came than the answer', `${OK}HTTP/1.1 200 OK\r\n`],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ] as const) {
    it(`${why} carries no other call`, async (t) => {
      const { raw, upstream } = await aPool(t)
      const heard = new Heard()
      upstream.send(aRequest(), heard)
      const first = await raw.next()
      first.answer(answer)
      await heard.over()
      await first.left()
      const next = new Heard()
      upstream.send(aRequest(), next)
      const second = await raw.next()
      assert.notEqual(second, first)
      second.answer(OK)
      await next.over()
      assert.deepEqual([heard.endings, next.endings], [['end'], ['end']])
    })
  }

  it('is closed when something comes that nobody asked for', async (t) => {
    const pool = await aPool(t)
    const { connection, wire } = await anIdleConnection(pool)
    wire.write(OK)
    await until('it is closed', () => connection.closed)
  })

  it('that is cut says nothing more, and Ollama sees it go', async (t) => {
    const { raw, upstream } = await aPool(t)
    const heard = new Heard()
    const connection = upstream.send(aRequest(), heard)
    const wire = await raw.next()
    wire.write(`${NDJSON_HEAD}${chunk('one')}`)
    await until('the first chunk', () => heard.text === 'one')
    connection.cut()
    wire.write(chunk('two'))
    await wire.left()
    assert.deepEqual([heard.text, heard.endings], ['one', []])
  })

  it('that is cut before it is open never asks for anything', async (t) => {
    const { raw, upstream } = await aPool(t)
    const [heard, next] = [new Heard(), new Heard()]
    upstream.send(aRequest(), heard).cut()
    upstream.send(aRequest(), next)
    const wire = await raw.next()
    wire.answer(OK)
    await next.over()
    assert.equal(raw.arrived.length, 1)
    assert.deepEqual(heard.endings, [])
  })

  it('that is paused holds Ollama back until it goes on', async (t) => {
    const { raw, upstream } = await aPool(t)
    const heard = new Heard()
    const connection = upstream.send(aRequest(), heard)
    const wire = await raw.next()
    wire.write(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * MIB}\r\n\r\n`)
    await until('the head', () => heard.status === 200)
    connection.pause(true)
    wire.write(Buffer.alloc(32 * MIB))
    await standstill('what Ollama can send', () => wire.socket.writableLength)
    assert.ok(wire.socket.writableLength > 16 * MIB)
    assert.equal(heard.bytes, 0)
    connection.pause(false)
    await heard.over()
    assert.deepEqual([heard.bytes, heard.endings], [32 * MIB, ['end']])
  })
})

describe('a body that is streamed', () => {
  /** A body that the test feeds. */
  function aBody() {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    return { readable, writer: writable.getWriter() }
  }

  it('answered before its end gives the answer, and its connection carries no other call', async (t) => {
    const { raw, upstream } = await aPool(t)
    const { readable, writer } = aBody()
    const heard = new Heard()
    upstream.send(aRequest(readable), heard)
    await writer.write(Buffer.from('half'))
    const wire = await raw.next()
    await wire.get('4\r\nhalf\r\n')
    wire.answer(OK)
    await heard.over()
    assert.deepEqual([heard.text, heard.endings], ['ok', ['end']])
    await wire.left()
    await until('the rest is not taken', () =>
      writer.write(Buffer.from('rest')).then(
        () => false,
        () => true,
      ),
    )
    assert.equal(wire.received, '')
    await anIdleConnection({ raw, upstream })
    assert.notEqual(raw.arrived[1], wire)
  })

  it('that breaks is a break of the call', async (t) => {
    const { raw, upstream } = await aPool(t)
    const { readable, writer } = aBody()
    const heard = new Heard()
    upstream.send(aRequest(readable), heard)
    await writer.write(Buffer.from('half'))
    const wire = await raw.next()
    await wire.get('half')
    writer.abort(new Error('the client left')).catch(() => {})
    await heard.over()
    await wire.left()
    assert.deepEqual(heard.endings, ['failed'])
    assert.ok(!wire.received.includes('\r\n0\r\n'))
  })

  it('waits while Ollama does not read', async (t) => {
    const { raw, upstream } = await aPool(t)
    let taken = 0
    const readable = new ReadableStream<Uint8Array>({
      pull(body) {
        taken++
        if (taken <= 64) body.enqueue(Buffer.alloc(MIB, 'x'))
        else body.close()
      },
    })
    const heard = new Heard()
    upstream.send(aRequest(readable), heard)
    const wire = await raw.next()
    wire.socket.pause()
    await standstill('what is taken of it', () => taken)
    assert.ok(taken < 32, `${taken} MiB were taken`)
    let came = 0
    wire.socket.removeAllListeners('data')
    wire.socket.on('data', (part) => {
      came += part.length
      if (part.toString('latin1').endsWith('\r\n0\r\n\r\n')) wire.socket.write(OK)
    })
    wire.socket.resume()
    await heard.over()
    assert.deepEqual([heard.endings, taken], [['end'], 65])
    assert.ok(came > 32 * MIB)
  })
})
