import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type NodeHarness, nodeHarness } from '../../support/node-harness.ts'
import { CHAT, chunk, NDJSON_HEAD, post } from '../../support/raw-http.ts'
import type { Wire } from '../../support/raw-upstream.ts'
import { until } from '../../support/until.ts'

let house: NodeHarness
afterEach(() => house.close())

const WAYS: Record<string, (wire: Wire) => void> = {
  'closes its connection': (wire) => void wire.socket.destroy(),
  'resets its connection': (wire) => void wire.socket.resetAndDestroy(),
}

const nobodyLeft = () =>
  until('no slot and no place in line is taken', async () => {
    const { active, queued } = await house.lane()
    return active === 0 && queued === 0
  })

const outcomes = () => house.calls.map(({ outcome }) => outcome)

for (const [how, leave] of Object.entries(WAYS)) {
  describe(`a client that ${how}`, () => {
    it('while its body arrives is gone, Ollama never hears of it', async () => {
      house = await nodeHarness()
      const client = await house.client()
      client.write(post('/api/chat', CHAT).slice(0, -5))
      await new Promise(setImmediate)
      leave(client)
      await until('it is told', () => house.calls.length === 1)
      assert.deepEqual(outcomes(), ['cancelled'])
      assert.equal(house.upstream.arrived.length, 0)
      await nobodyLeft()
    })

    it('while it waits leaves the line to the next', async () => {
      house = await nodeHarness()
      const [running, leaving, staying] = [await house.client(), await house.client(), await house.client()]
      running.write(post('/api/chat', CHAT))
      const ollama = await house.upstream.next()
      leaving.write(post('/api/chat', CHAT))
      await until('one waits', async () => (await house.lane()).queued === 1)
      staying.write(post('/api/chat', CHAT))
      await until('two wait', async () => (await house.lane()).queued === 2)
      leave(leaving)
      await until('one waits', async () => (await house.lane()).queued === 1)
      ollama.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      const next = await house.upstream.next()
      await next.get(CHAT)
      next.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await staying.get('\r\n\r\nok')
      await nobodyLeft()
      assert.deepEqual(outcomes(), ['cancelled', 'done', 'done'])
      assert.equal(house.upstream.arrived.length, 2)
    })

    it('before Ollama answers has it cut off at once', async () => {
      house = await nodeHarness()
      const client = await house.client()
      client.write(post('/api/chat', CHAT))
      const ollama = await house.upstream.next()
      await ollama.get(CHAT)
      leave(client)
      await until('Ollama is cut off', () => ollama.ended || ollama.closed)
      await nobodyLeft()
      assert.deepEqual(outcomes(), ['cancelled'])
      assert.equal(house.calls[0]?.status, 0)
    })

    it('while the answer streams has Ollama cut off at once', async () => {
      house = await nodeHarness()
      const client = await house.client()
      client.write(post('/api/chat', CHAT))
      const ollama = await house.upstream.next()
      ollama.write(NDJSON_HEAD + chunk('{"done":false}\n'))
      await client.get('done')
      leave(client)
      await until('Ollama is cut off', () => ollama.ended || ollama.closed)
      await nobodyLeft()
      assert.deepEqual(outcomes(), ['cancelled'])
    })

    it('with the last byte on its way gives the slot back once', async () => {
      house = await nodeHarness()
      for (let round = 1; round <= 5; round++) {
        const client = await house.client()
        client.write(post('/api/chat', CHAT))
        const ollama = await house.upstream.next()
        await ollama.get(CHAT)
        ollama.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        if (round % 2) await new Promise(setImmediate)
        leave(client)
        await until('it is told', () => house.calls.length === round)
        await nobodyLeft()
      }
      assert.ok(outcomes().every((outcome) => outcome === 'done' || outcome === 'cancelled'))
    })

    it('in an upload has Ollama cut off at once', async () => {
      house = await nodeHarness()
      const client = await house.client()
      client.write(
        'POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc',
      )
      const ollama = await house.upstream.next()
      await ollama.get('abc')
      leave(client)
      await until('Ollama is cut off', () => ollama.ended || ollama.closed)
    })
  })
}

