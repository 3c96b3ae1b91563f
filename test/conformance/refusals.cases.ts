import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ConfigFile } from './config-file.ts'
import { GATED_ROUTES } from './gated-routes.ts'
import { occupy } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { ask } from './raw-answer.ts'

const busyFor = (seconds: number) =>
  `Server is currently busy processing other requests. Please try again in ${seconds === 1 ? '1 second' : `${seconds} seconds`}.`

const BODIES = {
  ollama: (message: string) => ({
    error: `queue_full: ${message}`,
    code: 'queue_full',
    message,
    model: 'llama3.2',
  }),
  openai: (message: string) => ({
    error: { message, type: 'server_error', param: null, code: 'queue_full' },
  }),
  anthropic: (message: string) => ({
    type: 'error',
    error: { type: 'overloaded_error', message },
    request_id: 'req_#',
  }),
}

/** Accept-Language, the language of the answer, and a letter that only it would use. */
const LANGUAGES: readonly [asked: string, got: string | null, sign: RegExp][] = [
  ['en-US,en;q=0.9', 'en', /busy/],
  ['zh-CN,zh;q=0.9', 'zh', /[\u4e00-\u9fff]/],
  ['vi', 'vi', /[ạảấầẩậắằẹẻẽếềểễệ]/],
  ['ja', 'ja', /[\u3040-\u30ff]/],
  ['ko-KR', 'ko', /[\uac00-\ud7af]/],
  ['de, ru;q=0.5, en;q=0.1', 'ru', /[\u0400-\u04ff]/],
  ['ar', 'ar', /[\u0600-\u06ff]/],
  ['de', null, /busy/],
]

/** Bodies of /api/chat that all mean llama3.2. */
const SPELLINGS = [
  '{"model":"llama3.2","messages":[{}]}',
  '{"messages":[{"model":"mistral"}],"MODEL":"LLAMA3.2:Latest"}',
  '{"model":"mistral","messages":[{}],"model":"llama3.2"}',
  '{"mod\\u0065l":" registry.ollama.ai/library/llama3.2 ","messages":[{}]}',
  '{"model":"library/llama3.2:local","messages":[{}]}',
  '{"model":"llama3.2","model":null,"messages":[{}]}',
  '\n{"model":"llama3.2","messages":[{}]}{"model":"mistral"}',
]

const PATHS = ['/api%2Fchat', '/api/%63hat', '/%61pi/ch%61t?x=1', '/api/chat?', 'http://localhost/api/chat']

/** What never waits, and the status that Ollama has for it. */
const NEVER_WAITING: readonly [path: string, body: string, status: number][] = [
  ['/api/generate', '{"model":"llama3.2","keep_alive":0}', 200],
  ['/api/generate', '{"model":"llama3.2","prompt":"","keep_alive":"0s"}', 200],
  ['/api/chat', '{"model":"llama3.2","messages":[],"keep_alive":0}', 200],
  ['/api/chat', '{"model":"gpt-oss:120b-cloud","messages":[{"role":"user","content":"x"}]}', 200],
  ['/api/generate', '{"model":"llama3.2"}', 200],
  ['/api/generate', '{"model":"llama3.2","prompt":"","suffix":"x","keep_alive":"5m"}', 200],
  ['/api/generate', '{"model":"llama3.2","keep_alive":0,"keep_alive":null}', 200],
  ['/api/chat', '{"model":"llama3.2"}', 200],
  ['/api/embed', '{"model":"llama3.2","input":[]}', 200],
  ['/api/embed', '{"model":"llama3.2","input":""}', 200],
  ['/api/embed', '{"model":"llama3.2"}', 200],
  ['/api/embeddings', '{"model":"llama3.2","prompt":""}', 200],
  ['/v1/completions', '{"model":"llama3.2","prompt":""}', 200],
  ['/api/chat', '{"messages":[]}', 400],
  ['/v1/messages', '{}', 400],
  ['/api/embed', '', 400],
]

