import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { SizedBody, StreamedBody } from '../../../src/runtimes/bun/answer-body.ts'
import { bunApi } from '../../../src/runtimes/bun/bun-api.ts'
import { chunk, get } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { aClient, standstill } from './support.ts'

const KIB = 1024
const FULL_BYTES = 256 * KIB

const bytes = (text: string) => Buffer.from(text)
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4)

/** A sized body, and what it tells. */
function aSizedBody() {
  const told: string[] = []
  const body = new SizedBody(
    (full) => told.push(full ? 'full' : 'room'),
    () => told.push('cancelled'),
  )
  return { body, told, end: () => body.end(() => told.push('done')) }
}

describe('a body of an announced length', () => {
  it('is done when the client has taken its last byte, not before', async () => {
    const { body, told, end } = aSizedBody()
    const reader = body.stream.getReader()
    body.write(bytes('one'))
    body.write(bytes('two'))
    end()
    await reader.read()
    assert.ok(!told.includes('done'))
    await reader.read()
    assert.equal((await reader.read()).done, true)
    assert.deepEqual(
      told.filter((what) => what !== 'room'),
      ['done'],
    )
  })

  it('without anything left is done at once', () => {
    const { told, end } = aSizedBody()
    end()
    assert.deepEqual(told, ['done'])
  })

  it('is full at 256 KiB and has room again when the client has read', async () => {
    const { body, told } = aSizedBody()
    body.write(Buffer.alloc(FULL_BYTES - 1))
    assert.ok(!told.includes('full'))
    body.write(Buffer.alloc(1))
    assert.equal(told.at(-1), 'full')
    await body.stream.getReader().read()
    await until('there is room', () => told.at(-1) === 'room')
  })

  it('that the client cancels says so once and is never done', async () => {
    const { body, told, end } = aSizedBody()
    body.write(bytes('one'))
    await body.stream.cancel()
    body.write(bytes('two'))
    end()
    assert.deepEqual(
      told.filter((what) => what !== 'room'),
      ['cancelled'],
    )
  })

  it('that breaks breaks for the client and is never done', async () => {
    const { body, told, end } = aSizedBody()
    const reader = body.stream.getReader()
    body.break()
    body.write(bytes('late'))
    end()
    await assert.rejects(reader.read(), /broke off/)
    assert.ok(!told.includes('done'))
  })
})

/** A body of unknown length on its way to a client that has asked for it. */
async function aStreamedBody(t: TestContext) {
  const told: string[] = []
  const body = new StreamedBody((full) => {
    if (told.at(-1) !== (full ? 'full' : 'room')) told.push(full ? 'full' : 'room')
  })
  const server = bunApi().serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 0,
    development: false,
    fetch: () => new Response(body.stream),
    error: () => new Response(null, { status: 500 }),
  })
  t.after(() => server.stop(true))
  const client = await aClient(t, server.port)
  return {
    body,
    told,
    client,
    ask: () => client.write(get('/')),
    end: () => body.end(() => told.push('done')),
  }
}

describe('a body of unknown length', () => {
  it('keeps what is written before it is asked for', async (t) => {
    const { body, told, client, ask, end } = await aStreamedBody(t)
    body.write(bytes('one'))
    body.write(bytes('two'))
    end()
    assert.deepEqual(told, [])
    ask()
    await client.get('0\r\n\r\n')
    assert.equal(bodyOf(client.received), `${chunk('one')}${chunk('two')}0\r\n\r\n`)
    assert.deepEqual(told, ['room', 'done'])
  })

  it('is sent chunk for chunk, each as it comes', async (t) => {
    const { body, client, ask, end } = await aStreamedBody(t)
    ask()
    for (const part of ['one', 'two', 'three']) {
      body.write(bytes(part))
      await client.get(chunk(part))
    }
    end()
    await client.get(`${chunk('one')}${chunk('two')}${chunk('three')}0\r\n\r\n`)
  })

  it('is done when a client that is full has room for the last of it', async (t) => {
    const { body, told, client, ask, end } = await aStreamedBody(t)
    client.socket.pause()
    ask()
    await until('it is asked for', () => told.length > 0)
    let written = 0
    while (told.at(-1) !== 'full') {
      body.write(Buffer.alloc(64 * KIB, 'x'))
      written++
    }
    body.write(bytes('the last'))
    end()
    await standstill('what is told', () => told.length)
    assert.deepEqual(told, ['room', 'full'])
    client.socket.resume()
    await client.get('0\r\n\r\n')
    assert.deepEqual(told, ['room', 'full', 'room', 'done'])
    assert.ok(client.received.endsWith(`${chunk('the last')}0\r\n\r\n`))
    assert.equal(client.received.split('10000\r\n').length - 1, written)
  })

  it('that breaks breaks the connection and is never done', async (t) => {
    const { body, told, client, ask, end } = await aStreamedBody(t)
    ask()
    body.write(bytes('one'))
    await client.get(chunk('one'))
    body.break()
    body.write(bytes('late'))
    end()
    await client.left()
    assert.equal(bodyOf(client.received), chunk('one'))
    assert.ok(!told.includes('done'))
  })

  it('that is dropped writes nothing more and is never done', async (t) => {
    const { body, told, client, ask, end } = await aStreamedBody(t)
    ask()
    body.write(bytes('one'))
    await client.get(chunk('one'))
    body.drop()
    body.write(bytes('late'))
    end()
    await standstill('what comes', () => client.received.length)
    assert.ok(!client.received.includes('late'))
    assert.ok(!told.includes('done'))
  })
})
