import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { GATED_ROUTES } from './gated-routes.ts'
import type { Target } from './pair.ts'
import { isWhole, parseAnswer, type RawAnswer } from './raw-answer.ts'
import type { RawCall } from './raw-call.ts'
import { answerOn } from './signs-answers.ts'
import { type Asked, NOTIFY, type SignsSetUp, withoutSigns } from './signs-setup.ts'

/** Every route that can have signs, streamed and whole. */
const ASKED = GATED_ROUTES.filter(({ path }) => path !== '/v1/audio/transcriptions').flatMap(
  ({ path, request, streams }) =>
    (streams ? [true, false] : [false]).map((stream) => ({
      path,
      stream,
      fields: JSON.parse(String(request('any', stream).body)) as object,
      title: `${path}, ${stream ? 'streamed' : 'whole'}`,
    })),
)

const headerOf = ({ headers }: RawAnswer, name: string): string | undefined =>
  new Headers(headers.map(([key, value]) => [key, value])).get(name) ?? undefined

export function signs(target: Target, shared: () => SignsSetUp): void {
  // All at once: each of them is little but waiting.
  describe('on every route', { concurrency: true }, () => {
    let setUp: SignsSetUp
    before(() => {
      setUp = shared()
    })

    const whole = async (call: RawCall) => {
      await until('the answer is over', () => isWhole(call.received, false) || call.closed)
      call.leave('fin')
      return parseAnswer(call.received)
    }
    /** What the client gets without signs. */
    const plain = async (name: string, path: string, stream: boolean, asked: Asked) => {
      const call = setUp.send(name, { ...asked, headers: {} })
      const { type, pieces } = answerOn(path, stream)
      ;(await setUp.ollama.call(name)).answer(type, pieces)
      return whole(call)
    }
    const isSame = (answer: RawAnswer, expected: RawAnswer, stream: boolean) => {
      const { signs, rest } = withoutSigns(answer.body)
      assert.ok(signs.length > 0)
      assert.equal(rest, expected.body)
      assert.equal(answer.statusLine, 'HTTP/1.1 200 OK')
      if (!target.gaps?.chunkBoundaries) {
        // One sign after another, and then as without them. Only an announced length gives no chunks.
        assert.deepEqual(answer.chunks.slice(0, signs.length), signs)
        const chunks = answer.chunks.slice(signs.length)
        if (stream) assert.deepEqual(chunks, expected.chunks)
        else assert.equal(chunks.join(''), expected.body)
      }
      assert.equal(headerOf(answer, 'content-type'), headerOf(expected, 'content-type'))
      assert.equal(headerOf(answer, 'x-accel-buffering'), 'no')
      assert.match(headerOf(answer, 'cache-control') ?? '', /\bno-transform\b/)
      assert.equal(headerOf(answer, 'content-length'), undefined)
    }

    for (const [index, { fields, path, stream, title }] of ASKED.entries()) {
      const asked = { path, fields, stream, model: `line-${index}` }

      it(`in line change nothing of the answer: ${title}`, async () => {
        const name = `line-${index}`
        const { call, release } = await setUp.inLine(name, asked)
        await release()
        // Ollama has the call and is silent: the signs go on.
        await setUp.sign(call)
        const { type, pieces } = answerOn(path, stream)
        ;(await setUp.ollama.call(name)).answer(type, pieces)
        const answer = await whole(call)
        isSame(answer, await plain(`plain-${index}`, path, stream, asked), stream)
        assert.equal(headerOf(answer, 'x-request-id'), name)
        if (stream && path.startsWith('/v1/') && path !== '/v1/messages')
          assert.match(
            withoutSigns(answer.body).signs.join(''),
            /^(?:: queue(?: position=1 reason=slot)?\n\n)+(?:: queue reason=ollama\n\n)+$/,
          )
      })

      it(`of a call that Ollama is silent to change nothing of the answer: ${title}`, async () => {
        const name = `silent-${index}`
        const call = await setUp.silent(name, { ...asked, model: name })
        const { type, pieces } = answerOn(path, stream)
        ;(await setUp.ollama.call(name)).answer(type, pieces)
        const answer = await whole(call)
        isSame(answer, await plain(`same-${index}`, path, stream, { ...asked, model: name }), stream)
        assert.equal(headerOf(answer, 'x-queue-position'), undefined)
      })
    }

    it('come from no transcription, whose answer can be plain text', async () => {
      const call = setUp.send('sound', {
        path: '/v1/audio/transcriptions',
        body: '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nsound\r\n--b--\r\n',
        headers: { ...NOTIFY, 'Content-Type': 'multipart/form-data; boundary=b' },
      })
      const held = await setUp.ollama.call('sound')
      await setUp.staysSilent(call)
      held.answer('text/plain', ['some words'])
      assert.equal((await whole(call)).body, 'some words')
    })
  })
}