describe('a client with two calls on their way on one connection', () => {
  const two = async () => {
    house = await nodeHarness({ OLLAMA_NUM_PARALLEL: '2' })
    const client = await house.client()
    client.write(post('/api/chat', CHAT) + post('/api/chat', CHAT))
    const first = await house.upstream.next()
    assert.deepEqual(await house.lane(), { active: 1, queued: 0 })
    return { client, first }
  }

  it('has the second admitted once the first is answered, though a slot is free', async () => {
    const { client, first } = await two()
    assert.equal(house.upstream.arrived.length, 1)
    first.answer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none')
    const second = await house.upstream.next()
    second.answer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
    assert.match(await client.get('two'), /\r\n\r\none[\s\S]*\r\n\r\ntwo$/)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['done', 'done'])
  })
  it('leaves no trace of the second when it leaves before the first is answered', async () => {
    const { client, first } = await two()
    client.socket.destroy()
    await until('the first is cut off', () => first.ended || first.closed)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['cancelled'])
    assert.equal(house.upstream.arrived.length, 1)
  })
  it('gives the slot of the second back when it leaves during the second', async () => {
    const { client, first } = await two()
    first.answer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none')
    const second = await house.upstream.next()
    client.socket.destroy()
    await until('the second is cut off', () => second.ended || second.closed)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['done', 'cancelled'])
  })
  it('has its request refused in its turn, behind the answer before it', async () => {
    const { client, first } = await two()
    client.write('GET /queue/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    first.answer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none')
    const second = await house.upstream.next()
    second.answer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
    await client.left()
    assert.match(client.received, /one[\s\S]*two[\s\S]*HTTP\/1\.1 404 /)
  })
})

describe('a client that sent its last byte and ends its side', () => {
  it('is taken to have left: it cannot be told apart from one that did', async () => {
    house = await nodeHarness()
    const client = await house.client()
    client.write(post('/api/chat', CHAT))
    const ollama = await house.upstream.next()
    client.socket.end()
    await until('Ollama is cut off', () => ollama.ended || ollama.closed)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['cancelled'])
  })
})

describe('deadlines on real sockets', () => {
  it('a silent Ollama is a 504 and is cut off', async () => {
    house = await nodeHarness({ REQUEST_TIMEOUT: '0.2' })
    const client = await house.client()
    client.write(post('/api/chat', CHAT))
    const ollama = await house.upstream.next()
    assert.match(await client.get('"timeout"'), /^HTTP\/1\.1 504 /)
    await until('Ollama is cut off', () => ollama.ended || ollama.closed)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['timed_out'])
  })
  it('an answer that falls silent gets a last line', async () => {
    house = await nodeHarness({ STREAM_IDLE_TIMEOUT: '0.2' })
    const client = await house.client()
    client.write(post('/api/chat', CHAT))
    const ollama = await house.upstream.next()
    ollama.write(NDJSON_HEAD + chunk('{"done":false}\n'))
    await until('the client is closed', () => client.ended)
    assert.match(client.received, /\{"error":"[^\n]+"\}\n\r\n0\r\n\r\n$/)
    await until('Ollama is cut off', () => ollama.ended || ollama.closed)
    await nobodyLeft()
    assert.deepEqual(outcomes(), ['timed_out'])
  })
  it('a body that never comes is a 504', async () => {
    house = await nodeHarness({ REQUEST_TIMEOUT: '0.2' })
    const client = await house.client()
    client.write(post('/api/chat', CHAT).slice(0, -5))
    assert.match(await client.get('"timeout"'), /^HTTP\/1\.1 504 /)
    assert.deepEqual(outcomes(), ['timed_out'])
  })
})
