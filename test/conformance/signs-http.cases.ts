import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { closed } from './occupied.ts'
import type { Target } from './pair.ts'
import { isWhole, parseAnswer } from './raw-answer.ts'
import type { RawCall } from './raw-call.ts'
import { NATIVE_LINES, NATIVE_WHOLE } from './signs-answers.ts'
import { NOTIFY, requestOf, type SignsSetUp, withoutSigns } from './signs-setup.ts'

const LINES = Buffer.from(NATIVE_LINES.pieces.join('')).toString('latin1')

/** After so many calls a lane knows how long a call takes. */
const CALLS_TO_LEARN_FROM = 8

/** Signs of life, and what HTTP has to say about them. */
export function signsInHttp(target: Target, shared: () => SignsSetUp): void {
  describe('an answer that began with signs of life', () => {
    let setUp: SignsSetUp
    before(() => {
      setUp = shared()
    })

    const answered = async (name: string): Promise<void> => {
      const { type, pieces } = NATIVE_LINES
      ;(await setUp.ollama.call(name)).answer(type, pieces)
    }
    const headersOf = ({ received }: RawCall) =>
      new Headers(parseAnswer(received).headers.map(([name, value]) => [name, value]))
    const over = (call: RawCall) => until('the answer is over', () => isWhole(call.received, false))

    it('tells the place in line', async () => {
      setUp.send('holder')
      const holder = await setUp.ollama.call('holder')
      const calls = ['one', 'two'].map((id) => setUp.send(id, { path: '/v1/chat/completions', stream: true }))
      await setUp.becomes('llama3.2', 1, 2)
      for (const [index, call] of calls.entries()) {
        await setUp.sign(call)
        // A list of the line is made for the first call. The second one may have come after that.
        const told = headersOf(call).get('x-queue-position')
        if (told !== null || index === 0) assert.equal(told, String(index + 1))
        await until('its place', () =>
          call.received.includes(`: queue position=${index + 1} reason=slot\n\n`),
        )
        assert.equal(headersOf(call).get('x-request-id'), ['one', 'two'][index])
        call.leave('rst')
      }
      await setUp.becomes('llama3.2', 1, 0)
      holder.answer(NATIVE_WHOLE.type, NATIVE_WHOLE.pieces)
      await setUp.becomes('llama3.2', 0, 0)

      for (let count = 0; count < CALLS_TO_LEARN_FROM; count++) {
        const learned = setUp.send(`learned-${count}`, { headers: {} })
        await answered(`learned-${count}`)
        await over(learned)
      }
      const { call } = await setUp.inLine('later', { path: '/v1/chat/completions', stream: true })
      await until('its time', () => /: queue position=1 eta_s=\d+ reason=slot\n\n/.test(call.received))
      if (headersOf(call).has('x-queue-position'))
        assert.match(headersOf(call).get('x-queue-estimated-wait-ms') ?? '', /^\d+$/)
    })

    it('is the same for an HTTP/1.0 client, whose connection ends with the answer', async () => {
      const { call, release } = await setUp.inLine('old', { model: 'old', version: '1.0' })
      await release()
      await answered('old')
      await until('the answer is over', () => call.received.includes('"done":true'))
      await closed(call, target)
      // The server of local workerd sends chunks even to such a client.
      if (!target.gaps?.ownParser) assert.doesNotMatch(call.received, /transfer-encoding/i)
      const { rest, signs } = withoutSigns(parseAnswer(call.received).body)
      assert.ok(signs.length > 0)
      assert.equal(rest, LINES)
    })

    it('leaves the connection to the next call', async () => {
      const call = await setUp.silent('first', { model: 'kept' })
      await answered('first')
      await over(call)
      const { length } = call.received
      call.send(requestOf('second', { model: 'kept', headers: {} }))
      await answered('second')
      await until('a second answer', () => isWhole(call.received.slice(length), false))
      assert.equal(parseAnswer(call.received.slice(length)).body, LINES)

      const failing = await setUp.silent('failing', { model: 'kept' })
      ;(await setUp.ollama.call('failing')).answer('application/json', ['{"error":"no"}'], 500)
      await over(failing)
      const failed = failing.received.length
      failing.send(requestOf('after', { model: 'kept', headers: {} }))
      await answered('after')
      await until('a second answer', () => isWhole(failing.received.slice(failed), false))
    })

    it('comes in its turn to a client that sends several requests at once', async () => {
      setUp.send('ahead', { model: 'ahead' })
      await setUp.ollama.call('ahead')
      const call = setUp.send('piped-1', { model: 'ahead' })
      call.send(requestOf('piped-2', { model: 'behind' }))
      if (target.gaps?.pipelining) {
        await until('the connection is closed', () => call.closed)
        return
      }
      await setUp.sign(call)
      await answered('ahead')
      await answered('piped-1')
      await answered('piped-2')
      await until('both answers', () => call.received.split('"done":true').length === 3)
      await until('the end', () => call.received.endsWith('\r\n0\r\n\r\n'))
      const second = call.received.indexOf('HTTP/1.1 200', 1)
      const answers = [call.received.slice(0, second), call.received.slice(second)].map(parseAnswer)
      assert.deepEqual(
        answers.map(({ headers }) => new Headers(headers.map(([a, b]) => [a, b])).get('x-request-id')),
        ['piped-1', 'piped-2'],
      )
      for (const { body } of answers) assert.equal(withoutSigns(body).rest, LINES)
    })

    it('can be read by a page that Ollama lets in, and by no other', async () => {
      for (const origin of ['http://localhost:3000', 'https://evil.example']) {
        const id = origin.replace(/\W/g, '-')
        const { call } = await setUp.inLine(id, { model: id, headers: { ...NOTIFY, Origin: origin } })
        const headers = headersOf(call)
        const isKnown = origin.includes('localhost')
        assert.equal(headers.get('access-control-allow-origin'), isKnown ? origin : null)
        const readable = headers.get('access-control-expose-headers')
        if (!isKnown) assert.equal(readable, null)
        else
          assert.match(
            readable ?? '',
            headers.has('x-queue-position') ? /X-Request-Id.+X-Queue-Position/ : /X-Request-Id/,
          )
      }
    })

    it('has no signs between the bytes of Ollama, however long they take', async () => {
      const call = await setUp.silent('slowly', { model: 'slowly', stream: true })
      const { response } = await setUp.ollama.call('slowly')
      const [first = '', ...others] = NATIVE_LINES.pieces
      response.writeHead(200, { 'Content-Type': NATIVE_LINES.type })
      response.write(first)
      await until('the first line', () => call.received.includes('"done":false'))
      await setUp.staysSilent(call)
      response.end(others.join(''))
      await over(call)
      assert.equal(withoutSigns(parseAnswer(call.received).body).rest, LINES)
    })

    it('comes from an Ollama that is asked for no encoding, which could not follow signs', async () => {
      setUp.send('packed', { model: 'packed', headers: { ...NOTIFY, 'Accept-Encoding': 'gzip' } })
      const { headers } = (await setUp.ollama.call('packed')).request
      // Some platforms ask for encodings of their own, and undo them.
      if (!target.gaps?.addedHeaders) assert.equal(headers['accept-encoding'], undefined)
      setUp.send('plain', { model: 'plain', headers: { 'Accept-Encoding': 'gzip' } })
      const other = (await setUp.ollama.call('plain')).request
      if (!target.gaps?.addedHeaders) assert.equal(other.headers['accept-encoding'], 'gzip')
    })

    it('is only that of a call: what passes through gets none', async () => {
      const passing = setUp.send('show', { path: '/api/show' })
      const held = await setUp.ollama.call('show')
      await setUp.staysSilent(passing)
      held.answer('application/json', ['{"details":{}}'])
      await over(passing)
      assert.equal(parseAnswer(passing.received).body, '{"details":{}}')
      for (const method of ['GET', 'HEAD']) {
        const answer = await fetch(`${setUp.proxy.url}/api/chat`, { method, headers: NOTIFY })
        assert.equal(answer.status, 404, 'Ollama itself answers')
        await answer.text()
      }
    })
  })
}
