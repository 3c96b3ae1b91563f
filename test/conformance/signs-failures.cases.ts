import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import type { HeldCall } from './held-ollama.ts'
import { errorIn, FORMS, lastWords } from './last-words.ts'
import type { Target } from './pair.ts'
import { isWhole, parseAnswer } from './raw-answer.ts'
import type { RawCall } from './raw-call.ts'
import { answerOn, NATIVE_LINES } from './signs-answers.ts'
import { SignsSetUp, withoutSigns } from './signs-setup.ts'

/** Seconds. */
const LIMIT = 1

const over = (call: RawCall) => until('the answer is over', () => isWhole(call.received, false))

/** Ollama's own errors, by status, as Ollama words them on each route. */
function errorOfOllama(path: string, status: number): object {
  const message = `what Ollama says with ${status}`
  if (path === '/api/chat') return { error: message }
  if (path === '/v1/messages') return { type: 'error', error: { type: `type_${status}`, message } }
  return { error: { message, type: 'api_error', param: null, code: null } }
}

/** Answers that cannot follow the head that the client has. */
const WRONG: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'of another type': { 'Content-Type': 'text/html' },
  'of no type': {},
  'in an encoding': { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': 'gzip' },
}

export function signsBeforeFailures(target: Target, shared: () => SignsSetUp): void {
  describe('a failure after signs of life', { concurrency: true }, () => {
    let setUp: SignsSetUp
    before(() => {
      setUp = shared()
    })

    /** The log tells the status that the client saw, and the one that came too late. */
    const isLogged = async (id: string, outcome: string, lateStatus: number | null) => {
      const line = await setUp.logged(id)
      assert.deepEqual([line.status, line.late_status, line.outcome], [200, lateStatus, outcome])
      assert.ok(Number(line.signs_ms) >= 100, String(line.signs_ms))
    }
    const isFree = (model: string) => setUp.becomes(model, 0, 0)
    const fails = async (id: string, path: string, stream: boolean, fail: (held: HeldCall) => void) => {
      const call = await setUp.silent(id, { model: id, path, stream })
      fail(await setUp.ollama.call(id))
      await over(call)
      return call
    }

    for (const [index, { path, stream, title }] of FORMS.entries()) {
      for (const status of [400, 404, 500, 503]) {
        it(`is Ollama's own error with its status ${status}: ${title}`, async () => {
          const id = `status-${index}-${status}`
          const body = JSON.stringify(errorOfOllama(path, status))
          const call = await fails(id, path, stream, (held) =>
            held.answer('application/json', [body], status),
          )
          const { code, ...told } = lastWords(call, { path, stream })
          const message = `what Ollama says with ${status}`
          assert.deepEqual(told, { message, status, retryAfter: undefined })
          assert.equal(code, path === '/v1/messages' ? `type_${status}` : undefined)
          await isLogged(id, status < 500 ? 'done' : 'failed', status)
          await isFree(id)
        })
      }

      it(`is ours where Ollama breaks before its answer: ${title}`, async () => {
        const id = `reset-${index}`
        const call = await fails(id, path, stream, ({ request }) => request.socket.resetAndDestroy())
        const { code, status } = lastWords(call, { path, stream })
        assert.deepEqual([code, status], [path === '/v1/messages' ? 'api_error' : 'upstream_error', 502])
        await isLogged(id, 'failed', 502)
        await isFree(id)
      })

      for (const [what, headers] of Object.entries(WRONG)) {
        it(`is ours where Ollama's answer is ${what}: ${title}`, async () => {
          const id = `wrong-${index}-${what.replaceAll(' ', '-')}`
          const call = await fails(id, path, stream, ({ response }) => {
            response.writeHead(200, { ...headers })
            response.write('<html>')
          })
          assert.equal(lastWords(call, { path, stream }).status, 502)
          const held = await setUp.ollama.call(id)
          await until('Ollama is cut off', () => held.cut)
          await isLogged(id, 'failed', 502)
          await isFree(id)
        })
      }

      it(`in the middle of Ollama's answer ends that answer as ever: ${title}`, async () => {
        const id = `middle-${index}`
        const call = await setUp.silent(id, { model: id, path, stream })
        const { type, pieces } = answerOn(path, stream)
        const [first = ''] = pieces
        const part = stream ? first : first.slice(0, 20)
        const { response } = await setUp.ollama.call(id)
        response.writeHead(200, { 'Content-Type': type })
        response.write(part)
        const sent = Buffer.from(part).toString('latin1')
        await until('its beginning', () => parseAnswer(call.received).body.endsWith(sent))
        response.socket?.resetAndDestroy()
        if (stream) await over(call)
        else if (!target.gaps?.cutAnswers) await until('the connection is cut', () => call.closed)
        const { rest } = withoutSigns(parseAnswer(call.received).body)
        assert.ok(rest.startsWith(sent))
        if (stream) {
          const { code, status } = errorIn(rest.slice(sent.length), { path, stream })
          assert.equal(status, undefined)
          assert.equal(
            code,
            { '/api/chat': undefined, '/v1/chat/completions': 'upstream_error', '/v1/messages': 'api_error' }[
              path
            ],
          )
        } else assert.equal(rest, sent)
        await isLogged(id, 'failed', null)
        await isFree(id)
      })

      if (!target.gaps?.monitor)
        it(`is an operator's doing, in line and while Ollama is silent: ${title}`, async () => {
          for (const where of ['line', 'silent'] as const) {
            const id = `cancelled-${where}-${index}`
            const asked = { model: id, path, stream }
            const call =
              where === 'line' ? (await setUp.inLine(id, asked)).call : await setUp.silent(id, asked)
            const answer = await fetch(`${setUp.proxy.url}/admin/queue/cancel`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ id }),
            })
            assert.equal(answer.status, 200, await answer.text())
            await over(call)
            const { code, status } = lastWords(call, { path, stream })
            assert.deepEqual([code, status], [path === '/v1/messages' ? 'api_error' : 'cancelled', 499])
            await isLogged(id, 'cancelled', 499)
            await setUp.becomes(id, where === 'line' ? 1 : 0, 0)
          }
        })
    }

    it('is ours where Ollama breaks in the middle of its error', async () => {
      const call = await fails('half', '/api/chat', true, ({ response }) => {
        response.writeHead(500, { 'Content-Type': 'application/json' })
        response.write('{"err', () => response.socket?.resetAndDestroy())
      })
      assert.equal(lastWords(call, { path: '/api/chat', stream: true }).status, 502)
      await isLogged('half', 'failed', 502)
    })

    it('takes Ollama’s page for no error of Ollama', async () => {
      const call = await fails('page', '/api/chat', true, (held) =>
        held.answer('text/plain', ['404 page'], 404),
      )
      const { code, status } = lastWords(call, { path: '/api/chat', stream: true })
      assert.deepEqual([code, status], ['upstream_error', 502])
      await isLogged('page', 'done', 404)
    })
  })
}

