import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Waiting } from '../../../src/admission/waiting.ts'
import { type Target, targetOfUrl } from '../../../src/ollama/target.ts'
import type { ForwardingObserver } from '../../../src/relay/contract.ts'
import { NOT_OF_A_CALL } from '../../../src/relay/headers.ts'
import { IncomingBody } from '../../../src/relay/incoming-body.ts'
import { FetchClientRequest } from '../../../src/runtimes/fetch/client-request.ts'
import { FetchUpstream } from '../../../src/runtimes/fetch/upstream.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const ORIGIN_OF_OLLAMA = 'http://ollama.example:11434'
const text = (bytes: string) => new TextEncoder().encode(bytes)
/** Lets what is settled by now go on. */
const settle = () => new Promise(setImmediate)

/** A platform's fetch that the test answers, and what it was asked for. */
class Platform {
  readonly asked: { url: string; init: RequestInit }[] = []
  #settle: { resolve(answer: Response): void; reject(why: Error): void } | undefined

  readonly upstream = new FetchUpstream('ollama', ORIGIN_OF_OLLAMA, undefined, (url, init) => {
    this.asked.push({ url, init })
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  })

  get cut(): boolean {
    return this.asked[0]?.init.signal?.aborted === true
  }

  answer(answer: Response): Promise<unknown> {
    this.#settle?.resolve(answer)
    return settle()
  }

  refuse(why: Error): Promise<unknown> {
    this.#settle?.reject(why)
    return settle()
  }
}

/** A body that the test writes, and what became of it. */
function aBody() {
  let client: ReadableStreamDefaultController<Uint8Array> | undefined
  let pulls = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        client = controller
      },
      pull: () => void pulls++,
    },
    { highWaterMark: 0 },
  )
  return {
    stream,
    send: (part: string) => client?.enqueue(text(part)),
    end: () => client?.close(),
    break: () => client?.error(new Error('reset')),
    get pulls() {
      return pulls
    },
  }
}

function targetFor(url: string): Target {
  const target = targetOfUrl(url)
  assert.ok(target)
  return target
}

function aRequest(init: RequestInit & { url?: string } = {}) {
  const platform = new Platform()
  const leave = new AbortController()
  const { url = 'http://proxy.example/api/chat?x=%2F', ...rest } = init
  const request = new Request(url, { method: 'POST', signal: leave.signal, ...rest })
  const client = new FetchClientRequest({ request, target: targetFor(request.url), address: '192.0.2.7' })
  const told: string[] = []
  const observer: ForwardingObserver = {
    dropped: NOT_OF_A_CALL,
    head: (status, header) => {
      told.push(`began ${status} ${header('content-type')}`)
      return ['X-Told', 'yes']
    },
    data: (bytes) => told.push(`chunk ${new TextDecoder().decode(bytes)}`),
    errorTrailer: () => '{"error":"broke"}\n',
    end: (ending) => told.push(`over ${ending}`),
  }
  const forward = (body?: string) =>
    client.forward(body === undefined ? undefined : text(body), platform.upstream, observer)
  return { client, platform, told, forward, leave: () => leave.abort() }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: Error & { code?: string }) => error.code ?? error.message,
  )

/** A body of ten bytes at most. */
const ofTen = () => new IncomingBody(10, new Waiting(1e9), new ManualClock())

const NDJSON = { headers: { 'content-type': 'application/x-ndjson' } }

