import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { type Started, startProxy, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'
import { parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

const LINES = Array.from(
  { length: 100 },
  (_, index) => `{"model":"llama3.2","response":"w\u00f6rt ${index}","done":${index === 99}}\n`,
)
const ODD_BYTES = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167) % 256))
const FLOOD = 256 * MIB
/** What may be on its way between Ollama and a client that does not read: socket buffers of two connections. */
const ON_THE_WAY = 48 * MIB
const PIECE = Buffer.alloc(64 * 1024, '{"response":"a long answer","done":false}\n')

export function streams(target: Target): void {
  describe('a stream', () => {
    let flooded = 0
    let upload: 'none' | 'begun' | 'cut' = 'none'
    let ollama: ScriptedOllama
    let proxy: Started

    const flood = async (response: ServerResponse): Promise<void> => {
      for (flooded = 0; flooded < FLOOD && !response.destroyed; flooded += PIECE.length) {
        if (!response.write(PIECE)) await once(response, 'drain')
      }
      response.end()
    }
    const lines = async (response: ServerResponse): Promise<void> => {
      for (const line of LINES) {
        response.write(line)
        await pause(6)
      }
      response.end()
    }
    const answer: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.startsWith('/api/blobs/')) {
        request.once('data', () => {
          upload = 'begun'
        })
        request.once('error', () => {
          upload = 'cut'
        })
        return
      }
      response.setHeader('Content-Type', 'application/x-ndjson')
      if (request.url === '/api/chat') lines(response)
      else if (request.url === '/api/generate') flood(response)
      else response.end(ODD_BYTES)
    }
    before(async () => {
      ollama = await ScriptedOllama.start(answer)
      proxy = await startProxy(target, ollama.url, ['--parallel', '1'])
    })
    after(async () => {
      await proxy?.stop('SIGKILL')
      await ollama.stop()
    })

    const post = (path: string) => {
      const call = new RawCall(proxy.port)
      call.post(path, '{"model":"llama3.2"}')
      return call
    }

    it('comes byte for byte and line by line, a chunk for each', async () => {
      const call = post('/api/chat')
      await until('the end', () => call.received.endsWith('\r\n0\r\n\r\n'), 15_000)
      const { chunks } = parseAnswer(call.received)
      const lines = LINES.map((line) => Buffer.from(line).toString('latin1'))
      if (target.gaps?.chunkBoundaries) {
        assert.equal(chunks.join(''), lines.join(''))
        assert.notDeepEqual(chunks, lines)
      } else assert.deepEqual(chunks, lines)
      call.leave('fin')
    })

    it('may hold any bytes', async () => {
      const response = await fetch(`${proxy.url}/api/embed`, { method: 'POST', body: '{"model":"llama3.2"}' })
      assert.ok(ODD_BYTES.equals(Buffer.from(await response.arrayBuffer())))
    })

    it('promise 8: that nobody reads slows Ollama down and fills no memory', async () => {
      const before = residentOf(proxy)
      const request = httpRequest(`${proxy.url}/api/generate`, { method: 'POST', agent: false })
      request.end('{"model":"llama3.2"}')
      // Nothing is read from an answer until somebody asks for its body.
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      let seen = -1
      await until(
        'Ollama stands still',
        async () => {
          const still = flooded > 0 && flooded === seen
          seen = flooded
          await pause(500)
          return still
        },
        15_000,
      )
      assert.ok(flooded < ON_THE_WAY, `Ollama sent ${flooded} bytes that nobody reads`)
      const during = residentOf(proxy)
      if (before && during) {
        assert.ok(during.now < before.now + ON_THE_WAY, `grew from ${before.now} to ${during.now}`)
      }

      const sha = createHash('sha256')
      for await (const chunk of answer) sha.update(chunk)
      const expected = createHash('sha256')
      for (let at = 0; at < FLOOD; at += PIECE.length) expected.update(PIECE)
      assert.equal(sha.digest('hex'), expected.digest('hex'))
    })

    it('that the client sends is cut at Ollama when the client leaves', async () => {
      const call = new RawCall(proxy.port)
      call.send('POST /api/blobs/sha256:0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc')
      await until('it is on its way', () => upload === 'begun')
      call.leave('rst')
      await until('Ollama notices', () => upload === 'cut')
    })
  })
}
