import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { GATED_ROUTES } from './gated-routes.ts'
import { masked } from './masked.ts'
import { quiet } from './occupied.ts'
import { Pair, startProxy, type Target } from './pair.ts'
import { ask, endToEnd } from './raw-answer.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

/** [request line, more headers, body] of what is none of our business. */
const PASSING: readonly [line: string, headers?: readonly string[], body?: string][] = [
  ['GET /api/tags'],
  ['GET /api/tags?x=1&y=%2F'],
  ['GET /api/ps'],
  ['GET /api/version'],
  ['HEAD /api/version'],
  ['GET /'],
  ['HEAD /'],
  ['GET /v1/models'],
  ['GET /v1/models/llama3.2'],
  ['GET /v1/models/nope'],
  ['POST /api/show', [], '{"model":"llama3.2"}'],
  ['POST /api/show', [], '{"model":"nope"}'],
  ['POST /api/pull', [], '{"model":"nope"}'],
  ['POST /api/copy', [], '{"source":"llama3.2","destination":"mine"}'],
  ['DELETE /api/delete', [], '{"model":"nope"}'],
  [`HEAD /api/blobs/sha256:${'0'.repeat(64)}`],
  ['GET /nope'],
  ['GET /api/future?a=1'],
  ['PUT /api/future/thing', [], 'any body'],
  ['GET /api/chat'],
  ['DELETE /v1/messages'],
  ['POST /api/tags', [], '{}'],
  ['POST /api/chat/', [], '{"model":"llama3.2"}'],
  ['GET /API/TAGS'],
  ['OPTIONS /api/chat', ['Origin: http://localhost:3000', 'Access-Control-Request-Method: POST']],
  ['OPTIONS /v1/messages', ['Origin: app://obsidian.md', 'Access-Control-Request-Method: POST']],
  ['OPTIONS /api/chat', ['Origin: https://evil.example']],
  ['OPTIONS /api/chat'],
  ['GET /api/tags', ['Origin: http://localhost:3000']],
  ['GET /api/tags', ['Origin: https://evil.example']],
  ['POST /api/chat', [], '{"messages":[]}'],
  ['POST /api/chat', [], ''],
  ['POST /api/generate', [], '{"model":"no such name!"}'],
  ['POST /v1/chat/completions', [], 'not json'],
]

/** `{"model":"mistral",…}` in one zstd frame with a raw block and a byte for its size. */
function zstdFrame(text: string): Uint8Array<ArrayBuffer> {
  const content = Buffer.from(text)
  const header = (content.length << 3) | 1
  const block = [header & 255, (header >> 8) & 255, header >> 16]
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, content.length, ...block, ...content])
}

