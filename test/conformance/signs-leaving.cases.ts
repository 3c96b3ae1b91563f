import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import type { Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'
import { isWhole } from './raw-answer.ts'
import { NATIVE_LINES } from './signs-answers.ts'
import { NOTIFY, type SignsSetUp } from './signs-setup.ts'

const PIECE = Buffer.alloc(64 * 1024, '{"response":"a long answer","done":false}\n')
const PIECES = 1_536
const SPACE = 0x20
/** What may be on its way between Ollama and a client that does not read: socket buffers of two connections. */
const ON_THE_WAY = 48 * MIB

/** Clients that leave or do not read after signs of life, and what the proxy tells of such calls. */
export function signsAndClients(target: Target, shared: () => SignsSetUp): void {
  describe('a client that has got signs of life', { concurrency: true }, () => {
    let setUp: SignsSetUp
    before(() => {
      setUp = shared()
    })

    const isLogged = async (id: string) => {
      const { late_status, outcome, signs_ms, status } = await setUp.logged(id)
      assert.deepEqual([status, outcome], [0, 'cancelled'])
      assert.equal(typeof signs_ms, 'number')
      assert.equal(late_status, null)
    }

    for (const how of ['fin', 'rst'] as const) {
      it(`and leaves by ${how} in line gives its place up`, async () => {
        const id = `line-${how}`
        const { call } = await setUp.inLine(id, { model: id, stream: true })
        call.leave(how)
        await setUp.becomes(id, 1, 0)
        await isLogged(id)
        assert.ok(!setUp.ollama.has(id))
      })

      it(`and leaves by ${how} while Ollama is silent frees the slot, and Ollama stops`, async () => {
        const id = `silent-${how}`
        const call = await setUp.silent(id, { model: id, stream: how === 'fin' })
        const held = await setUp.ollama.call(id)
        call.leave(how)
        await setUp.becomes(id, 0, 0)
        await until('Ollama is cut off', () => held.cut)
        await isLogged(id)
      })

      it(`and leaves by ${how} in the middle of the answer frees the slot, and Ollama stops`, async () => {
        const id = `middle-${how}`
        const call = await setUp.silent(id, { model: id, stream: true })
        const held = await setUp.ollama.call(id)
        const [first = ''] = NATIVE_LINES.pieces
        held.response.writeHead(200, { 'Content-Type': NATIVE_LINES.type })
        held.response.write(first)
        await until('it streams', () => call.received.includes('"done":false'))
        call.leave(how)
        await until('Ollama is cut off', () => {
          // Only writes show some platforms that the client is gone.
          if (how === 'fin' && target.gaps?.silentFin && !held.cut) held.response.write(first)
          return held.cut
        })
        await setUp.becomes(id, 0, 0)
        const { outcome, status } = await setUp.logged(id)
        assert.deepEqual([status, outcome], [200, 'cancelled'])
      })
    }

    it('and does not read holds Ollama back, and gets the whole answer when it reads again', async () => {
      const { port } = setUp.proxy
      const headers = { ...NOTIFY, 'X-Request-Id': 'slow' }
      const request = httpRequest({ port, path: '/api/chat', method: 'POST', agent: false, headers })
      request.end('{"model":"slow","messages":[{"role":"user","content":"x"}]}')
      // Nothing is read from an answer until somebody asks for its body.
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      const { response } = await setUp.ollama.call('slow')
      response.writeHead(200, { 'Content-Type': NATIVE_LINES.type })
      const before = residentOf(setUp.proxy)
      const flood = new Flood(response)
      let seen = -1
      await until('Ollama stands still', async () => {
        const still = flood.sent > 0 && flood.sent === seen
        seen = flood.sent
        await pause(300)
        return still
      })
      assert.ok(flood.sent < ON_THE_WAY, `Ollama sent ${flood.sent} bytes that nobody reads`)
      const during = residentOf(setUp.proxy)
      if (before && during) assert.ok(during.now < before.now + ON_THE_WAY, `${before.now} to ${during.now}`)

      const sha = createHash('sha256')
      let signs = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        const at = signs === 0 || flood.sent === 0 ? chunk.findIndex((byte) => byte !== SPACE) : 0
        signs += at < 0 ? chunk.length : at
        if (at >= 0) sha.update(chunk.subarray(at))
      }
      assert.ok(signs > 0)
      const expected = createHash('sha256')
      for (let count = 0; count < PIECES; count++) expected.update(PIECE)
      assert.equal(sha.digest('hex'), expected.digest('hex'))
    })

    it('is served, counted and logged as one that got none', async () => {
      const lines = []
      for (const [id, headers] of [
        ['with', NOTIFY],
        ['without', {}],
      ] as const) {
        const asked = { model: 'counted', path: '/api/chat', stream: true, headers }
        const call = setUp.send(id, asked)
        const held = await setUp.ollama.call(id)
        if (id === 'with') await setUp.sign(call)
        if (!target.gaps?.monitor) {
          const page = (await (await fetch(`${setUp.proxy.url}/queue/requests?model=counted`)).json()) as Live
          const [live] = page.requests
          assert.deepEqual([live?.id, live?.state, live?.bytes_out], [id, 'running', 0])
        }
        held.answer(NATIVE_LINES.type, NATIVE_LINES.pieces)
        await until('the answer', () => isWhole(call.received, false))
        await setUp.becomes('counted', 0, 0)
        lines.push(await setUp.logged(id))
      }
      const [signed, plain] = lines
      assert.ok(signed && plain)
      assert.deepEqual(
        [signed.status, signed.outcome, signed.bytes_out, signed.tokens_out, signed.late_status],
        [200, 'done', Buffer.byteLength(NATIVE_LINES.pieces.join('')), 2, null],
      )
      assert.deepEqual(
        [plain.status, plain.outcome, plain.bytes_out, plain.tokens_out, plain.signs_ms],
        [200, 'done', signed.bytes_out, signed.tokens_out, undefined],
      )
      const { total_processed, total_rejected } = await setUp.stats('counted')
      assert.deepEqual([total_processed, total_rejected], [2, 0])
      if (target.gaps?.monitor) return
      const metrics = await (await fetch(`${setUp.proxy.url}/metrics`)).text()
      const [, done] =
        /requests_total\{[^}]*model="counted"[^}]*outcome="done"[^}]*\} (\d+)/.exec(metrics) ?? []
      assert.equal(done, '2')
    })
  })
}

interface Live {
  readonly requests: readonly { readonly id: string; readonly state: string; readonly bytes_out: number }[]
}

/** An answer as fast as the proxy takes it. */
class Flood {
  sent = 0

  constructor(response: ServerResponse) {
    void this.#run(response)
  }

  async #run(response: ServerResponse): Promise<void> {
    for (let count = 0; count < PIECES && !response.destroyed; count++) {
      this.sent += PIECE.length
      if (!response.write(PIECE)) await once(response, 'drain')
    }
    response.end()
  }
}
