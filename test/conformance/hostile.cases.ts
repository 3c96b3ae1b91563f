import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { askForMadeUpModels, RealModels } from './made-up-models.ts'
import { closed } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'
import { ask } from './raw-answer.ts'
import { head, RawCall } from './raw-call.ts'

const LARGEST_BODY = 16 * MIB
/** As much of a larger one as it takes to see that it is. */
const TOO_MUCH = LARGEST_BODY + 8 * MIB
/** What a process may grow by while it reads and refuses: one body, the socket buffers, garbage not yet collected. */
const ROOM = 80 * MIB
/** Requests that no server should take, and the statuses that say so; 0 is an end without an answer. */
const GARBAGE: readonly [what: string, request: string, statuses: readonly number[]][] = [
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400, 0]],
  ['a header without a colon', 'GET /health HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n', [400]],
  ['a zero byte in a header', 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n', [400]],
  [
    'a header of 300 KB',
    `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(300_000)}\r\n\r\n`,
    [431],
  ],
  [
    'two lengths',
    'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    [400],
  ],
  [
    'a length and chunks',
    'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    [400],
  ],
  [
    'a length that is no number',
    'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
    [400],
  ],
  [
    'a chunk without a size',
    'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    [400, 0],
  ],
]

export function hostileInput(target: Target): void {
  describe('hostile input', () => {
    let config: ConfigFile
    let pair: Pair
    before(async () => {
      config = await ConfigFile.write(`max_body_size: ${LARGEST_BODY}\n`)
      pair = await Pair.start(target, {
        simulate: [
          '--parallel',
          '16',
          '--load-time',
          '0',
          '--token-rate',
          '500',
          '--prompt-rate',
          '1000000000',
        ],
        serve: ['--config', config.path, '--parallel', '2', '--timeout', '20'],
      })
      await (await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body: small })).text()
    })
    after(async () => {
      await pair?.stop()
      await config.remove()
    })
    const small = JSON.stringify({
      model: 'llama3.2',
      prompt: 'x',
      stream: false,
      options: { num_predict: 2 },
    })

    const live = async () => {
      assert.equal((await fetch(`${pair.proxy.url}/health/live`)).status, 200)
      const { active_requests, queued_requests } = await pair.stats()
      assert.equal(active_requests + queued_requests, 0)
    }

    it('of a body that says it is too large is refused before it is sent', async () => {
      const call = new RawCall(pair.proxy.port)
      call.send(head('/api/chat', 100 * MIB))
      await until('it is answered', () => call.received.includes('body_too_large'))
      await closed(call, target)
      assert.equal(call.status, 413)
      assert.match(call.received, /"error":"body_too_large: .+","code":"body_too_large"/)
      await live()
    })

    for (const framing of ['sized', 'chunked'] as const) {
      it(`of 100 MiB, ${framing}, is refused and not kept in memory`, async () => {
        const before = residentOf(pair.proxy)
        const call = new RawCall(pair.proxy.port)
        const lines = head('/api/chat', 100 * MIB)
        call.send(
          framing === 'sized' ? lines : lines.replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked'),
        )
        const piece = 'x'.repeat(MIB)
        for (let sent = 0; sent < TOO_MUCH / MIB && !call.closed && call.status === 0; sent++) {
          call.send(framing === 'sized' ? piece : `${MIB.toString(16)}\r\n${piece}\r\n`)
          await until('it is taken', () => call.socket.writableLength < 4 * MIB || call.closed)
        }
        // With more on the way the answer could be lost: a connection that closes on unread bytes is reset.
        await until('it is answered', () => call.status !== 0 || call.closed)
        // A connection that is closed while the client still sends may lose what was written to it.
        if (call.status !== 0 || !target.gaps?.ownParser) assert.equal(call.status, 413)
        call.leave('fin')
        const after = residentOf(pair.proxy)
        if (before && after)
          assert.ok(after.peak < before.peak + ROOM, `grew from ${before.peak} to ${after.peak}`)
        await live()
      })
    }

    for (const [what, request, statuses] of GARBAGE) {
      it(`that is ${what} ends its own connection and nothing else`, async () => {
        const call = new RawCall(pair.proxy.port)
        call.send(request)
        if (target.gaps?.ownParser) {
          await pause(100)
          call.leave('rst')
          return live()
        }
        await until('the connection is closed', () => call.closed)
        assert.ok(statuses.includes(call.status), `answered ${call.status}`)
        await live()
      })
    }

    for (const [what, body] of [
      ['cut off JSON', '{"model":"llama3.2","messages":[{"role":'],
      ['JSON with a comma too much', '{"model":"llama3.2",}'],
      ['a list', '["llama3.2"]'],
      ['a model that is a number', '{"model":7,"messages":[]}'],
      ['a million open brackets', `{"model":"llama3.2","messages":${'['.repeat(1_000_000)}`],
      ['a million open objects', `{"model":"llama3.2","messages":${'{"a":'.repeat(200_000)}`],
      ['a name of 10 KB', JSON.stringify({ model: 'n'.repeat(10_240), messages: [] })],
      ['a name of zero bytes', '{"model":"\\u0000","messages":[]}'],
      ['bytes that are no text', '{"model":"\xff\xfe","messages":[]}'],
    ] as const) {
      it(`that is ${what} gets Ollama's own answer`, async () => {
        const { total_models } = await figures(pair)
        const request = `${head('/api/chat', body.length).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}${body}`
        const answer = await ask(pair.proxy.port, request)
        const expected = await ask(pair.simulator.port, request)
        assert.equal(answer.statusLine, expected.statusLine)
        assert.equal(answer.body, expected.body)
        assert.equal((await figures(pair)).total_models, total_models, 'no lane for what is no name')
        await live()
      })
    }

    it('of a multitude of made-up models leaves no name and no memory behind', async () => {
      const depth = target.gaps?.pipelining ? 1 : 10
      // So many only to see that the memory does not grow.
      const [few, many] = target.gaps?.ownProcess ? [1_500, 3_000] : [10_000, 20_000]
      const real = await RealModels.called(pair)
      await askForMadeUpModels(pair, 0, few, depth)
      await real.areAlone()
      // The heap has found its size by now; what comes is made to leave nothing behind.
      const before = residentOf(pair.proxy)
      await askForMadeUpModels(pair, few, many, depth)
      await real.areAlone()
      const after = residentOf(pair.proxy)
      if (before && after) assert.ok(after.now < before.now + ROOM, `grew from ${before.now} to ${after.now}`)
      await live()
    })
  })

  describe('a body that comes too slowly', () => {
    it('is cut off at the deadline with 504', async () => {
      const pair = await Pair.start(target, { simulate: [], serve: ['--timeout', '0.5'] })
      try {
        const call = new RawCall(pair.proxy.port)
        call.send(`${head('/api/chat', 10_000)}{"model":"llama3.2"`)
        const drip = setInterval(() => call.send(' '), 50)
        // The head of the answer can come some time before its body.
        await until('it is answered', () => call.received.includes('"code":"timeout"')).finally(() =>
          clearInterval(drip),
        )
        assert.equal(call.status, 504)
        await closed(call, target)
        assert.equal((await pair.simulated()).submitted, 0)
      } finally {
        await pair.stop()
      }
    })
  })
}

async function figures(pair: Pair): Promise<{ total_models: number }> {
  return (await (await fetch(`${pair.proxy.url}/queue/stats`)).json()) as { total_models: number }
}
