import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { Refusal } from '../../src/admission/refusal.ts'
import { renderErrorTrailer } from '../../src/http/late-errors.ts'
import { Failure } from '../../src/relay/failure.ts'
import { appHarness } from './support/app-harness.ts'

const BUSY = 'Server is currently busy processing other requests. Please try again in'
const SLOW = 'Request timed out. Please try again with a shorter prompt or later.'
const SLOW_IN_LINE = 'Request timed out. Please try again with a shorter prompt or in 4 seconds.'
const WHOLE =
  'Request timed out. The whole answer was asked for at once, so its first byte would have been its last. ' +
  'Please ask for a stream, or have the time limit of this server raised.'
const PAUSED = 'The operator of this server has paused this model. Please try again in 48 seconds.'
const DOWN = 'Ollama cannot be reached or did not answer properly. Please try again later.'
const LARGE = 'The request body is larger than this server accepts.'
const NEWER = 'A newer request with the same X-Queue-Key replaced this one.'
const KEY = String.raw`X-Queue-Key may have at most 200 characters, and X-Queue-Key-Running can only be \"cancel\".`
const CLOSING = 'Server is shutting down. Please try again in'
const model = 'llama2'

/** What a client gets when its call ends in `error`. */
async function answerTo(
  error: unknown,
  {
    path = '/api/chat',
    headers = {},
    language = 'auto' as const,
  }: {
    path?: string
    headers?: Record<string, string>
    language?: 'auto' | 'ko'
  } = {},
) {
  const surface = appHarness({ relay: () => Promise.reject(error), config: { language } })
  const response = await surface.app.request(path, { method: 'POST', headers })
  return { status: response.status, headers: response.headers, body: await response.text(), surface }
}

