import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { UpstreamQuestion } from '../../../src/upstream/asking.ts'
import { causeOf } from '../../../src/upstream/cause.ts'
import { type Credentials, credentialsOf } from '../../../src/upstream/credentials.ts'
import type { UpstreamAddress } from '../../../src/upstream/upstream-address.ts'
import { aRawUpstream } from '../../support/raw-upstream.ts'

/** `close` is called after the test. */
export type MakeUpstream = (
  ollamaUrl: string,
  credentials: Credentials | undefined,
) => { upstream: UpstreamAddress; close: () => unknown }

const QUESTION: UpstreamQuestion = { method: 'GET', path: '/v1/models', mostBytes: 20, timeoutMs: 30_000 }
const SHORT_MS = 500

const answer = (body: string) =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** The way of one runtime to ask Ollama, over real sockets. */
export function describeAsking(runtime: string, make: MakeUpstream): void {
  async function anUpstream(t: TestContext, authorization?: string) {
    const raw = await aRawUpstream()
    const { upstream, close } = make(
      `${raw.url}/prefix`,
      credentialsOf({ ollama_authorization: authorization }),
    )
    t.after(async () => {
      await close()
      raw.close()
    })
    return { raw, upstream }
  }

  describe(`a question on ${runtime}`, () => {
    it('goes below ollama_url, with the Authorization of the proxy', async (t) => {
      const { raw, upstream } = await anUpstream(t, 'Bearer secret')
      const reply = upstream.ask(QUESTION)
      const wire = await raw.next()
      assert.match(wire.received, /^GET \/prefix\/v1\/models HTTP\/1\.1\r\n/)
      assert.match(wire.received, /\r\nauthorization: Bearer secret\r\n/i)
      assert.doesNotMatch(wire.received, /\r\ncontent-type:/i)
      wire.answer(answer('{"models":[]}'))
      assert.deepEqual(await reply, { status: 200, location: undefined, body: '{"models":[]}', whole: true })
    })

    it('may have a JSON body', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const body = '{"model":"é"}'
      const reply = upstream.ask({ ...QUESTION, method: 'POST', path: '/api/show', body })
      const wire = await raw.next()
      const sent = await wire.get(Buffer.from(body).toString('latin1'))
      assert.match(sent, /^POST \/prefix\/api\/show HTTP\/1\.1\r\n/)
      assert.match(sent, /\r\ncontent-type: application\/json\r\n/i)
      assert.match(sent, /\r\ncontent-length: 14\r\n/i)
      assert.doesNotMatch(sent, /\r\nauthorization:/i)
      wire.answer(answer('{}'))
      assert.equal((await reply).body, '{}')
    })

    it('gets an answer of the most bytes, in whatever pieces', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const reply = upstream.ask(QUESTION)
      const wire = await raw.next()
      const bytes = Buffer.from(answer('"héhéhéhéhéhé"'))
      assert.equal(Buffer.byteLength('"héhéhéhéhéhé"'), QUESTION.mostBytes)
      // In the middle of a letter.
      wire.write(bytes.subarray(0, -3))
      await new Promise(setImmediate)
      wire.write(bytes.subarray(-3))
      assert.deepEqual(await reply, { status: 200, location: undefined, body: '"héhéhéhéhéhé"', whole: true })
    })

    it('does not read the rest of an answer that is longer', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const reply = upstream.ask(QUESTION)
      const wire = await raw.next()
      wire.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(30)}`)
      assert.deepEqual(await reply, {
        status: 200,
        location: undefined,
        body: 'x'.repeat(20),
        whole: false,
      })
      await wire.left()
    })

    it('reads no body of another status, and follows no redirect', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      for (const status of [404, 302]) {
        const reply = upstream.ask(QUESTION)
        const wire = await raw.next()
        const location = 'http://127.0.0.1:1/v1/models'
        wire.write(`HTTP/1.1 ${status} No\r\nLocation: ${location}\r\nContent-Length: 1000000\r\n\r\nx`)
        assert.deepEqual(await reply, { status, location, body: '', whole: false })
        await wire.left()
      }
    })

    it('ends when there is no answer in time', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const reply = upstream.ask({ ...QUESTION, timeoutMs: SHORT_MS })
      const failed = assert.rejects(reply, (error) => causeOf(error).code === 'ETIMEDOUT')
      const wire = await raw.next()
      await failed
      await wire.left()
    })

    it('ends when the body does not end in time', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const reply = upstream.ask({ ...QUESTION, timeoutMs: SHORT_MS })
      const failed = assert.rejects(reply, (error) => causeOf(error).code === 'ETIMEDOUT')
      const wire = await raw.next()
      wire.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx')
      await failed
      await wire.left()
    })

    it('fails when the answer breaks', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      const reply = upstream.ask(QUESTION)
      const failed = assert.rejects(reply)
      const wire = await raw.next()
      wire.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx')
      wire.socket.end()
      await failed
    })

    it('fails when nobody listens', async (t) => {
      const { raw, upstream } = await anUpstream(t)
      raw.close()
      await assert.rejects(upstream.ask(QUESTION), (error) => causeOf(error).code === 'ECONNREFUSED')
    })

    it('is how the version is asked', async (t) => {
      const { upstream } = await anUpstream(t)
      const { status, body } = await upstream.probe()
      assert.deepEqual([status, body], [200, '{"version":"0.33.0"}'])
    })
  })
}
