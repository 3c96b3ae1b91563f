import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { closed } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { ask, parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'

const chat = (stream: boolean, tokens = 3) =>
  JSON.stringify({
    model: 'llama3.2',
    messages: [{ role: 'user', content: 'hi' }],
    stream,
    options: { num_predict: tokens },
  })

/** Host headers on a listener at 127.0.0.1. */
const HOSTS: readonly [host: string, allowed: boolean][] = [
  ['localhost:8080', true],
  ['127.0.0.1', true],
  ['[::1]:8080', true],
  ['192.168.1.7:11434', true],
  ['box.local', true],
  ['host.docker.internal', true],
  ['evil.example', false],
  ['localhost.evil.example', false],
  ['8.8.8.8', false],
]

export function protocol(target: Target): void {
  describe('HTTP as it is spoken', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
        serve: ['--parallel', '1'],
      })
    })
    after(() => pair.stop())

    const post = (body: string, version: string, headers: readonly string[] = []) =>
      `${[
        `POST /api/chat HTTP/${version}`,
        'Host: localhost',
        `Content-Length: ${body.length}`,
        ...headers,
      ].join('\r\n')}\r\n\r\n${body}`

    it('gives an HTTP/1.0 client a stream without chunks that ends with the connection', async () => {
      for (const headers of [[], ['Connection: keep-alive']]) {
        const call = new RawCall(pair.proxy.port)
        call.send(post(chat(true), '1.0', headers))
        await until('the answer', () => call.received.includes('"done":true'))
        await closed(call, target)
        const answer = parseAnswer(call.received)
        assert.equal(answer.status, 200)
        const chunked = answer.headers.some(([name]) => name.toLowerCase() === 'transfer-encoding')
        assert.equal(chunked, target.gaps?.ownParser !== undefined)
        const lines = answer.body.trim().split('\n')
        assert.equal(lines.length, 4)
        for (const line of lines) assert.equal(JSON.parse(line).model, 'llama3.2')
      }
    })

    it('keeps the connection of an HTTP/1.0 client that asks for it', async () => {
      const call = new RawCall(pair.proxy.port)
      const send = () => call.send(post(chat(false), '1.0', ['Connection: keep-alive']))
      if (target.gaps?.http10KeepAlive) {
        send()
        await until('the answer', () => call.received.includes('"done":true'))
        await closed(call, target)
        assert.equal(call.status, 200)
        assert.doesNotMatch(call.received, /keep-alive/i)
        return
      }
      for (let round = 1; round <= 3; round++) {
        send()
        await until('an answer', () => call.received.split('"done":true').length === round + 1)
      }
      assert.match(call.received, /\r\nconnection: keep-alive\r\n/i)
      assert.equal(call.closed, false)
      call.leave('fin')
    })

    for (const [version, ...headers] of [['1.0'], ['1.1', 'Connection: close']] as const) {
      it(`closes the connection of an HTTP/${version} client that ${headers[0] ? 'asks for it' : 'does not'}`, async () => {
        const call = new RawCall(pair.proxy.port)
        call.send(post(chat(false), version, headers))
        await until('the answer', () => call.received.includes('"done":true'))
        assert.equal(call.status, 200)
        const isClosed = until('the connection is closed', () => call.closed, target.gaps?.promptClose && 500)
        if (target.gaps?.promptClose) await assert.rejects(isClosed)
        else await isClosed
        call.leave('fin')
      })
    }

    it('answers pipelined requests in their order', async () => {
      const call = new RawCall(pair.proxy.port)
      call.send([1, 2, 3, 4, 5].map((tokens) => post(chat(tokens % 2 === 0, tokens), '1.1')).join(''))
      if (target.gaps?.pipelining) {
        await until('the connection is closed', () => call.closed)
        assert.ok(!call.received.includes('"done":true'), 'none is answered in part')
        return
      }
      await until('five answers', () => call.received.split('"done":true').length === 6)
      const counts = [...call.received.matchAll(/"eval_count":(\d+)/g)].map(([, count]) => Number(count))
      assert.deepEqual(counts, [1, 2, 3, 4, 5])
      call.leave('fin')
    })

    it('asks for the body of a client that waits for 100-continue', async () => {
      const call = new RawCall(pair.proxy.port)
      const body = chat(false)
      call.send(post(body, '1.1', ['Expect: 100-continue']).slice(0, -body.length))
      const goAhead = target.gaps?.goAhead ? '' : 'HTTP/1.1 100 Continue\r\n\r\n'
      await until('the go-ahead', () => call.received.startsWith(goAhead))
      call.send(body)
      await until('the answer', () => call.received.includes('"done":true'))
      assert.ok(call.received.startsWith(`${goAhead}HTTP/1.1 200`))
      call.leave('fin')
    })

    it('does not ask for a body that it will refuse', async () => {
      const call = new RawCall(pair.proxy.port)
      call.send(
        'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\nExpect: 100-continue\r\n\r\n',
      )
      if (target.gaps?.refusalBeforeContinue) {
        const goAhead = 'HTTP/1.1 100 Continue\r\n\r\n'
        await until('the refusal', () => call.received.includes('HTTP/1.1 413'))
        assert.ok(call.received.startsWith(goAhead))
      } else {
        await until('the refusal', () => call.status > 0)
        assert.equal(call.status, 413)
      }
      call.leave('fin')
    })

    it('takes a body in chunks of a byte', async () => {
      const call = new RawCall(pair.proxy.port)
      call.send('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (const byte of chat(false)) call.send(`1\r\n${byte}\r\n`)
      call.send('0\r\n\r\n')
      await until('the answer', () => call.received.includes('"done":true'))
      assert.equal(call.status, 200)
      call.leave('fin')
    })

    it('takes a body with a trailer behind it', async () => {
      const call = new RawCall(pair.proxy.port)
      const body = chat(false)
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n`
      call.send(
        `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\nX-Trailer: 1\r\n\r\n`,
      )
      await until('the answer', () => call.received.includes('"done":true') || call.closed)
      assert.equal(call.status, target.gaps?.requestTrailers ? 400 : 200)
      call.leave('fin')
    })

    for (const [host, allowed] of HOSTS) {
      it(`${allowed ? 'takes' : 'refuses'} a request to Host ${host}, as Ollama does`, async () => {
        for (const line of ['GET /api/tags', 'GET /health', 'POST /api/show']) {
          const answer = await ask(
            pair.proxy.port,
            `${line} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`,
          )
          assert.equal(answer.status !== 403, allowed, `${line}: ${answer.status}`)
          if (!allowed)
            assert.match(answer.body, /^\{"error":"forbidden.*answers only to the names of its own machine/)
        }
      })
    }

    it('answers the preflight of a page to a foreign Host, and the page can read why the request is refused', async () => {
      const page = (method: string) =>
        ask(
          pair.proxy.port,
          [
            `${method} /api/chat HTTP/1.1`,
            'Host: models.example.com',
            'Origin: http://localhost:3000',
            'Access-Control-Request-Method: POST',
            'Content-Length: 0',
            '\r\n',
          ].join('\r\n'),
        )
      const allowed = ({ headers }: Awaited<ReturnType<typeof page>>) =>
        headers.find(([name]) => /^access-control-allow-origin$/i.test(name))?.[1]
      const preflight = await page('OPTIONS')
      assert.deepEqual([preflight.status, allowed(preflight)], [204, 'http://localhost:3000'])
      const { submitted } = await pair.simulated()
      const refused = await page('POST')
      assert.deepEqual([refused.status, allowed(refused)], [403, 'http://localhost:3000'])
      assert.match(JSON.parse(refused.body).error, /^forbidden: .+ call it as localhost/)
      assert.equal((await pair.simulated()).submitted, submitted)
      await page('POST')
      const warnings = () =>
        pair.proxy.output.split('\n').filter((line) => line.includes('models.example.com'))
      if (target.gaps?.ownProcess) return
      await until('the log names the Host', () => warnings().length > 0)
      assert.equal(warnings().length, 1)
      assert.match(warnings()[0] ?? '', /"level":"warn".*foreign Host.*set proxy_host/)
    })

    it('takes an HTTP/1.0 request without a Host', async () => {
      const call = new RawCall(pair.proxy.port)
      call.send('GET /api/version HTTP/1.0\r\n\r\n')
      await until('the answer', () => call.status > 0)
      await closed(call, target)
      assert.equal(call.status, target.gaps?.ownParser ? 400 : 200)
    })
  })
}