/** Deadlines, and ends of the proxy and of Ollama. After them the shared proxy has no Ollama any more. */
export function signsBeforeEnds(target: Target, shared: () => SignsSetUp): void {
  describe('a deadline after signs of life', { concurrency: true }, () => {
    let setUp: SignsSetUp
    before(async () => {
      setUp = await SignsSetUp.start(target, { serve: ['--timeout', String(LIMIT)] })
    })
    after(() => setUp?.stop())

    for (const [index, { path, stream, title }] of FORMS.entries()) {
      it(`passes in line, and while Ollama is silent: ${title}`, async () => {
        const id = `late-${index}`
        setUp.send(`${id}-silent`, { model: id, path, stream })
        await setUp.ollama.call(`${id}-silent`)
        const [silent, waiting] = [
          setUp.send(`${id}-2`, { model: `${id}-2`, path, stream }),
          setUp.send(id, { model: id, path, stream }),
        ]
        for (const call of [silent, waiting]) {
          await over(call)
          const { code, status } = lastWords(call, { path, stream })
          assert.deepEqual([code, status], [path === '/v1/messages' ? 'timeout_error' : 'timeout', 504])
        }
        for (const each of [id, `${id}-2`]) {
          const line = await setUp.logged(each)
          assert.deepEqual([line.status, line.late_status, line.outcome], [200, 504, 'timed_out'])
        }
        await setUp.becomes(id, 0, 0)
      })
    }
  })

  describe('signs of life at an end', () => {
    it('end with an error for all forms when Ollama is gone', async () => {
      const setUp = shared()
      const calls = await Promise.all(
        FORMS.map(async (form, index) => {
          const id = `gone-${index}`
          const { call } = await setUp.inLine(id, { model: id, path: form.path, stream: form.stream })
          return { call, form }
        }),
      )
      await setUp.ollama.stop()
      for (const { call, form } of calls) {
        await over(call)
        const { code, status } = lastWords(call, form)
        assert.deepEqual([code, status], [form.path === '/v1/messages' ? 'api_error' : 'upstream_error', 502])
      }
    })

    if (!target.gaps?.lifecycle)
      it('end in a shutdown for whoever stands in line, and whoever runs is served', async () => {
        const setUp = await SignsSetUp.start(target)
        try {
          const running = await setUp.silent('running', { model: 'running', stream: true })
          const { call } = await setUp.inLine('waiting', { model: 'waiting', stream: true })
          const silent = await setUp.ollama.call('waiting-before')
          const ended = setUp.proxy.stop()
          await over(call)
          const { code, status, retryAfter } = lastWords(call, { path: '/api/chat', stream: true })
          assert.deepEqual([code, status], ['shutting_down', 503])
          assert.ok(Number.isInteger(retryAfter))
          // The signs go on for a call that Ollama has.
          await setUp.sign(running)
          silent.answer('application/json', ['{}'])
          ;(await setUp.ollama.call('running')).answer(NATIVE_LINES.type, NATIVE_LINES.pieces)
          await over(running)
          assert.match(withoutSigns(parseAnswer(running.received).body).rest, /^\{.+"done":true.+\}\n$/s)
          assert.equal(await ended, 0)
        } finally {
          await setUp.stop()
        }
      })
  })
}
