import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { aSimulator, everything, masked, post, rawPost, rawRequest, saysHi } from './support.ts'

/** The head and the chunks of a raw answer; the chunks without their frames. */
function chunksOf(raw: string): { head: string; chunks: string[]; ended: boolean } {
  const split = raw.indexOf('\r\n\r\n')
  const chunks: string[] = []
  let rest = Buffer.from(raw.slice(split + 4))
  for (;;) {
    const line = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.toString('latin1', 0, Math.max(0, line)), 16)
    if (line < 0 || Number.isNaN(size)) return { head: raw.slice(0, split), chunks, ended: false }
    if (size === 0) return { head: raw.slice(0, split), chunks, ended: true }
    chunks.push(rest.toString('utf8', line + 2, line + 2 + size))
    rest = rest.subarray(line + 2 + size + 2)
  }
}

const hi = { model: 'llama3.2', prompt: 'Say hi' }
const METRICS =
  '"total_duration":NS,"load_duration":NS,"prompt_eval_count":26,"prompt_eval_duration":NS,"eval_count":3,"eval_duration":NS'

describe('framing', () => {
  const slow = { script: saysHi, promptTokensPerSecond: 10_000, outputTokensPerSecond: 500, loadMs: 2 }

  it('V1: a generate stream is one HTTP chunk a line, without a Connection header', async (t) => {
    const { port } = await aSimulator(t, slow)
    const socket = await rawRequest(
      t,
      port,
      rawPost('/api/generate', JSON.stringify(hi), 'Connection: close\r\n'),
    )
    const { head, chunks, ended } = chunksOf((await everything(socket)).text)
    assert.match(head, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/x-ndjson\r\n/)
    assert.match(head, /Transfer-Encoding: chunked/)
    assert.deepEqual(chunks.map(masked), [
      '{"model":"llama3.2","created_at":"TIME","response":"Hi","done":false}\n',
      '{"model":"llama3.2","created_at":"TIME","response":"!","done":false}\n',
      `{"model":"llama3.2","created_at":"TIME","response":"","done":true,"done_reason":"stop","context":IDS,${METRICS}}\n`,
    ])
    assert.equal(ended, true)
  })

  it('V4 and V5: chat, streamed by default', async (t) => {
    const { url } = await aSimulator(t, slow)
    const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'Say hi' }] }
    const streamed = await post(`${url}/api/chat`, body)
    assert.equal(streamed.headers.get('content-type'), 'application/x-ndjson')
    assert.equal(
      masked(await streamed.text()),
      '{"model":"llama3.2","created_at":"TIME","message":{"role":"assistant","content":"Hi"},"done":false}\n' +
        '{"model":"llama3.2","created_at":"TIME","message":{"role":"assistant","content":"!"},"done":false}\n' +
        `{"model":"llama3.2","created_at":"TIME","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",${METRICS}}\n`,
    )
    const whole = await post(`${url}/api/chat`, { ...body, stream: false })
    assert.equal(whole.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.match(await whole.text(), /^\{.*"content":"Hi!".*\}$/)
  })

  it('V8: the end of a chat completion, its usage and [DONE] are one chunk', async (t) => {
    const { port } = await aSimulator(t, slow)
    const body = JSON.stringify({
      model: 'llama3.2',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'Say hi' }],
    })
    const socket = await rawRequest(t, port, rawPost('/v1/chat/completions', body, 'Connection: close\r\n'))
    const { head, chunks } = chunksOf((await everything(socket)).text)
    assert.match(head, /Content-Type: text\/event-stream\r\n/)
    assert.equal(chunks.length, 3)
    assert.match(chunks[2] ?? '', /"finish_reason":"stop".*\n\n.*"usage":.*\n\ndata: \[DONE\]\n\n$/)
  })

  it('V12 and V13: message and response streams are one chunk an event, with their headers', async (t) => {
    const { port } = await aSimulator(t, slow)
    const bodies = {
      '/v1/messages': {
        model: 'llama3.2',
        max_tokens: 64,
        stream: true,
        messages: [{ role: 'user', content: 'Say hi' }],
      },
      '/v1/responses': { model: 'llama3.2', stream: true, input: 'Say hi' },
    }
    for (const [path, body] of Object.entries(bodies)) {
      const socket = await rawRequest(t, port, rawPost(path, JSON.stringify(body)))
      const reading = everything(socket)
      await new Promise<void>((resolve) => {
        socket.on('data', (chunk: Buffer) => {
          if (chunk.toString().endsWith('0\r\n\r\n')) resolve(void socket.end())
        })
      })
      const { head, chunks, ended } = chunksOf((await reading).text)
      assert.match(
        head,
        /Content-Type: text\/event-stream\r\nCache-Control: no-cache\r\nConnection: keep-alive/,
      )
      assert.equal(ended, true)
      for (const chunk of chunks) assert.match(chunk, /^event: [a-z_.]+\ndata: \{.*\}\n\n$/)
      assert.match(
        chunks[0] ?? '',
        path === '/v1/messages' ? /"usage":\{"input_tokens":2,/ : /response.created/,
      )
      assert.match(chunks.at(-1) ?? '', /"message_stop"|"response.completed"/)
    }
  })

  it('gives a short answer its length and a long one in chunks', async (t) => {
    const { url } = await aSimulator(t)
    const short = await post(`${url}/api/generate`, { ...hi, stream: false, options: { num_predict: 1 } })
    assert.equal(short.headers.get('content-length'), String((await short.text()).length))
    const long = await post(`${url}/api/generate`, { ...hi, stream: false, options: { num_predict: 1000 } })
    assert.equal(long.headers.get('content-length'), null)
    assert.equal(long.headers.get('transfer-encoding'), 'chunked')
    assert.equal((await long.json()).eval_count, 1000)
  })

  it('keeps the connection without a Connection header', async (t) => {
    const { port } = await aSimulator(t)
    const socket = await rawRequest(t, port, 'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [first] = await once(socket, 'data')
    assert.match(
      String(first),
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\nContent-Length: 17\r\nDate: [^\r]+\r\n\r\n$/,
    )
    socket.write('GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [second] = await once(socket, 'data')
    assert.match(String(second), /\r\n\r\n\{"version":"0\.33\.0"\}$/)
  })
})

describe('requests', () => {
  it('num_predict and max_tokens are exact, with the reason length', async (t) => {
    const { url } = await aSimulator(t)
    const native = await (
      await post(`${url}/api/generate`, { ...hi, stream: false, options: { num_predict: 7 } })
    ).json()
    assert.equal(native.eval_count, 7)
    assert.equal(native.done_reason, 'length')
    assert.equal(native.context.length, native.prompt_eval_count + 7)
    const messages = [{ role: 'user', content: 'x' }]
    const openai = await (await post(`${url}/v1/chat/completions`, { ...hi, max_tokens: 5, messages })).json()
    assert.equal(openai.usage.completion_tokens, 5)
    assert.equal(openai.choices[0].finish_reason, 'length')
    const anthropic = await (
      await post(`${url}/v1/messages`, { ...hi, max_tokens: 100_000, messages })
    ).json()
    assert.ok(anthropic.usage.output_tokens < 64, 'a huge limit is only a bound')
    assert.equal(anthropic.stop_reason, 'end_turn')
  })

  it('the same question has the same answer', async (t) => {
    const { url } = await aSimulator(t)
    const ask = async (prompt: string) =>
      (await (await post(`${url}/api/generate`, { ...hi, prompt, stream: false })).json()).response
    assert.equal(await ask('one'), await ask('one'))
    assert.notEqual(await ask('one'), await ask('two'))
  })

  it('V3: loads, unloads and keeps alive', async (t) => {
    const { url, simulator } = await aSimulator(t)
    const say = async (path: string, body: unknown) =>
      masked(await (await post(`${url}${path}`, body)).text())
    assert.equal(
      await say('/api/generate', { model: 'llama3.2', keep_alive: '10m' }),
      '{"model":"llama3.2","created_at":"TIME","response":"","done":true,"done_reason":"load"}',
    )
    assert.ok((simulator.snapshot().loaded[0]?.expiresInMs ?? 0) > 500_000)
    assert.equal(
      await say('/api/chat', { model: 'LLAMA3.2:latest', messages: [], keep_alive: '0s' }),
      '{"model":"LLAMA3.2:latest","created_at":"TIME","message":{"role":"assistant","content":""},"done":true,"done_reason":"unload"}',
    )
    assert.deepEqual(simulator.snapshot().loaded, [])
    assert.equal(
      await say('/api/embed', { model: 'all-minilm', input: '' }),
      '{"model":"all-minilm","embeddings":[]}',
    )
    assert.equal(await say('/api/embeddings', { model: 'all-minilm', prompt: '' }), '{"embedding":[]}')
    assert.match(await say('/v1/completions', { model: 'llama3.2', prompt: '' }), /"finish_reason":"load"/)
    assert.equal(simulator.engine.counters.total().peakActive, 0)
  })

  it('V6, V7 and V11: embeds', async (t) => {
    const { url } = await aSimulator(t, { script: () => ({ pieces: [], promptTokens: 8 }) })
    const embed = await (await post(`${url}/api/embed`, { model: 'all-minilm', input: ['a', 'b'] })).text()
    assert.match(
      masked(embed),
      /^\{"model":"all-minilm","embeddings":\[\[[-\d.,e]+\],\[[-\d.,e]+\]\],"total_duration":NS,"load_duration":NS,"prompt_eval_count":8\}$/,
    )
    const [vector] = JSON.parse(embed).embeddings
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6)
    const one = await (await post(`${url}/api/embeddings`, { model: 'all-minilm', prompt: 'a' })).json()
    assert.deepEqual(one.embedding, vector.map(Math.fround))
    const listed = await (await post(`${url}/v1/embeddings`, { model: 'all-minilm', input: 'a' })).json()
    assert.deepEqual(listed.data[0].embedding, vector)
    const packed = await (
      await post(`${url}/v1/embeddings`, { model: 'all-minilm', input: 'a', encoding_format: 'base64' })
    ).json()
    const bytes = Buffer.from(packed.data[0].embedding, 'base64')
    assert.equal(bytes.readFloatLE(0), Math.fround(vector[0]))
    assert.equal(bytes.length, vector.length * 4)
  })

  it('V14: transcribes, as JSON or as plain text', async (t) => {
    const { url } = await aSimulator(t, { script: () => ({ pieces: ['hello', ' there'] }) })
    const form = new FormData()
    form.set('model', 'llama3.2')
    form.set('file', new Blob([new Uint8Array(1000)]), 'a.wav')
    const json = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form })
    assert.equal(json.headers.get('content-type'), 'application/json')
    assert.equal(await json.text(), '{"text":"hello there"}\n')
    form.set('response_format', 'text')
    const plain = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form })
    assert.equal(plain.headers.get('content-type'), 'text/plain')
    assert.equal(await plain.text(), 'hello there')
  })

  it('V15: makes images, and reads only JSON there', async (t) => {
    const { url } = await aSimulator(t, { models: ['x/z-image-turbo', 'llama3.2', 'all-minilm'] })
    const post = async (route: string, body: string | FormData) => {
      const response = await fetch(`${url}/v1/images/${route}`, { method: 'POST', body })
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        text: await response.text(),
      }
    }
    const wish = { model: 'x/z-image-turbo', prompt: 'a gate' }
    const made = await post('generations', JSON.stringify(wish))
    assert.deepEqual([made.status, made.type], [200, 'application/x-ndjson'])
    assert.match(made.text, /^\{"created":\d+,"data":\[\{"b64_json":"iVBORw0KGg[^"]+"\}\]\}\n$/)
    const image = 'data:image/png;base64,aGVsbG8='
    assert.match((await post('edits', JSON.stringify({ ...wish, image }))).text, /"b64_json"/)

    // A model that makes no images computes its text, and its answer is empty.
    assert.deepEqual(await post('generations', JSON.stringify({ ...wish, model: 'llama3.2' })), {
      status: 200,
      type: 'application/x-ndjson',
      text: '',
    })
    const refused = async (route: string, body: string | FormData) => {
      const { status, text } = await post(route, body)
      return [status, (JSON.parse(text) as { error: { message: string } }).error.message]
    }
    assert.deepEqual(await refused('generations', '{"model":"a"}'), [400, 'prompt is required'])
    assert.deepEqual(await refused('generations', '{"prompt":"a"}'), [400, 'model is required'])
    assert.deepEqual(await refused('edits', JSON.stringify(wish)), [400, 'image is required'])
    assert.deepEqual(await refused('edits', JSON.stringify({ ...wish, image: 'x' })), [
      400,
      'invalid image: invalid image input',
    ])
    assert.deepEqual(await refused('generations', JSON.stringify({ ...wish, size: '8192x8' })), [
      400,
      'width and height must be <= 4096',
    ])
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...wish, image })) form.set(name, value)
    assert.equal((await refused('edits', form))[0], 400)
  })

  it('reads a chunked body, keys in any case, any Content-Type', async (t) => {
    const { url } = await aSimulator(t, { script: saysHi })
    const body = new Blob(['{"MODEL":"llama3.2",', '"Prompt":"x","stream":false} and more']).stream()
    const init = { duplex: 'half', headers: { 'content-type': 'text/plain' } }
    const response = await fetch(`${url}/api/generate`, { method: 'POST', body, ...init })
    assert.equal((await response.json()).response, 'Hi!')
  })

  it('unpacks zstd on /v1 and nowhere else', async (t) => {
    const { url } = await aSimulator(t, { script: saysHi })
    // One raw block in one frame: magic, descriptor (single segment, one byte of size), size, block header, bytes.
    const json = Buffer.from(
      JSON.stringify({ model: 'llama3.2', messages: [{ role: 'user', content: 'x' }] }),
    )
    const header = (json.length << 3) | 1
    const body = Buffer.concat([
      Buffer.from([
        0x28,
        0xb5,
        0x2f,
        0xfd,
        0x20,
        json.length,
        header & 255,
        (header >> 8) & 255,
        header >> 16,
      ]),
      json,
    ])
    const headers = { 'content-encoding': 'zstd' }
    const unpacked = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers })
    assert.equal((await unpacked.json()).choices[0].message.content, 'Hi!')
    const native = await fetch(`${url}/api/chat`, { method: 'POST', body, headers })
    assert.equal(native.status, 400)
    assert.equal(await native.text(), `{"error":"invalid character '(' looking for beginning of value"}`)
    const broken = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: 'no zstd', headers })
    assert.equal(broken.status, 400)
  })
})

