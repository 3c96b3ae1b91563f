import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { until } from '../support/until.ts'
import type { Target } from './pair.ts'
import { isWhole, parseAnswer } from './raw-answer.ts'
import { answerOn } from './signs-answers.ts'
import { type Headers, NOTIFY, type SignsSetUp, withoutSigns } from './signs-setup.ts'

const SILENCE_MS = 1_000
const NO_SIGNS: Headers = { 'X-Queue-Notify': '0' }

/** Calls of which Ollama is silent for longer than what stands between allows. Streams have signs without asking. */
const CALLS = [
  { path: '/api/chat', stream: true, headers: {} },
  { path: '/v1/chat/completions', stream: true, headers: {} },
  { path: '/v1/messages', stream: true, headers: {} },
  { path: '/api/chat', stream: false, headers: NOTIFY },
] as const

export function signsAndCuts(target: Target, shared: () => SignsSetUp): void {
  describe('what cuts silent answers', () => {
    let setUp: SignsSetUp
    let cutting: CuttingProxy
    before(async () => {
      setUp = shared()
      cutting = await CuttingProxy.start(setUp.proxy.port, SILENCE_MS)
    })
    after(() => cutting?.stop())

    it('leaves calls alone that have signs of life, in line and with a silent Ollama, and cuts all others', async () => {
      const send = (
        name: string,
        asked: (typeof CALLS)[number],
        model: string,
        headers: Headers = asked.headers,
      ) => setUp.send(name, { ...asked, model, headers, port: cutting.port })
      const calls = CALLS.flatMap((asked, index) => {
        setUp.send(`cut-before-${index}`, { model: `cut-line-${index}`, headers: {} })
        const silent = {
          asked,
          name: `cut-silent-${index}`,
          call: send(`cut-silent-${index}`, asked, `cut-silent-${index}`),
        }
        return [
          silent,
          { asked, name: `cut-line-${index}`, call: send(`cut-line-${index}`, asked, `cut-line-${index}`) },
        ]
      })
      const others = CALLS.map((asked, index) =>
        send(`cut-other-${index}`, asked, `cut-other-${index}`, NO_SIGNS),
      )
      await until('the others are cut', () => others.every(({ closed }) => closed))
      for (const { received } of others) assert.equal(received, '')
      for (const [index] of CALLS.entries()) {
        if (!target.gaps?.silentFin) await setUp.becomes(`cut-other-${index}`, 0, 0)
        ;(await setUp.ollama.call(`cut-before-${index}`)).answer('application/json', ['{}'])
      }
      for (const { asked, call, name } of calls) {
        const { type, pieces } = answerOn(asked.path, asked.stream)
        ;(await setUp.ollama.call(name)).answer(type, pieces)
        await until('the answer', () => isWhole(call.received, false) || call.closed)
        const { rest, signs } = withoutSigns(parseAnswer(call.received).body)
        assert.ok(signs.length > 1)
        assert.equal(rest, Buffer.from(pieces.join('')).toString('latin1'))
      }
    })
  })
}