function requestText(line: string, headers: readonly string[] = [], body?: string): string {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const lines = [`${line} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers, ...length]
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}

export function routes(target: Target): void {
  describe('routes', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
        serve: ['--parallel', '2'],
      })
    })
    after(() => pair.stop())

    for (const { path, streams, request } of GATED_ROUTES) {
      for (const stream of streams ? [true, false, undefined] : [undefined]) {
        const how = stream === undefined ? 'without a word on streaming' : `with stream: ${stream}`
        it(`promise 9: ${path} ${how} goes through its lane and gives Ollama's answer`, async () => {
          const { total_processed } = await pair.stats()
          const answer = await fetch(pair.proxy.url + path, request('LLaMA3.2:latest', stream))
          const expected = await fetch(pair.simulator.url + path, request('LLaMA3.2:latest', stream))
          assert.equal(masked(await answer.text()), masked(await expected.text()))
          assert.equal(answer.status, 200)
          assert.equal(answer.headers.get('content-type'), expected.headers.get('content-type'))
          assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]+$/)
          assert.match(answer.headers.get('x-queue-wait-ms') ?? '', /^\d+(?:\.\d+)?$/)
          assert.match(answer.headers.get('server-timing') ?? '', /^queue;dur=[\d.]+, upstream;dur=[\d.]+$/)
          await quiet(pair)
          assert.equal((await pair.stats()).total_processed, total_processed + 1)
        })
      }
    }

    it('/api/generate and /api/chat stream when nothing is said', async () => {
      for (const { path, request } of GATED_ROUTES.slice(0, 2)) {
        const answer = await fetch(pair.proxy.url + path, request('llama3.2'))
        assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
        assert.ok((await answer.text()).trim().split('\n').length > 1)
      }
    })

    it('a body in zstd goes through the lane of its model', async () => {
      const { total_processed } = await pair.stats('mistral')
      const text = JSON.stringify({
        model: 'mistral',
        messages: [{ role: 'user', content: 'hello' }],
        max_tokens: 3,
      })
      const init = { method: 'POST', headers: { 'content-encoding': 'zstd' }, body: zstdFrame(text) }
      const answer = await fetch(`${pair.proxy.url}/v1/chat/completions`, init)
      const expected = await fetch(`${pair.simulator.url}/v1/chat/completions`, init)
      assert.equal(answer.status, 200)
      assert.equal(masked(await answer.text()), masked(await expected.text()))
      await until(
        'it is counted',
        async () => (await pair.stats('mistral')).total_processed === total_processed + 1,
      )
    })

    for (const [line, headers, body] of PASSING) {
      it(`passes ${[line, ...(headers ?? []), body].filter(Boolean).join(' · ')} as it is`, async () => {
        const request = requestText(line, headers, body)
        const answer = await ask(pair.proxy.port, request)
        const expected = await ask(pair.simulator.port, request)
        assert.equal(answer.statusLine, expected.statusLine)
        assert.equal(masked(answer.body), masked(expected.body))
        assert.deepEqual(endToEnd(answer, target.gaps), endToEnd(expected, target.gaps))
      })
    }
  })

  describe('what reaches Ollama', () => {
    it('is the request as it was sent, without what concerns the connection alone', async () => {
      const seen: { line: string; headers: string[]; body: string }[] = []
      const ollama = await ScriptedOllama.start(async (request, response) => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk)
        const { method, url, rawHeaders } = request
        const headers = rawHeaders.flatMap((name, index) =>
          index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
        )
        seen.push({ line: `${method} ${url}`, headers, body: Buffer.concat(chunks).toString('latin1') })
        response.end('{}')
      })
      const proxy = await startProxy(target, ollama.url, [])
      try {
        const { host } = new URL(ollama.url)
        const body = '{ "model":\t"llama3.2", "x":"\u00e9" }'
        const length = Buffer.byteLength(body, 'latin1')
        const common = [
          ...['Authorization: Bearer secret', 'X-Odd: a,b', 'User-Agent: odd/1'],
          'Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        ]
        const hops = [
          'Connection: close, X-Hop',
          'X-Hop: 1',
          'TE: trailers',
          'Proxy-Authorization: Basic eA==',
        ]
        const head = (line: string, framing: string) =>
          `${[`${line} HTTP/1.1`, 'Host: localhost:1', ...common, ...hops, framing].join('\r\n')}\r\n\r\n`
        const chunked = `${(5).toString(16)}\r\n${body.slice(0, 5)}\r\n${(length - 5).toString(16)};ext=1\r\n${body.slice(5)}\r\n0\r\n\r\n`

        await ask(
          proxy.port,
          head('PATCH /api/future/%2Fx?a=1&b=%20&a=2', `Content-Length: ${length}`) + body,
        )
        await ask(proxy.port, head('POST /api/chat?x=%2F', `Content-Length: ${length}`) + body)
        await ask(proxy.port, head('POST /api/%63hat', 'Transfer-Encoding: chunked') + chunked)

        const added = seen.every(({ headers }) => headers.some((header) => /^cf-/i.test(header)))
        assert.equal(added, target.gaps?.addedHeaders !== undefined)
        const [passed, gated, whole] = seen.map(({ headers, ...rest }) => ({
          ...rest,
          headers: headers
            .filter((header) => !/^connection: keep-alive$/i.test(header))
            .filter((header) => !(target.gaps?.addedHeaders && /^cf-/i.test(header)))
            .map(lowerName)
            .sort(),
        }))
        const expected = [...common, `Host: ${host}`, `Content-Length: ${length}`].map(lowerName).sort()
        assert.deepEqual(passed, { line: 'PATCH /api/future/%2Fx?a=1&b=%20&a=2', headers: expected, body })
        assert.deepEqual(gated, { line: 'POST /api/chat?x=%2F', headers: expected, body })
        // Its chunks have an extension, which not every parser takes.
        const taken = { line: 'POST /api/%63hat', headers: expected, body }
        assert.deepEqual(whole, target.gaps?.ownParser ? undefined : taken)
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })
  })
}

function lowerName(header: string): string {
  const colon = header.indexOf(':')
  return header.slice(0, colon).toLowerCase() + header.slice(colon)
}