describe('V15: errors', () => {
  const missing = `{"error":{"message":"model 'nope' not found","type":"not_found_error","param":null,"code":null}}\n`
  const messages = [{ role: 'user', content: 'x' }]
  const openai = (message: string) =>
    `{"error":{"message":${JSON.stringify(message)},"type":"invalid_request_error","param":null,"code":null}}`
  const charset = 'application/json; charset=utf-8'
  const cases: [string, unknown, number, string, string][] = [
    ['/api/chat', { model: 'nope', messages }, 404, charset, `{"error":"model 'nope' not found"}`],
    [
      '/api/embed',
      { model: 'nope', input: 'x' },
      404,
      charset,
      '{"error":"model \\"nope\\" not found, try pulling it first"}',
    ],
    ['/v1/chat/completions', { model: 'nope', messages }, 404, 'application/json', missing],
    ['/api/generate', '', 400, charset, '{"error":"missing request body"}'],
    ['/v1/chat/completions', '', 400, charset, openai('EOF')],
    [
      '/v1/chat/completions',
      { model: 'llama3.2', messages: [] },
      400,
      charset,
      openai("[] is too short - 'messages'"),
    ],
    [
      '/v1/messages',
      { model: 'llama3.2', messages },
      400,
      charset,
      '{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens is required and must be positive"},"request_id":"req_HEX"}',
    ],
    ['/api/generate', { prompt: 'x' }, 404, charset, `{"error":"model '' not found"}`],
    ['/api/chat', { messages }, 400, charset, '{"error":"model is required"}'],
    ['/api/generate', { model: 'a b', prompt: 'x' }, 400, charset, '{"error":"invalid model name"}'],
    [
      '/api/generate',
      { model: 'all-minilm', prompt: 'x' },
      400,
      charset,
      '{"error":"\\"all-minilm\\" does not support generate"}',
    ],
    ['/api/generate', '{"model":', 400, charset, '{"error":"unexpected EOF"}'],
    [
      '/api/generate',
      { model: 'llama3.2', stream: 'yes' },
      400,
      charset,
      '{"error":"json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool"}',
    ],
    [
      '/api/generate',
      { model: 'llama3.2', keep_alive: 'soon' },
      400,
      charset,
      '{"error":"time: invalid duration \\"soon\\""}',
    ],
    ['/api/embed', { model: 'all-minilm', input: 7 }, 400, charset, '{"error":"invalid input type"}'],
  ]
  for (const [path, body, status, type, text] of cases) {
    it(`${path} ${JSON.stringify(body)} is ${status}`, async (t) => {
      const { url } = await aSimulator(t)
      const response = await post(`${url}${path}`, body)
      assert.equal(response.status, status)
      assert.equal(response.headers.get('content-type'), type)
      assert.equal(masked(await response.text()), text)
    })
  }

  it('a full pending line is 503 in every format, without Retry-After', async (t) => {
    const { url, simulator } = await aSimulator(t, { maxQueue: 0, loadMs: 3_600_000 })
    void post(`${url}/api/generate`, { model: 'llama2', prompt: 'x' }).catch(() => {})
    while (simulator.engine.counters.total().pending === 0)
      await new Promise((resolve) => setImmediate(resolve))
    for (const path of ['/api/chat', '/v1/chat/completions', '/v1/messages']) {
      const response = await post(`${url}${path}`, {
        model: 'llama3.2',
        max_tokens: 1,
        stream: true,
        messages,
      })
      assert.equal(response.status, 503)
      assert.equal(response.headers.get('retry-after'), null)
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
      assert.match(
        await response.text(),
        /server busy, please try again\. {2}maximum pending requests exceeded/,
      )
    }
    assert.equal(simulator.engine.counters.of('llama3.2:latest').refused, 3)
  })
})