describe('a body on a runtime of Request and Response', () => {
  it('is read whole, in as many parts as it comes', async () => {
    const body = aBody()
    const { client } = aRequest({ body: body.stream, duplex: 'half' } as RequestInit)
    const read = client.readBody(ofTen())
    body.send('hel')
    body.send('lo')
    body.end()
    assert.equal(new TextDecoder().decode(await read), 'hello')
  })

  it('that is absent is empty', async () => {
    assert.deepEqual(await aRequest().client.readBody(ofTen()), new Uint8Array())
  })

  it('is refused by what it announces, before any of it is read', async () => {
    const { client } = aRequest({ body: 'hello', headers: { 'content-length': '11' } })
    assert.equal(await codeOf(client.readBody(ofTen())), 'body_too_large')
  })

  it('is refused once it is larger than it may be', async () => {
    const { client } = aRequest({ body: 'hello world' })
    assert.equal(await codeOf(client.readBody(ofTen())), 'body_too_large')
  })

  it('is not waited for once reading was stopped', async () => {
    const body = aBody()
    const { client } = aRequest({ body: body.stream, duplex: 'half' } as RequestInit)
    const read = codeOf(client.readBody(ofTen()))
    client.stopReading(new Error('too slow'))
    assert.equal(await read, 'too slow')
  })

  for (const how of ['leaves', 'breaks off'] as const) {
    it(`ends as client_gone when its client ${how}`, async () => {
      const body = aBody()
      const { client, leave } = aRequest({ body: body.stream, duplex: 'half' } as RequestInit)
      const read = codeOf(client.readBody(ofTen()))
      if (how === 'leaves') leave()
      else body.break()
      assert.equal(await read, 'client_gone')
    })
  }
})

describe('a request on its way to Ollama', () => {
  it('keeps path, method, body and headers, but for what concerns the connection', async () => {
    const { platform, forward } = aRequest({
      headers: {
        connection: 'x-hop',
        'x-hop': '1',
        'x-kept': '2',
        te: 'trailers',
        'accept-encoding': 'gzip',
      },
    })
    forward('{}')
    const [{ url, init } = { url: '', init: {} }] = platform.asked
    assert.equal(url, `${ORIGIN_OF_OLLAMA}/api/chat?x=%2F`)
    assert.equal(init.method, 'POST')
    assert.deepEqual(init.headers, [['x-kept', '2']])
    assert.deepEqual(init.body, text('{}'))
    assert.equal(init.redirect, 'manual')
  })

  it("streams the client's own body when nobody has read it", () => {
    const { platform, forward } = aRequest({ body: 'a blob' })
    forward()
    assert.ok(platform.asked[0]?.init.body instanceof ReadableStream)
  })

  it('is not sent for a client that is gone', async () => {
    const { platform, forward, told, leave } = aRequest()
    leave()
    assert.equal(await codeOf(forward('{}').answer), 'client_gone')
    assert.deepEqual(platform.asked, [])
    assert.deepEqual(told, ['over client_gone'])
  })

  it('fails as upstream_error when Ollama refuses it', async () => {
    const { platform, forward, told } = aRequest()
    const failure = codeOf(forward('{}').answer)
    await platform.refuse(new TypeError('refused'))
    assert.equal(await failure, 'upstream_error')
    assert.deepEqual(told, ['over broken'])
  })
})

