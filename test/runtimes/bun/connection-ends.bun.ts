import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, it } from 'node:test'
import { bunApi } from '../../../src/runtimes/bun/bun-api.ts'
import { BunUpstream } from '../../../src/runtimes/bun/upstream.ts'
import { chunk, NDJSON_HEAD } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { anIdleConnection, aPool, aRequest, Heard, OK } from './support.ts'

describe('an idle connection that Ollama closes', () => {
  it('is not used again', async (t) => {
    const pool = await aPool(t)
    const { connection, wire } = await anIdleConnection(pool)
    wire.socket.end()
    await until('it is closed', () => connection.closed)
    await anIdleConnection(pool)
    assert.equal(pool.raw.arrived.length, 2)
  })

  it('and took nothing of the next call: that one is sent again', async (t) => {
    const pool = await aPool(t)
    const { connection, wire } = await anIdleConnection(pool)
    // In one turn with what follows, so that nobody has been told of it.
    wire.socket.resetAndDestroy()
    const heard = new Heard()
    assert.notEqual(pool.upstream.send(aRequest(), heard), connection)
    const second = await pool.raw.next()
    assert.notEqual(second, wire)
    second.answer(OK)
    await heard.over()
    assert.deepEqual([heard.status, heard.endings], [200, ['end']])
  })

  it('and took nothing of a streamed call: that one is sent again, body and all', async (t) => {
    const pool = await aPool(t)
    const { wire } = await anIdleConnection(pool)
    wire.socket.resetAndDestroy()
    const heard = new Heard()
    pool.upstream.send(aRequest(new Blob(['hello']).stream()), heard)
    const second = await pool.raw.next()
    await second.get('\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
    second.answer(OK)
    await heard.over()
    assert.deepEqual(heard.endings, ['end'])
  })

  it('and took the next call: that one has failed, once, and is not sent again', async (t) => {
    const pool = await aPool(t)
    const { connection, wire } = await anIdleConnection(pool)
    // The kernel takes what is written to a connection that was closed without a reset.
    wire.socket.destroy()
    const heard = new Heard()
    assert.equal(pool.upstream.send(aRequest(), heard), connection)
    await heard.over()
    await anIdleConnection(pool)
    assert.deepEqual(heard.endings, ['failed'])
    assert.equal(pool.raw.arrived.length, 2)
  })
})

describe('an answer', () => {
  for (const [when, answer] of [
    ['before its head', ''],
    ['in its head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['before its announced end', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
    ['between two chunks', `${NDJSON_HEAD}${chunk('hello')}`],
    ['within a chunk', `${NDJSON_HEAD}a\r\nhello`],
  ] as const) {
    for (const how of ['end', 'resetAndDestroy'] as const) {
      it(`that breaks ${when} (${how}) has failed, once`, async (t) => {
        const { raw, upstream } = await aPool(t)
        const heard = new Heard()
        const connection = upstream.send(aRequest(), heard)
        const wire = await raw.next()
        if (answer !== '') wire.write(answer)
        if (answer.includes('hello')) await until('the first bytes', () => heard.text === 'hello')
        wire.socket[how]()
        await heard.over()
        assert.deepEqual(heard.endings, ['failed'])
        assert.ok(connection.closed)
      })
    }
  }

  it('without a length ends with its connection', async (t) => {
    const { raw, upstream } = await aPool(t)
    const heard = new Heard()
    upstream.send(aRequest(), heard)
    const wire = await raw.next()
    wire.write('HTTP/1.1 200 OK\r\n\r\nhello').socket.end()
    await heard.over()
    assert.deepEqual([heard.text, heard.endings], ['hello', ['end']])
  })

  it('that is none has failed, once', async (t) => {
    const { raw, upstream } = await aPool(t)
    const heard = new Heard()
    upstream.send(aRequest(), heard)
    const wire = await raw.next()
    wire.answer('SSH-2.0-OpenSSH\r\n\r\n')
    await heard.over()
    await wire.left()
    assert.deepEqual(heard.endings, ['failed'])
  })

  it('from nobody has failed, once', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    server.close()
    await once(server, 'close')
    const upstream = new BunUpstream('ollama', `http://127.0.0.1:${port}`, bunApi())
    const heard = new Heard()
    upstream.send(aRequest(), heard)
    await heard.over()
    upstream.destroy()
    assert.deepEqual(heard.endings, ['failed'])
  })
})
