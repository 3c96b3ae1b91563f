import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import type { LoadOutcome } from '../../../src/cli/load/outcome.ts'
import { Sender } from '../../../src/cli/load/send.ts'
import { foregroundClock } from '../../../src/clock.ts'

type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void

/** Sends one call to a server that answers so. */
async function sent(t: TestContext, answer: Answer, { timeoutMs = 5_000, abortWhenOpen = false } = {}) {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    answer(response, request, body)
    if (abortWhenOpen) call.abort()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const sender = new Sender({
    clock: foregroundClock,
    url: new URL(`http://127.0.0.1:${port}/api/chat`),
    timeoutMs,
  })
  t.after(() => {
    sender.close()
    server.close()
    server.closeAllConnections()
  })
  const gaps: number[] = []
  const call = sender.send({
    body: '{"model":"m…"}',
    dueAt: foregroundClock.now() - 100,
    onGap: (ms) => gaps.push(ms),
  })
  return { outcome: await call.outcome, gaps }
}

function isAnswered(outcome: LoadOutcome): asserts outcome is Extract<LoadOutcome, { kind: 'answered' }> {
  assert.equal(outcome.kind, 'answered', JSON.stringify(outcome))
}

describe('Sender', () => {
  it('posts the body with its length, and times the answer from when the call was due', async (t) => {
    let seen: unknown
    const { outcome, gaps } = await sent(t, (response, { method, url, headers }, body) => {
      seen = [method, url, headers['content-length'], body]
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.end('{"done":false}\n{"done":false}\n{"done":true,"eval_count":2}\n')
    })
    assert.deepEqual(seen, ['POST', '/api/chat', '16', '{"model":"m…"}'])
    isAnswered(outcome)
    assert.equal(outcome.tokens, 2)
    assert.ok(outcome.firstByteMs >= 100 && outcome.totalMs >= outcome.firstByteMs)
    assert.equal(gaps.length, 2)
  })

  it('uses a connection again once an answer is whole', async (t) => {
    const ports: unknown[] = []
    const server = createServer((request, response) => {
      ports.push(request.socket.remotePort)
      request.resume().on('end', () => response.end('{}'))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const url = new URL(`http://127.0.0.1:${port}/api/chat`)
    const sender = new Sender({ clock: foregroundClock, url, timeoutMs: 5_000 })
    t.after(() => {
      sender.close()
      server.close()
      server.closeAllConnections()
    })
    for (let i = 0; i < 5; i++) {
      const { outcome } = sender.send({ body: '{}', dueAt: foregroundClock.now(), onGap: () => {} })
      assert.equal((await outcome).kind, 'answered')
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(new Set(ports).size, 1)
  })

  it('names a refusal by its status and code', async (t) => {
    const { outcome } = await sent(t, (response) =>
      response.writeHead(503).end('{"error":"queue_full: busy","code":"queue_full"}'),
    )
    assert.deepEqual({ ...outcome, totalMs: 0 }, { kind: 'refused', why: '503 queue_full', totalMs: 0 })
  })

  it('calls an answer failed that breaks off, with a length and in chunks', async (t) => {
    for (const headers of [{ 'content-length': '100' }, { 'content-type': 'application/x-ndjson' }]) {
      const { outcome } = await sent(t, (response) => {
        response.writeHead(200, headers)
        response.write('{"done":false}\n', () => response.destroy())
      })
      assert.equal(outcome.kind, 'failed')
    }
  })

  it('calls a connection failed that closes without an answer', async (t) => {
    const { outcome } = await sent(t, (response) => response.destroy())
    assert.equal(outcome.kind, 'failed')
  })

  it('calls a call failed at once when the server wants to talk about something else', async (t) => {
    const { outcome } = await sent(t, ({ socket }) =>
      socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    )
    assert.deepEqual(outcome, { kind: 'failed', why: 'server switched protocols' })
  })

  it('gives up when its patience ends, also in the middle of an answer', async (t) => {
    const silent = await sent(t, () => {}, { timeoutMs: 150 })
    assert.deepEqual(silent.outcome, { kind: 'timed_out' })
    const slow = await sent(t, (response) => response.writeHead(200).write('x'), { timeoutMs: 200 })
    assert.deepEqual(slow.outcome, { kind: 'timed_out' })
  })

  it('ends when it is told to', async (t) => {
    const { outcome } = await sent(t, () => {}, { abortWhenOpen: true })
    assert.deepEqual(outcome, { kind: 'aborted' })
  })
})