describe('the router', () => {
  it('answers an unknown path, a wrong method and a trailing slash as gin does', async (t) => {
    const { url } = await aSimulator(t)
    const unknown = await fetch(`${url}/api/nope`)
    assert.equal(unknown.status, 404)
    assert.equal(unknown.headers.get('content-type'), 'text/plain')
    assert.equal(await unknown.text(), '404 page not found')
    const wrong = await fetch(`${url}/api/chat`)
    assert.equal(wrong.status, 405)
    assert.equal(wrong.headers.get('allow'), 'POST')
    assert.equal(await wrong.text(), '405 method not allowed')
    const slash = await fetch(`${url}/api/chat/?a=b`, { method: 'POST', redirect: 'manual' })
    assert.equal(slash.status, 307)
    assert.equal(slash.headers.get('location'), '/api/chat?a=b')
    assert.equal((await fetch(`${url}/api/tags/`)).status, 200)
    assert.equal((await fetch(`${url}/v1/models/hf.co%2Fa%2Fb`)).status, 404)
  })

  it('routes by path, whatever the query says', async (t) => {
    const { url } = await aSimulator(t)
    assert.equal((await fetch(`${url}/api/version?ts=1`)).status, 200)
  })
})

describe('V17: what can be looked up', () => {
  it('lists the models on disk and in memory', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama3.2'] })
    const [model] = (await (await fetch(`${url}/api/tags`)).json()).models
    assert.equal(model.name, 'llama3.2:latest')
    assert.match(model.digest, /^[0-9a-f]{64}$/)
    assert.deepEqual(Object.keys(model), [
      'name',
      'model',
      'modified_at',
      'size',
      'digest',
      'details',
      'capabilities',
    ])
    assert.equal(await (await fetch(`${url}/api/ps`)).text(), '{"models":[]}')
    await (await post(`${url}/api/generate`, { model: 'llama3.2', keep_alive: -1 })).text()
    const [loaded] = (await (await fetch(`${url}/api/ps`)).json()).models
    assert.deepEqual(Object.keys(loaded), [
      'name',
      'model',
      'size',
      'digest',
      'details',
      'expires_at',
      'size_vram',
      'context_length',
    ])
    assert.ok(new Date(loaded.expires_at).getUTCFullYear() > 2200)
  })

  it('lists models as OpenAI does, null when there are none', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama3.2'] })
    assert.match(
      await (await fetch(`${url}/v1/models`)).text(),
      /^\{"object":"list","data":\[\{"id":"llama3\.2:latest","object":"model","created":\d+,"owned_by":"library"\}\]\}\n$/,
    )
    assert.match(
      await (await fetch(`${url}/v1/models/llama3.2`)).text(),
      /^\{"id":"llama3\.2","object":"model",/,
    )
    await fetch(`${url}/api/delete`, { method: 'DELETE', body: '{"name":"llama3.2"}' })
    assert.equal(await (await fetch(`${url}/v1/models`)).text(), '{"object":"list","data":null}\n')
  })

  it('copies and deletes; a copy runs on the same runner', async (t) => {
    const { url, simulator } = await aSimulator(t)
    const copied = await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'mine' })
    assert.equal(copied.status, 200)
    assert.equal(copied.headers.get('content-length'), '0')
    await (await post(`${url}/api/generate`, { model: 'mine', prompt: 'x' })).text()
    await (await post(`${url}/api/generate`, { model: 'llama3.2', prompt: 'x' })).text()
    const { models, weights } = simulator.snapshot()
    assert.deepEqual([models['mine:latest']?.finished, models['llama3.2:latest']?.finished], [1, 1])
    assert.deepEqual(
      Object.values(weights).map(({ finished, loads }) => [finished, loads]),
      [[2, 1]],
    )
    const gone = await fetch(`${url}/api/delete`, { method: 'DELETE', body: '{"model":"nope"}' })
    assert.equal(await gone.text(), `{"error":"model 'nope' not found"}`)
  })
})