const ROWS = [
  {
    when: 'the queue is at its limit',
    error: () => new Refusal('queue_full', { model, retryAfterMs: 2_300 }),
    status: 503,
    retry: ['3', '2300'],
    ollama: `{"error":"queue_full: ${BUSY} 3 seconds.","code":"queue_full","message":"${BUSY} 3 seconds.","model":"llama2"}`,
    openai: `{"error":{"message":"${BUSY} 3 seconds.","type":"server_error","param":null,"code":"queue_full"}}`,
    anthropic: `{"type":"error","error":{"type":"overloaded_error","message":"${BUSY} 3 seconds."},"request_id":"req_#"}`,
  },
  {
    when: 'the predicted wait is past the deadline',
    error: () => new Refusal('queue_full', { model, retryAfterMs: 9_000, estimatedWaitMs: 412_000.4 }),
    status: 503,
    retry: ['9', '9000'],
    ollama: `{"error":"queue_full: ${BUSY} 9 seconds.","code":"queue_full","message":"${BUSY} 9 seconds.","model":"llama2","estimated_wait_ms":412001}`,
    openai: `{"error":{"message":"${BUSY} 9 seconds.","type":"server_error","param":null,"code":"queue_full","estimated_wait_ms":412001}}`,
    anthropic: `{"type":"error","error":{"type":"overloaded_error","message":"${BUSY} 9 seconds.","estimated_wait_ms":412001},"request_id":"req_#"}`,
  },
  {
    when: 'the model is paused',
    error: () => new Refusal('queue_full', { model, retryAfterMs: 48_000, paused: true }),
    status: 503,
    retry: ['48', '48000'],
    ollama: `{"error":"queue_full: ${PAUSED}","code":"queue_full","message":"${PAUSED}","model":"llama2"}`,
    openai: `{"error":{"message":"${PAUSED}","type":"server_error","param":null,"code":"queue_full"}}`,
    anthropic: `{"type":"error","error":{"type":"overloaded_error","message":"${PAUSED}"},"request_id":"req_#"}`,
  },
  {
    when: 'the deadline passes in line',
    error: () => new Refusal('timeout', { model, retryAfterMs: 4_000 }),
    status: 504,
    retry: ['4', null],
    ollama: `{"error":"timeout: ${SLOW_IN_LINE}","code":"timeout","message":"${SLOW_IN_LINE}","model":"llama2"}`,
    openai: `{"error":{"message":"${SLOW_IN_LINE}","type":"server_error","param":null,"code":"timeout"}}`,
    anthropic: `{"type":"error","error":{"type":"timeout_error","message":"${SLOW_IN_LINE}"},"request_id":"req_#"}`,
  },
  {
    when: 'Ollama stays silent',
    error: () => new Failure('timeout', { model, sent: true }),
    status: 504,
    retry: [null, null],
    final: true,
    ollama: `{"error":"timeout: ${SLOW}","code":"timeout","message":"${SLOW}","model":"llama2"}`,
    openai: `{"error":{"message":"${SLOW}","type":"server_error","param":null,"code":"timeout"}}`,
    anthropic: `{"type":"error","error":{"type":"timeout_error","message":"${SLOW}"},"request_id":"req_#"}`,
  },
  {
    when: 'Ollama stays silent to a call that asked for the whole answer',
    error: () => Object.assign(new Failure('timeout', { model, sent: true }), { askedForWhole: true }),
    status: 504,
    retry: [null, null],
    final: true,
    ollama: `{"error":"timeout: ${WHOLE}","code":"timeout","message":"${WHOLE}","model":"llama2"}`,
    openai: `{"error":{"message":"${WHOLE}","type":"server_error","param":null,"code":"timeout"}}`,
    anthropic: `{"type":"error","error":{"type":"timeout_error","message":"${WHOLE}"},"request_id":"req_#"}`,
  },
  {
    when: 'the body was not there in time',
    error: () => new Failure('timeout', { model }),
    status: 504,
    retry: [null, null],
    ollama: `{"error":"timeout: ${SLOW}","code":"timeout","message":"${SLOW}","model":"llama2"}`,
    openai: `{"error":{"message":"${SLOW}","type":"server_error","param":null,"code":"timeout"}}`,
    anthropic: `{"type":"error","error":{"type":"timeout_error","message":"${SLOW}"},"request_id":"req_#"}`,
  },
  {
    when: 'Ollama refuses the connection',
    error: () =>
      new Failure('upstream_error', { model, cause: new Error('connect ECONNREFUSED 10.1.2.3:11434') }),
    status: 502,
    retry: [null, null],
    ollama: `{"error":"upstream_error: ${DOWN}","code":"upstream_error","message":"${DOWN}","model":"llama2"}`,
    openai: `{"error":{"message":"${DOWN}","type":"server_error","param":null,"code":"upstream_error"}}`,
    anthropic: `{"type":"error","error":{"type":"api_error","message":"${DOWN}"},"request_id":"req_#"}`,
  },
  {
    when: 'a newer call with the same queue key comes',
    error: () => new Failure('superseded', { model }),
    status: 499,
    retry: [null, null],
    final: true,
    ollama: `{"error":"superseded: ${NEWER}","code":"superseded","message":"${NEWER}","model":"llama2"}`,
    openai: `{"error":{"message":"${NEWER}","type":"invalid_request_error","param":null,"code":"superseded"}}`,
    anthropic: `{"type":"error","error":{"type":"api_error","message":"${NEWER}"},"request_id":"req_#"}`,
  },
  {
    when: 'the queue key is wrong',
    error: () => new Failure('invalid_request', { about: 'queue_key' }),
    status: 400,
    retry: [null, null],
    ollama: `{"error":"invalid_request: ${KEY}","code":"invalid_request","message":"${KEY}"}`,
    openai: `{"error":{"message":"${KEY}","type":"invalid_request_error","param":null,"code":"invalid_request"}}`,
    anthropic: `{"type":"error","error":{"type":"invalid_request_error","message":"${KEY}"},"request_id":"req_#"}`,
  },
  {
    when: 'the body is too large',
    error: () => new Failure('body_too_large'),
    status: 413,
    retry: [null, null],
    ollama: `{"error":"body_too_large: ${LARGE}","code":"body_too_large","message":"${LARGE}"}`,
    openai: `{"error":{"message":"${LARGE}","type":"invalid_request_error","param":null,"code":"body_too_large"}}`,
    anthropic: `{"type":"error","error":{"type":"request_too_large","message":"${LARGE}"},"request_id":"req_#"}`,
  },
  {
    when: 'we are draining',
    error: () => new Refusal('shutting_down', { model }),
    status: 503,
    retry: ['5', null],
    ollama: `{"error":"shutting_down: ${CLOSING} 5 seconds.","code":"shutting_down","message":"${CLOSING} 5 seconds.","model":"llama2"}`,
    openai: `{"error":{"message":"${CLOSING} 5 seconds.","type":"server_error","param":null,"code":"shutting_down"}}`,
    anthropic: `{"type":"error","error":{"type":"overloaded_error","message":"${CLOSING} 5 seconds."},"request_id":"req_#"}`,
  },
  {
    when: 'something unforeseen breaks',
    error: () => new TypeError('secret path /home/x at 10.1.2.3:11434'),
    status: 500,
    retry: [null, null],
    ollama:
      '{"error":"internal_error: Something went wrong on this server.","code":"internal_error","message":"Something went wrong on this server."}',
    openai:
      '{"error":{"message":"Something went wrong on this server.","type":"server_error","param":null,"code":"internal_error"}}',
    anthropic:
      '{"type":"error","error":{"type":"api_error","message":"Something went wrong on this server."},"request_id":"req_#"}',
  },
]