describe('an answer on its way to the client', () => {
  it('keeps status, headers and chunks, and is over after the last of them', async () => {
    const { platform, forward, told } = aRequest()
    const { answer } = forward('{}')
    const body = aBody()
    await platform.answer(new Response(body.stream, { status: 201, ...NDJSON }))
    const response = await answer
    assert.equal(response.status, 201)
    assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
    const reader = response.body?.getReader()
    for (const part of ['one\n', 'two\n']) {
      body.send(part)
      assert.deepEqual((await reader?.read())?.value, text(part))
    }
    assert.deepEqual(told, ['began 201 application/x-ndjson', 'chunk one\n', 'chunk two\n'])
    body.end()
    assert.equal((await reader?.read())?.done, true)
    assert.equal(told.at(-1), 'over done')
    assert.equal(platform.cut, false)
  })

  it('is asked of Ollama no faster than the client takes it', async () => {
    const { platform, forward } = aRequest()
    const forwarding = forward('{}')
    const { answer } = forwarding
    const body = aBody()
    assert.equal(forwarding.heldBack, false)
    await platform.answer(new Response(body.stream, NDJSON))
    const reader = (await answer).body?.getReader()
    await settle()
    assert.equal(body.pulls, 0)
    assert.equal(forwarding.heldBack, true)
    const read = reader?.read()
    await settle()
    assert.equal(body.pulls, 1)
    assert.equal(forwarding.heldBack, false)
    body.send('x')
    await read
    await settle()
    assert.equal(body.pulls, 1)
    assert.equal(forwarding.heldBack, true)
    await reader?.cancel()
  })

  it('without a body is over at once', async () => {
    const { platform, forward, told } = aRequest({ method: 'HEAD' })
    const { answer } = forward()
    await platform.answer(new Response(null, { headers: { 'content-length': '17' } }))
    assert.equal((await answer).headers.get('content-length'), '17')
    assert.equal(told.at(-1), 'over done')
  })

  it('of which no response can be made fails as upstream_error', async () => {
    const { platform, forward, told } = aRequest()
    const failure = codeOf(forward('{}').answer)
    await platform.answer(Object.defineProperty(new Response('x'), 'status', { value: 700 }))
    assert.equal(await failure, 'upstream_error')
    assert.equal(told.at(-1), 'over broken')
    assert.equal(platform.cut, true)
  })

  it('that breaks gets its last words, and a clean end', async () => {
    const { platform, forward, told } = aRequest()
    const { answer } = forward('{}')
    const body = aBody()
    await platform.answer(new Response(body.stream, NDJSON))
    const read = (await answer).text()
    body.send('one\n')
    await settle()
    body.break()
    assert.equal(await read, 'one\n{"error":"broke"}\n')
    assert.equal(told.at(-1), 'over broken')
    assert.equal(platform.cut, true)
  })

  it('of an announced length that breaks is broken off: nothing can be added to it', async () => {
    const { platform, forward, told } = aRequest()
    const { answer } = forward('{}')
    const body = aBody()
    await platform.answer(new Response(body.stream, { headers: { 'content-length': '100' } }))
    const read = codeOf((await answer).text())
    body.break()
    assert.equal(await read, 'upstream_error')
    assert.equal(told.at(-1), 'over broken')
  })

  for (const [how, leave] of [
    ['its signal', async ({ leave }: ReturnType<typeof aRequest>) => leave()],
    ['its stream', async (_: unknown, response: Response) => response.body?.cancel()],
  ] as const) {
    it(`is cut at Ollama when the client leaves, told by ${how}`, async () => {
      const all = aRequest()
      const { answer } = all.forward('{}')
      const body = aBody()
      await all.platform.answer(new Response(body.stream, NDJSON))
      await leave(all, await answer)
      await settle()
      assert.equal(all.platform.cut, true)
      assert.deepEqual(all.told, ['began 200 application/x-ndjson', 'over client_gone'])
    })
  }

  it('that was aborted before it began never begins', async () => {
    const { platform, forward, told } = aRequest()
    const forwarding = forward('{}')
    const failure = codeOf(forwarding.answer)
    forwarding.abort(new Error('too late'))
    await platform.answer(new Response('late'))
    assert.equal(await failure, 'too late')
    assert.equal(platform.cut, true)
    assert.deepEqual(told, ['over aborted'])
  })

  it('that falls silent ends with what it is given to say', async () => {
    const { platform, forward, told } = aRequest()
    const forwarding = forward('{}')
    await platform.answer(new Response(aBody().stream, NDJSON))
    const read = (await forwarding.answer).text()
    await settle()
    forwarding.abort(new Error('idle'), 'idle\n')
    forwarding.abort(new Error('idle'), 'again\n')
    assert.equal(await read, 'idle\n')
    assert.deepEqual(told, ['began 200 application/x-ndjson', 'over aborted'])
  })
})

describe('a client that leaves', () => {
  it('is told to the last who asked, once', () => {
    const { client, leave } = aRequest()
    const heard: string[] = []
    client.onGone(() => heard.push('first'))
    client.onGone(() => heard.push('second'))
    leave()
    assert.deepEqual(heard, ['second'])
    assert.equal(client.gone, true)
  })

  it('after its answer is over has not left', async () => {
    const { client, platform, forward, leave, told } = aRequest()
    const { answer } = forward('{}')
    await platform.answer(new Response('all', NDJSON))
    await (await answer).text()
    leave()
    assert.equal(client.gone, false)
    assert.equal(told.at(-1), 'over done')
  })
})
