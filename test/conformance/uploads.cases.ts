import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { masked } from './masked.ts'
import { Pair, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'
import { RawCall } from './raw-call.ts'

const LARGE = 1024 * MIB
/** Keeps a proxy below 150 MiB that starts with 80, as the built one does; the loader of the sources adds to both. */
const ROOM = 70 * MIB

export function uploads(target: Target): void {
  describe('an upload', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--prompt-rate', '1000000000', '--token-rate', '500'],
        serve: ['--parallel', '1'],
      })
    })
    after(() => pair.stop())

    const post = (path: string, headers: Record<string, string | number>) =>
      httpRequest(pair.proxy.url + path, { method: 'POST', agent: false, headers })

    it('of 1 GiB streams through, whole, without filling the memory', async () => {
      const before = residentOf(pair.proxy)
      const upload = post(`/api/blobs/sha256:${'0'.repeat(64)}`, { 'Content-Length': LARGE })
      const answered = once(upload, 'response')
      const sha = createHash('sha256')
      const block = randomBytes(MIB)
      for (let sent = 0; sent < LARGE; sent += MIB) {
        const piece = Buffer.from(block)
        piece.writeUInt32LE(sent / MIB)
        sha.update(piece)
        if (!upload.write(piece)) await once(upload, 'drain')
      }
      upload.end()
      const [answer] = (await answered) as [IncomingMessage]
      // Sent under another digest on purpose: the simulator's answer then tells what it has read.
      assert.equal(answer.statusCode, 400)
      assert.ok((await textOf(answer)).includes(`got \\"sha256:${sha.digest('hex')}\\"`))
      const after = residentOf(pair.proxy)
      const room = target.gaps?.promptCollection ? 2 * ROOM : ROOM
      if (before && after)
        assert.ok(after.peak < before.now + room, `grew from ${before.now} to ${after.peak}`)
    })

    it('is stored under its digest, and found there', async () => {
      const blob = randomBytes(3 * MIB)
      const path = `/api/blobs/sha256:${createHash('sha256').update(blob).digest('hex')}`
      assert.equal((await fetch(pair.proxy.url + path, { method: 'HEAD' })).status, 404)
      assert.equal((await fetch(pair.proxy.url + path, { method: 'POST', body: blob })).status, 201)
      assert.equal((await fetch(pair.proxy.url + path, { method: 'HEAD' })).status, 200)
    })

    for (const framing of ['sized', 'chunked'] as const) {
      it(`of a blob that is there already is answered with 64 MiB still to send, ${framing}`, async () => {
        const blob = randomBytes(1_000)
        const path = `/api/blobs/sha256:${createHash('sha256').update(blob).digest('hex')}`
        assert.equal((await fetch(pair.proxy.url + path, { method: 'POST', body: blob })).status, 201)

        const call = new RawCall(pair.proxy.port)
        const length = framing === 'sized' ? `Content-Length: ${64 * MIB}` : 'Transfer-Encoding: chunked'
        call.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n`)
        const piece = 'x'.repeat(MIB)
        let sent = 0
        for (; sent < 64 && call.status === 0; sent++) {
          call.send(framing === 'sized' ? piece : `${MIB.toString(16)}\r\n${piece}\r\n`)
          await until('it is taken or answered', () => call.socket.writableLength === 0 || call.status > 0)
          // A piece that the kernel took at once leaves no turn in which an answer could be read.
          await nextTurn()
        }
        await until('it is answered', () => call.status > 0)
        assert.equal(call.status, target.gaps?.earlyAnswer ? 502 : 200)
        assert.ok(sent < 64, 'it did not wait for the whole body')
        call.leave('fin')
        assert.equal((await fetch(`${pair.proxy.url}/api/version`)).status, 200)
      })
    }

    it('of a chat with 20 MB of pictures, the model named last, goes through its lane', async () => {
      const picture = randomBytes(15_000_000).toString('base64')
      const body = `{"messages":[{"role":"user","content":"what is \\"model\\":\\"no\\"?","images":["${picture}"]}],"options":{"num_predict":3},"model":"llama3.2"}`
      const { total_processed } = await pair.stats()
      const answer = await fetch(`${pair.proxy.url}/api/chat`, { method: 'POST', body })
      const expected = await fetch(`${pair.simulator.url}/api/chat`, { method: 'POST', body })
      assert.equal(masked(await answer.text()), masked(await expected.text()))
      assert.equal(answer.status, 200)
      await until('it is counted', async () => (await pair.stats()).total_processed === total_processed + 1)
    })
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8')
  let text = ''
  for await (const part of answer) text += part
  return text
}
