import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { Agent, fetch } from 'undici'
import { aRawUpstream, type Wire } from '../support/raw-upstream.ts'
import { until } from '../support/until.ts'
import { type Started, startProxy, type Target } from './pair.ts'
import { parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'

const LINE = '{"model":"llama3.2","response":"one","done":false}\n'
const EVENT = 'data: {"choices":[{"delta":{"content":"one"}}]}\n\n'

/** A compressed stream that was flushed after its first words: what Ollama's side of a broken answer looks like. */
const ENCODED: Readonly<Record<string, (text: string) => Buffer>> = {
  gzip: (text) => gzipSync(text).subarray(0, -8),
  br: (text) => brotliCompressSync(text).subarray(0, -1),
  // A frame of one raw block that is not the last one.
  zstd: (text) => {
    const block = text.length << 3
    const head = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, block & 255, (block >> 8) & 255, block >> 16]
    return Buffer.concat([Buffer.from(head), Buffer.from(text)])
  },
}

const STREAMS = [
  { path: '/api/chat', type: 'application/x-ndjson', text: LINE },
  { path: '/v1/chat/completions', type: 'text/event-stream', text: EVENT },
]

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

export function answers(target: Target): void {
  describe('an answer of Ollama', () => {
    let ollama: Awaited<ReturnType<typeof aRawUpstream>>
    let proxy: Started
    before(async () => {
      ollama = await aRawUpstream()
      proxy = await startProxy(target, ollama.url, ['--parallel', '8'])
    })
    after(async () => {
      await proxy?.stop('SIGKILL')
      ollama.close()
    })

    /** A call whose answer has begun, as its client reads it. */
    const begun = async (path: string, head: string, first: Buffer, id: string) => {
      const asked = fetch(proxy.url + path, {
        method: 'POST',
        body: '{"model":"llama3.2","messages":[{}],"stream":true}',
        headers: { 'x-request-id': id, 'accept-encoding': 'gzip, br, zstd' },
        // A connection of its own: one that is being cut must not carry the next call. Not by `Connection: close`, under
        // which undici takes an answer that was cut for a whole one.
        dispatcher: new Agent(),
      })
      const wire = await ollama.next()
      wire.write(`HTTP/1.1 200 OK\r\n${head}Transfer-Encoding: chunked\r\n\r\n`).write(chunk(first))
      const answer = await asked
      const read = { bytes: Buffer.alloc(0), ended: false, failed: false }
      const reading = (async () => {
        for await (const part of answer.body ?? []) read.bytes = Buffer.concat([read.bytes, part])
      })()
      void reading.then(
        () => {
          read.ended = true
        },
        () => {
          read.failed = true
        },
      )
      return { wire, answer, read }
    }

    for (const { path, type, text } of STREAMS) {
      it(`of ${type} says what we say of it once, and asks a proxy before us not to gather it`, async () => {
        const call = new RawCall(proxy.port)
        const body = '{"model":"llama3.2","messages":[{}],"stream":true}'
        call.send(
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\nX-Request-Id: ours\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
        const wire = await ollama.next()
        const head = [
          `Content-Type: ${type}`,
          'X-Request-Id: theirs',
          'X-Queue-Wait-Ms: 5',
          'Access-Control-Allow-Origin: http://localhost:3000',
          'Access-Control-Expose-Headers: X-Theirs',
          `Content-Length: ${text.length}`,
        ]
        wire.answer(`HTTP/1.1 200 OK\r\n${head.join('\r\n')}\r\n\r\n${text}`)
        await until('it is there', () => call.received.includes(text))
        const values = (name: string) =>
          parseAnswer(call.received)
            .headers.filter(([given]) => given.toLowerCase() === name)
            .map(([, value]) => value)
        assert.deepEqual(values('x-request-id'), ['ours'])
        assert.equal(values('x-queue-wait-ms').length, 1)
        assert.notDeepEqual(values('x-queue-wait-ms'), ['5'])
        assert.deepEqual(values('x-accel-buffering'), ['no'])
        assert.equal(
          values('access-control-expose-headers').join(', '),
          'X-Theirs, X-Request-Id, X-Queue-Wait-Ms, Server-Timing',
        )
        call.leave('fin')
      })
    }

    const breaks: Readonly<Record<string, (wire: Wire, id: string) => unknown>> = {
      'whose connection Ollama resets': (wire) => wire.socket.resetAndDestroy(),
      'that an operator ends': (_, id) =>
        fetch(`${proxy.url}/admin/queue/cancel`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ id }),
        }),
    }

    for (const [how, breakOff] of Object.entries(breaks)) {
      if (target.gaps?.monitor && how.includes('operator')) continue
      for (const { path, type, text } of STREAMS) {
        for (const [encoding, encoded] of Object.entries(ENCODED)) {
          it(`in ${encoding} of ${type} ${how} is cut, and its reader hears of it`, async () => {
            const head = `Content-Type: ${type}\r\nContent-Encoding: ${encoding}\r\n`
            const id = `${encoding}-${path.length}-${how.length}`
            const { wire, answer, read } = await begun(path, head, encoded(text), id)
            assert.equal(answer.headers.get('content-encoding'), encoding)
            await breakOff(wire, id)
            await until('the reader hears of it', () => read.failed || read.ended)
            assert.equal(read.failed, !target.gaps?.cutAnswers, `ended with ${read.bytes}`)
            assert.ok(!read.bytes.includes('error'), `nothing of ours in it: ${read.bytes}`)
          })
        }

        it(`in no encoding of ${type} ${how} ends with our last words`, async () => {
          const head = `Content-Type: ${type}\r\nContent-Encoding: Identity\r\n`
          const id = `plain-${path.length}-${how.length}`
          const { wire, read } = await begun(path, head, Buffer.from(text), id)
          await until('it is being read', () => read.bytes.length > 0)
          await breakOff(wire, id)
          await until('the reader hears of it', () => read.failed || read.ended)
          assert.equal(read.ended, true)
          assert.match(read.bytes.toString(), /^.*\n+(?:data: )?\{"error":/s)
        })
      }
    }
  })
}
