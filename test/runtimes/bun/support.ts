import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { TestContext } from 'node:test'
import { targetOfUrl } from '../../../src/ollama/target.ts'
import type { Ending, Forwarding, ForwardingObserver } from '../../../src/relay/contract.ts'
import { HOP_BY_HOP } from '../../../src/relay/headers.ts'
import { bunApi } from '../../../src/runtimes/bun/bun-api.ts'
import { BunClientRequest } from '../../../src/runtimes/bun/client-request.ts'
import type { AnswerSink, UpstreamRequest } from '../../../src/runtimes/bun/connection.ts'
import { BunUpstream } from '../../../src/runtimes/bun/upstream.ts'
import { OpenRequests } from '../../../src/runtimes/process/open-requests.ts'
import { aRawUpstream, Wire } from '../../support/raw-upstream.ts'
import { until } from '../../support/until.ts'

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export const aRequest = (body: UpstreamRequest['body'] = Buffer.from('{}')): UpstreamRequest => ({
  method: 'POST',
  target: '/api/chat',
  headers: ['Host', 'ollama'],
  body,
})

/** An Ollama that the test plays, and the pool of connections to it. */
export async function aPool(t: TestContext) {
  const raw = await aRawUpstream()
  const upstream = new BunUpstream('ollama', raw.url, bunApi())
  t.after(() => {
    upstream.destroy()
    raw.close()
  })
  return { raw, upstream }
}

/** Hears an answer straight from its connection. */
export class Heard implements AnswerSink {
  status = 0
  bytes = 0
  /** The first of its bytes. */
  text = ''
  readonly endings: ('end' | 'failed')[] = []

  head(status: number): void {
    this.status = status
  }

  data(part: Uint8Array): void {
    this.bytes += part.length
    if (this.text.length < 1_000) this.text += Buffer.from(part).toString('latin1')
  }

  end(): void {
    this.endings.push('end')
  }

  failed(): void {
    this.endings.push('failed')
  }

  over(): Promise<void> {
    return until('the answer is over', () => this.endings.length > 0)
  }
}

/** A call that is answered; its connection is idle afterwards. */
export async function anIdleConnection({ raw, upstream }: Awaited<ReturnType<typeof aPool>>) {
  const heard = new Heard()
  const connection = upstream.send(aRequest(), heard)
  const wire = await raw.next()
  wire.answer(OK)
  await heard.over()
  assert.deepEqual(heard.endings, ['end'])
  return { connection, wire }
}

/** What the relay would hear of a call. */
export class Watched implements ForwardingObserver {
  readonly dropped = HOP_BY_HOP
  status = 0
  bytes = 0
  readonly endings: Ending[] = []

  head(status: number): readonly string[] {
    this.status = status
    return ['X-Watched', 'yes']
  }

  data(bytes: Uint8Array): void {
    this.bytes += bytes.length
  }

  errorTrailer(): string {
    return LAST_WORDS
  }

  end(ending: Ending): void {
    this.endings.push(ending)
  }

  ended(): Promise<void> {
    return until('the call is over', () => this.endings.length > 0)
  }
}

export const LAST_WORDS = '{"error":"broken"}\n'

export interface Call {
  readonly watched: Watched
  readonly forwarding: Forwarding
}

/** Bun's server in front of a raw Ollama: every request is delivered, body and all, and nothing else is done. */
export async function bunHarness(t: TestContext) {
  const { raw, upstream } = await aPool(t)
  const bun = bunApi()
  const open = new OpenRequests()
  const calls: Call[] = []
  const server = bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    async fetch(received, server) {
      const target = targetOfUrl(received.url)
      assert.ok(target)
      const client = new BunClientRequest(received, target, { server, open, received })
      const watched = new Watched()
      const forwarding = client.forward(undefined, upstream, watched)
      calls.push({ watched, forwarding })
      try {
        return await forwarding.answer
      } catch (error) {
        return new Response(error instanceof Error ? error.message : 'refused', { status: 502 })
      } finally {
        client.routeReturned()
      }
    },
    error: () => new Response(null, { status: 500 }),
  })
  t.after(() => server.stop(true))
  return { raw, calls, open, client: () => aClient(t, server.port) }
}

/** A client's connection, destroyed after the test. */
export async function aClient(t: TestContext, port: number): Promise<Wire> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return new Wire(socket)
}

/** Waits until a figure has not moved for a while. */
export async function standstill(what: string, figure: () => number): Promise<void> {
  let last = figure()
  let seen = 0
  await until(`${what} stands still`, () => {
    const now = figure()
    seen = now === last ? seen + 1 : 0
    last = now
    return seen > 20
  })
}