describe('a call that ends without an answer', () => {
  for (const row of ROWS) {
    for (const [dialect, path] of [
      ['ollama', '/api/chat'],
      ['openai', '/v1/chat/completions'],
      ['anthropic', '/v1/messages'],
    ] as const) {
      test(`is told so in the words of ${dialect} when ${row.when}`, async () => {
        const { status, headers, body } = await answerTo(row.error(), { path })
        assert.equal(status, row.status)
        assert.equal(headers.get('content-type'), 'application/json; charset=utf-8')
        assert.deepEqual([headers.get('retry-after'), headers.get('retry-after-ms')], row.retry)
        assert.equal(headers.get('x-should-retry'), 'final' in row ? 'false' : null)
        assert.equal(body.replace(/req_[0-9a-f]{24}/, 'req_#'), row[dialect])
      })
    }
  }

  test('has its own request id each time', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const { body } = await answerTo(new Failure('timeout'), { path: '/v1/messages' })
      ids.add(body.slice(body.indexOf('req_')))
    }
    assert.equal(ids.size, 20)
  })

  test('leaves the connection to the server, which may have to swallow a body first', async () => {
    for (const code of ['body_too_large', 'timeout'] as const) {
      assert.equal((await answerTo(new Failure(code))).headers.get('connection'), null)
    }
  })

  test('gets an empty answer when its client is gone', async () => {
    for (const error of [new Refusal('cancelled', { model }), new Failure('client_gone')]) {
      const { status, body, surface } = await answerTo(error)
      assert.equal(status, 499)
      assert.equal(body, '')
      assert.deepEqual(surface.reported, [])
    }
  })

  test('is asked back after one to sixty whole seconds', async () => {
    for (const [retryAfterMs, seconds, ms] of [
      [0, '1', '1'],
      [0.2, '1', '1'],
      [1_000, '1', '1000'],
      [1_000.5, '2', '1001'],
      [60_000, '60', '60000'],
      [9e9, '60', '60000'],
    ] as const) {
      const { headers } = await answerTo(new Refusal('queue_full', { model, retryAfterMs }))
      assert.deepEqual([headers.get('retry-after'), headers.get('retry-after-ms')], [seconds, ms])
    }
  })

  test('is reported only when nobody foresaw it', async () => {
    const bug = new Error('bug')
    assert.deepEqual((await answerTo(bug)).surface.reported, [bug])
    assert.deepEqual((await answerTo(new Failure('upstream_error'))).surface.reported, [])
    assert.deepEqual((await answerTo(new Refusal('queue_full', { model }))).surface.reported, [])
  })

  test('on a page of our own is a code and a sentence apart', async () => {
    const { app } = appHarness({ passThrough: () => Promise.reject(new Failure('upstream_error')) })
    for (const path of ['/queue', '/queue/nope', '/health/nope', '/admin/nope', '/dashboard/nope'])
      assert.match(await (await app.request(path)).text(), /^\{"error":"[a-z_]+","message":"/, path)
    for (const path of ['/queues', '/configure', '/healthy'])
      assert.match(await (await app.request(path)).text(), /^\{"error":"upstream_error: /, path)
  })

  test('outside the gate is answered in the dialect of its path', async () => {
    const { app } = appHarness({ passThrough: () => Promise.reject(new Failure('upstream_error')) })
    assert.equal(
      await (await app.request('/api/tags')).text(),
      `{"error":"upstream_error: ${DOWN}","code":"upstream_error","message":"${DOWN}"}`,
    )
    assert.match(await (await app.request('/v1/models')).text(), /^\{"error":\{"message":/)
    assert.match(await (await app.request('/v1/messages/count_tokens')).text(), /^\{"type":"error"/)
  })
})

describe('the language of an error', () => {
  const busy = () => new Refusal('queue_full', { model })

  test('is what the caller prefers of ours, and is declared', async () => {
    const { headers, body } = await answerTo(busy(), {
      headers: { 'accept-language': 'fr, zh-CN;q=0.8, en;q=0.5' },
    })
    assert.match(body, /服务器正忙/)
    assert.equal(headers.get('content-language'), 'zh')
    assert.equal(headers.get('vary'), 'Accept-Language')
  })

  test('is English and undeclared where none of ours is asked for', async () => {
    const { headers, body } = await answerTo(busy(), { headers: { 'accept-language': 'fr' } })
    assert.match(body, /Server is currently busy/)
    assert.equal(headers.get('content-language'), null)
    assert.equal(headers.get('vary'), null)
  })

  test('is the configured one whatever the caller prefers', async () => {
    const { headers, body } = await answerTo(busy(), { headers: { 'accept-language': 'ja' }, language: 'ko' })
    assert.match(body, /서버가 현재/)
    assert.equal(headers.get('vary'), null)
  })

  test('reaches every dialect', async () => {
    for (const path of ['/api/chat', '/v1/embeddings', '/v1/messages']) {
      assert.match(
        (await answerTo(busy(), { path, headers: { 'accept-language': 'ru' } })).body,
        /Сервер сейчас занят/,
      )
    }
  })
})

describe('a refusal to a web page', () => {
  const busy = () => new Refusal('queue_full', { model })

  test('can be read by the pages that Ollama lets in', async () => {
    const { headers } = await answerTo(busy(), {
      headers: { origin: 'http://localhost:3000', 'accept-language': 'vi' },
    })
    assert.equal(headers.get('access-control-allow-origin'), 'http://localhost:3000')
    assert.equal(headers.get('vary'), 'Origin, Accept-Language')
  })

  test('cannot be read by others', async () => {
    const { headers } = await answerTo(busy(), { headers: { origin: 'https://evil.example' } })
    assert.equal(headers.get('access-control-allow-origin'), null)
  })

  test('follows what Ollama has shown', async () => {
    const surface = appHarness({ relay: () => Promise.reject(busy()) })
    surface.origins.learn('https://chat.example', 'https://chat.example')
    const response = await surface.app.request('/api/chat', {
      method: 'POST',
      headers: { origin: 'https://chat.example' },
    })
    assert.equal(response.headers.get('access-control-allow-origin'), 'https://chat.example')
  })
})

describe('the last words of a broken answer', () => {
  const broken = {
    why: 'broken',
    contentType: 'application/x-ndjson',
    contentEncoding: undefined,
    path: '/api/chat',
    acceptLanguage: undefined,
    midLine: false,
    onlySigns: false,
  } as const
  const BROKE = 'Ollama broke off in the middle of its answer. Please try again.'
  const IDLE = 'Ollama stopped in the middle of its answer for too long. Please try again.'

  test('are one more line of NDJSON', () => {
    assert.equal(renderErrorTrailer(broken, 'auto'), `{"error":"${BROKE}"}\n`)
    assert.equal(renderErrorTrailer({ ...broken, why: 'idle' }, 'auto'), `{"error":"${IDLE}"}\n`)
    assert.equal(renderErrorTrailer({ ...broken, midLine: true }, 'auto'), `\n{"error":"${BROKE}"}\n`)
  })

  test('are the whole body after signs of life, where JSON has no other room for them', () => {
    const whole = { ...broken, contentType: 'application/json; charset=utf-8', onlySigns: true }
    assert.equal(renderErrorTrailer({ ...whole, onlySigns: false }, 'auto'), undefined)
    assert.deepEqual(JSON.parse(renderErrorTrailer(whole, 'auto') ?? ''), {
      error: `upstream_error: ${BROKE}`,
      ...{ code: 'upstream_error', message: BROKE, status: 502 },
    })
    const { error } = JSON.parse(renderErrorTrailer({ ...whole, path: '/v1/messages' }, 'auto') ?? '')
    assert.deepEqual([error.message, error.status], [BROKE, 502])
  })

  test('are one more event of a stream, apart from a broken one', () => {
    const stream = {
      ...broken,
      contentType: 'text/event-stream; charset=utf-8',
      path: '/v1/chat/completions',
    }
    const event = `data: {"error":{"message":"${BROKE}","type":"server_error","param":null,"code":"upstream_error"}}\n\n`
    assert.equal(renderErrorTrailer(stream, 'auto'), event)
    assert.equal(renderErrorTrailer({ ...stream, midLine: true }, 'auto'), `\n\n${event}`)
    assert.equal(
      renderErrorTrailer({ ...stream, why: 'idle' }, 'auto'),
      `data: {"error":{"message":"${IDLE}","type":"server_error","param":null,"code":"timeout"}}\n\n`,
    )
  })

  test("are an error event in Anthropic's streams", () => {
    const stream = { ...broken, contentType: 'text/event-stream', path: '/v1/messages' }
    assert.equal(
      renderErrorTrailer(stream, 'auto'),
      `event: error\ndata: {"type":"error","error":{"type":"api_error","message":"${BROKE}"}}\n\n`,
    )
    assert.match(renderErrorTrailer({ ...stream, why: 'idle' }, 'auto') ?? '', /"type":"timeout_error"/)
  })

  test('tell a call that a newer one has replaced from one that an operator ended', () => {
    const replaced =
      'A newer request with the same X-Queue-Key replaced this one in the middle of its answer.'
    const ended = 'An operator of this server ended the request in the middle of its answer.'
    const [newer, operator] = (['superseded', 'cancelled'] as const).map((why) => ({ ...broken, why }))
    assert.ok(newer && operator)
    assert.equal(renderErrorTrailer(newer, 'auto'), `{"error":"${replaced}"}\n`)
    assert.equal(renderErrorTrailer(operator, 'auto'), `{"error":"${ended}"}\n`)
    const events = { ...newer, contentType: 'text/event-stream', path: '/v1/responses' }
    assert.equal(
      renderErrorTrailer(events, 'auto'),
      `data: {"error":{"message":"${replaced}","type":"invalid_request_error","param":null,"code":"superseded"}}\n\n`,
    )
  })

  test('are said in the language of the caller', () => {
    assert.match(renderErrorTrailer({ ...broken, acceptLanguage: 'ja' }, 'auto') ?? '', /途切れました/)
    assert.match(renderErrorTrailer({ ...broken, acceptLanguage: 'ja' }, 'ru') ?? '', /прервала/)
  })

  test('cannot be said where a format has no room for them', () => {
    for (const contentType of [
      'application/json; charset=utf-8',
      'application/octet-stream',
      undefined,
      '',
    ]) {
      assert.equal(renderErrorTrailer({ ...broken, contentType }, 'auto'), undefined)
    }
  })

  test('cannot be said of an image, which is called NDJSON and is none', () => {
    assert.equal(renderErrorTrailer({ ...broken, path: '/v1/images/edits' }, 'auto'), undefined)
  })

  test('cannot be said inside an encoding', () => {
    for (const contentEncoding of ['gzip', 'br', 'zstd', 'GZIP', 'gzip, br', 'identity, gzip', 'x'])
      assert.equal(renderErrorTrailer({ ...broken, contentEncoding }, 'auto'), undefined, contentEncoding)
    for (const contentEncoding of ['identity', 'Identity', ''])
      assert.notEqual(renderErrorTrailer({ ...broken, contentEncoding }, 'auto'), undefined, contentEncoding)
  })
})
