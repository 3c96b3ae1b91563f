import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { Pair, type Target } from './pair.ts'
import { ask, parseAnswer, type RawAnswer } from './raw-answer.ts'
import { head, RawCall } from './raw-call.ts'

const RESET = '/admin/queue/reset'
const TOKEN = 'open-sesame-1234'
const SIMULATE = ['--parallel', '16', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000']

export function administration(target: Target): void {
  describe('who administers without a token', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, { simulate: SIMULATE, serve: [] })
    })
    after(() => pair?.stop())

    const statusFor = async (
      fields: readonly string[],
      version = '1.1',
      host = `127.0.0.1:${pair.proxy.port}`,
    ) => {
      const lines = [`POST ${RESET} HTTP/${version}`, `Host: ${host}`, 'Content-Length: 0', ...fields, '', '']
      return (await ask(pair.proxy.port, lines.join('\r\n'))).status
    }

    /** How many were not taken for somebody at this machine, as far as the proxy tells. */
    const refusals = async () => {
      // Within 100 ms everybody is given the same page.
      await pause(110)
      const metrics = await (await fetch(`${pair.proxy.url}/metrics`)).text()
      return Number(/^ollama_guard_admin_refused_total\{reason="not_local"\} (\d+)$/m.exec(metrics)?.[1] ?? 0)
    }

    it('is a client on this machine', async () => {
      assert.equal(await statusFor([]), 200)
      assert.equal(await statusFor(['Connection: keep-alive']), 200)
      assert.equal(await statusFor([], '1.1', `localhost:${pair.proxy.port}`), 200)
    })

    it('is nobody who speaks HTTP/1.0', async () => {
      assert.equal(await statusFor([], '1.0'), target.gaps?.httpVersion ? 200 : 403)
    })

    it('is nobody whose connection is closed, as nginx has it with a bare proxy_pass', async () => {
      assert.equal(await statusFor(['Connection: close'], '1.0'), 403)
      assert.equal(await statusFor(['Connection: close']), 403)
    })

    it('is nobody who names another port as Host', async () => {
      const expected = target.gaps?.ownPort ? 200 : 403
      for (const host of ['localhost', 'localhost:1'])
        assert.equal(await statusFor([], '1.1', host), expected)
    })

    for (const host of ['192.168.1.1', 'guard.internal', 'ollama.example.com']) {
      it(`is nobody who names ${host} as Host`, async () => {
        const before = await refusals()
        assert.equal(await statusFor([], '1.1', `${host}:${pair.proxy.port}`), 403)
        assert.equal(await refusals(), before + (target.gaps?.monitor ? 0 : 1))
      })
    }

    for (const name of [
      ...['Forwarded', 'Via', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP', 'X-Client-IP'],
      ...['X-Original-URL', 'X-Envoy-External-Address', 'CF-Ray', 'True-Client-IP', 'Fastly-Client-IP'],
      ...['X-Cluster-Client-IP', 'X-ARR-SSL', 'X-Amzn-Trace-Id'],
    ]) {
      it(`is nobody with ${name}`, async () => {
        assert.equal(await statusFor([`${name}: 127.0.0.1`]), 403)
      })
    }
  })

  describe('the admin token', () => {
    let config: ConfigFile
    let pair: Pair
    before(async () => {
      config = await ConfigFile.write(`admin_token: ${TOKEN}\n`)
      pair = await Pair.start(target, { simulate: SIMULATE, serve: ['--config', config.path] })
    })
    after(async () => {
      await pair?.stop()
      await config?.remove()
    })

    const withToken = (token: string, fields: readonly string[] = []): Promise<RawAnswer> => {
      const request = head(RESET, 0).replace(
        '\r\n\r\n',
        ['', `Authorization: Bearer ${token}`, ...fields, '', ''].join('\r\n'),
      )
      return ask(pair.proxy.port, request)
    }

    it('is taken from anywhere', async () => {
      assert.equal((await withToken(TOKEN, ['Via: 1.1 gateway', 'Connection: close'])).status, 200)
    })

    it('that is wrong is answered ten times at once, and slows the right one down too', async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => withToken('gu3ss')))
      const statuses = answers.map(({ status }) => status)
      const looked = statuses.filter((status) => status === 403).length
      // While they come a second may pass, and one more is looked at.
      assert.ok(looked >= 10 && looked < 20, `${looked} were looked at`)
      const [refused] = answers.filter(({ status }) => status === 429)
      assert.ok(refused)
      assert.ok(refused.headers.some(([name, value]) => /^retry-after$/i.test(name) && value === '1'))
      assert.equal(JSON.parse(refused.body).error, 'too_many_attempts')
      await until('the right one is looked at again', async () => (await withToken(TOKEN)).status === 200)
    })

    it('is in no line of the log, and neither are wrong ones', async () => {
      await fetch(`${pair.proxy.url}/api/delete?key=sesame`, { method: 'DELETE', body: '{"model":"none"}' })
      await until('all is told', () => pair.proxy.output.includes('"message":"passed through"'))
      const notes = linesOf(pair)
      assert.ok(
        notes.some(
          ({ message, by, action }) => message === 'admin action' && by === 'token' && action === 'reset',
        ),
      )
      const refused = notes.filter(({ message }) => message === 'admin attempt refused')
      assert.deepEqual(
        refused.map(({ reason, level }) => [reason, level]),
        [['wrong_token', 'warn']],
      )
      const passed = notes.find(({ message }) => message === 'passed through')
      assert.deepEqual([passed?.method, passed?.path, passed?.status], ['DELETE', '/api/delete', 404])
      assert.doesNotMatch(pair.proxy.output, /sesame|gu3ss/)
    })
  })

  if (target.gaps?.monitor) return

  describe('a crowd that follows the queue', () => {
    let config: ConfigFile
    let pair: Pair
    before(async () => {
      config = await ConfigFile.write(`admin_token: ${TOKEN}\n`)
      pair = await Pair.start(target, { simulate: SIMULATE, serve: ['--config', config.path] })
    })
    after(async () => {
      await pair?.stop()
      await config?.remove()
    })

    it('has eight places of one address, and an operator gets one all the same', async () => {
      const listening = new AbortController()
      const listen = (headers: Record<string, string> = {}) =>
        fetch(`${pair.proxy.url}/queue/events`, { headers, signal: listening.signal })
      const statuses = []
      for (let count = 0; count < 20; count++) statuses.push((await listen()).status)
      assert.deepEqual(statuses, [...Array(8).fill(200), ...Array(12).fill(503)])
      assert.equal((await listen({ authorization: `Bearer ${TOKEN}` })).status, 200)
      assert.equal((await listen({ authorization: 'Bearer gu3ss' })).status, 503)
      const metrics = await (await fetch(`${pair.proxy.url}/metrics`)).text()
      assert.match(metrics, /^ollama_guard_admin_refused_total\{reason="wrong_token"\} 1$/m)
      listening.abort()
    })
  })

  describe('an X-Request-Id that a live call has', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, { simulate: SIMULATE, serve: ['--parallel', '2'] })
    })
    after(() => pair?.stop())

    it('is not given to a second one, which is told its own and can be cancelled by it', async () => {
      const call = () => {
        const raw = new RawCall(pair.proxy.port)
        const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: 4_000 } })
        raw.send(
          head('/api/generate', body.length).replace('\r\n\r\n', '\r\nX-Request-Id: same\r\n\r\n') + body,
        )
        return raw
      }
      const idOf = ({ received }: RawCall) =>
        parseAnswer(received).headers.find(([name]) => /^x-request-id$/i.test(name))?.[1] ?? ''
      const first = call()
      await until('the first streams', () => first.received.includes('"done":false'))
      const second = call()
      await until('the second streams', () => second.received.includes('"done":false'))
      assert.equal(idOf(first), 'same')
      assert.notEqual(idOf(second), 'same')
      const cancel = async (id: string) =>
        (
          await fetch(`${pair.proxy.url}/admin/queue/cancel`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ id }),
          })
        ).status
      assert.equal(await cancel(idOf(second)), 200)
      await until('the second is ended', () => second.received.includes('{"error":"An operator'))
      assert.doesNotMatch(first.received, /An operator/)
      assert.equal(await cancel('same'), 200)
      await until('the first is ended', () => first.received.includes('{"error":"An operator'))
      assert.equal(await cancel('same'), 404)
    })
  })
}

function linesOf({ proxy }: Pair): readonly Readonly<Record<string, unknown>>[] {
  const lines = proxy.output.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
}