export function refusals(target: Target): void {
  describe('a full lane', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
        // With turns, a call for another model may have to wait, and here no call waits.
        serve: ['--parallel', '1', '--max-queue', '0', '--turns', 'off'],
      })
      await occupy(pair)
    })
    after(() => pair.stop())

    for (const { path, dialect, request } of GATED_ROUTES) {
      it(`refuses ${path} in its dialect, and Ollama never hears of it`, async () => {
        const { submitted } = await pair.simulated()
        const answer = await fetch(pair.proxy.url + path, {
          ...request('llama3.2', true),
          headers: { origin: 'http://localhost:3000', 'x-request-id': 'mine' },
        })
        assert.equal(answer.headers.get('x-request-id'), 'mine')
        assert.match(answer.headers.get('server-timing') ?? '', /^queue;dur=[\d.]+$/)
        const body = (await answer.text()).replace(/req_[0-9a-f]{24}/, 'req_#')
        assert.equal(answer.status, 503)
        assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
        assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:3000')
        assert.match(answer.headers.get('vary') ?? '', /Origin/)
        assert.equal(
          answer.headers.get('access-control-expose-headers'),
          'Retry-After, retry-after-ms, x-should-retry, X-Request-Id, X-Queue-Wait-Ms, Server-Timing',
        )
        const seconds = Number(answer.headers.get('retry-after'))
        assert.deepEqual(JSON.parse(body), BODIES[dialect](busyFor(seconds)))
        const ms = Number(answer.headers.get('retry-after-ms'))
        assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
        assert.ok(ms > 0 && ms <= 60_000 && Math.ceil(ms / 1_000) === seconds, `retry-after-ms: ${ms}`)
        assert.equal((await pair.simulated()).submitted, submitted)
      })
    }

    it('shows no page of a foreign origin its refusals', async () => {
      const [{ path, request }] = GATED_ROUTES as [(typeof GATED_ROUTES)[number]]
      const headers = { origin: 'https://evil.example' }
      const answer = await fetch(pair.proxy.url + path, { ...request('llama3.2'), headers })
      assert.equal(answer.status, 503)
      assert.equal(answer.headers.get('access-control-allow-origin'), null)
    })

    for (const [asked, language, sign] of LANGUAGES) {
      it(`says so in ${language ?? 'English'} to Accept-Language: ${asked}`, async () => {
        const body = '{"model":"llama3.2","prompt":"x"}'
        const answer = await fetch(`${pair.proxy.url}/api/generate`, {
          method: 'POST',
          body,
          headers: { 'accept-language': asked },
        })
        assert.equal(answer.headers.get('content-language'), language)
        const { error, code, message } = (await answer.json()) as Record<string, string>
        assert.deepEqual([error, code], [`queue_full: ${message}`, 'queue_full'])
        assert.match(message ?? '', sign)
        assert.match(message ?? '', /\d|ثانية|ثانيتين/, 'the wait is named')
      })
    }

    const chat = async (path: string, body: string) => {
      const length = Buffer.byteLength(body)
      const lines = [
        `POST ${path} HTTP/1.1`,
        'Host: localhost',
        'Connection: close',
        `Content-Length: ${length}`,
      ]
      return (await ask(pair.proxy.port, `${lines.join('\r\n')}\r\n\r\n${body}`)).status
    }

    for (const body of SPELLINGS) {
      it(`is not got round by ${JSON.stringify(body)}`, async () => {
        assert.equal(await chat('/api/chat', body), 503)
      })
    }

    for (const path of PATHS) {
      it(`is not got round by POST ${path}`, async () => {
        const status = target.gaps?.ownParser && path.startsWith('http:') ? 500 : 503
        assert.equal(await chat(path, '{"model":"llama3.2","messages":[{}]}'), status)
      })
    }

    for (const [path, body, status] of NEVER_WAITING) {
      it(`lets ${path} ${body || 'without a body'} pass`, async () => {
        assert.equal(await chat(path, body), status)
      })
    }

    it('lets everything else pass, and other models run', async () => {
      assert.equal((await fetch(`${pair.proxy.url}/api/tags`)).status, 200)
      assert.equal(await chat('/api/show', '{"model":"llama3.2"}'), 200)
      assert.equal(await chat('/api/embed', '{"model":"all-minilm","input":"x"}'), 200)
    })
  })

  describe('our own pages', () => {
    const secret = 'token-of-the-tests'
    let config: ConfigFile
    let pair: Pair
    before(async () => {
      config = await ConfigFile.write(`admin_token: ${secret}\nenable_queue_stats: false\n`)
      pair = await Pair.start(target, { simulate: [], serve: ['--config', config.path] })
    })
    after(async () => {
      await pair?.stop()
      await config.remove()
    })

    const shown = async (method: string, path: string, init: RequestInit = {}) => {
      const answer = await fetch(pair.proxy.url + path, { method, ...init })
      const text = await answer.text()
      const { error } = text === '' ? { error: '' } : (JSON.parse(text) as { error?: string })
      return [answer.status, error, answer.headers.get('allow')]
    }

    it('are not passed on under a wrong name or method', async () => {
      assert.deepEqual(await shown('GET', '/queue/nope'), [404, 'not_found', null])
      assert.deepEqual(await shown('GET', '/health/nope'), [404, 'not_found', null])
      assert.deepEqual(await shown('POST', '/admin/nope'), [404, 'not_found', null])
      assert.deepEqual(await shown('POST', '/queue/stats'), [405, 'method_not_allowed', 'GET, HEAD'])
      assert.deepEqual(await shown('PUT', '/health'), [405, 'method_not_allowed', 'GET, HEAD'])
      assert.deepEqual(await shown('DELETE', '/config'), [405, 'method_not_allowed', 'GET, HEAD'])
      assert.deepEqual(await shown('GET', '/admin/queue/reset'), [405, 'method_not_allowed', 'POST'])
    })

    it('answer HEAD with the head of GET', async () => {
      for (const path of ['/health', '/health/live', '/health/ready', '/queue/memory', '/config']) {
        assert.deepEqual(await shown('HEAD', path), [200, '', null], path)
      }
    })

    it('tell that figures are switched off', async () => {
      assert.deepEqual(await shown('GET', '/queue/stats'), [404, 'stats_disabled', null])
    })

    it('never show the token', async () => {
      const text = await (await fetch(`${pair.proxy.url}/config`)).text()
      assert.ok(!text.includes(secret))
      assert.equal((JSON.parse(text) as { values: { admin_token: string } }).values.admin_token, '***')
    })

    it('change things only for who has the token', async () => {
      const change = (authorization?: string) => ({
        headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
        body: '{"model":"llama3.2","parallel_limit":3}',
      })
      const path = '/admin/queue/update'
      assert.deepEqual(await shown('POST', path, change()), [401, 'unauthorized', null])
      assert.deepEqual(await shown('POST', path, change('Bearer wrong')), [403, 'forbidden', null])
      assert.deepEqual(await shown('POST', path, change(`Bearer ${secret}`)), [200, undefined, null])
      const reset = { headers: { authorization: `Bearer ${secret}` } }
      assert.deepEqual(await shown('POST', '/admin/queue/reset', reset), [200, undefined, null])
    })
  })
}