it('V18: a pull streams its progress, and the error of a missing model', async (t) => {
  const { url } = await aSimulator(t, { models: ['llama3.2'] })
  const lines = (await (await post(`${url}/api/pull`, { name: 'llama3.2' })).text()).split('\n')
  assert.equal(lines[0], '{"status":"pulling manifest"}')
  assert.match(
    lines[1] ?? '',
    /^\{"status":"pulling [0-9a-f]{12}","digest":"sha256:[0-9a-f]{64}","total":\d+,"completed":65536\}$/,
  )
  assert.deepEqual(lines.slice(-4), [
    '{"status":"verifying sha256 digest"}',
    '{"status":"writing manifest"}',
    '{"status":"success"}',
    '',
  ])
  assert.equal(
    await (await post(`${url}/api/pull`, { model: 'nope' })).text(),
    '{"status":"pulling manifest"}\n{"error":"pull model manifest: file does not exist"}\n',
  )
  const whole = await post(`${url}/api/pull`, { model: 'llama3.2', stream: false })
  assert.equal(whole.headers.get('content-type'), 'application/json')
  assert.equal(await whole.text(), '{"status":"success"}')
})

describe('V19: blobs', () => {
  const content = Buffer.alloc(100_000, 'x')
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`

  it('accepts a new blob, sized or chunked, and has the blob from then on', async (t) => {
    const { url } = await aSimulator(t)
    const missing = await fetch(`${url}/api/blobs/${digest}`, { method: 'HEAD' })
    assert.equal(missing.status, 404)
    assert.match(missing.headers.get('content-type') ?? '', /json/)
    const stream = new Blob([content]).stream()
    const created = await fetch(`${url}/api/blobs/${digest}`, {
      method: 'POST',
      body: stream,
      ...{ duplex: 'half' },
    })
    assert.equal(created.status, 201)
    assert.equal(await created.text(), '')
    assert.equal((await fetch(`${url}/api/blobs/${digest}`, { method: 'HEAD' })).status, 200)
    const again = await fetch(`${url}/api/blobs/${digest}`, { method: 'POST', body: content })
    assert.equal(again.status, 200)
  })

  it('refuses a wrong digest', async (t) => {
    const { url } = await aSimulator(t)
    const wrong = await fetch(`${url}/api/blobs/sha256:${'0'.repeat(64)}`, { method: 'POST', body: content })
    assert.equal(wrong.status, 400)
    assert.match(await wrong.text(), /^\{"error":"digest mismatch, expected /)
    const syntax = await fetch(`${url}/api/blobs/x`, { method: 'POST', body: content })
    assert.equal(await syntax.text(), '{"error":"invalid digest format"}')
  })

  it('answers for a known blob before a long body arrives, and then closes', async (t) => {
    const { url, port } = await aSimulator(t)
    await fetch(`${url}/api/blobs/${digest}`, { method: 'POST', body: content })
    const head = `POST /api/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n`
    const socket = await rawRequest(t, port, head)
    const { text } = await everything(socket)
    assert.match(text, /^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/)
  })
})
