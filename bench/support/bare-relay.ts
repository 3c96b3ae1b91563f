/**
 * The floor: the least that a correct relay costs on node:http and undici. It reads the body, leaves the headers of a
 * connection behind, writes each chunk of the answer as it is parsed, and ends a call with its client. It has no
 * model, no line, no limit, no deadline, no log and no figures.
 *
 *     bare-relay.ts UPSTREAM [hono]
 *
 * With `hono` the same relay stands behind Hono and @hono/node-server: the difference is what these two take.
 * Run as a process of its own; prints its URL.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { type Dispatcher, Pool } from 'undici'

const [upstream = '', framework] = process.argv.slice(2)

/** Of one connection (RFC 9110 section 7.6.1), or made anew for the upstream. */
const LEFT_BEHIND = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te'],
  ...['trailer', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect'],
])

// The proxy runs with it: the floor must not be higher by a flag of V8.
setFlagsFromString('--no-parallel-scavenge')
const pool = new Pool(upstream, { connections: null, headersTimeout: 0, bodyTimeout: 0 })

/** One call, from its request to the end of its answer. */
class BareCall implements Dispatcher.DispatchHandler {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #body: Buffer[] = []
  #abort: ((reason?: Error) => void) | undefined
  /** The answer has no length: its chunks are framed here, since Node writes a frame in three pieces. */
  #framed = false

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    incoming.on('data', (chunk: Buffer) => this.#body.push(chunk))
    incoming.on('end', () => this.#send())
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) this.#abort?.()
    })
  }

  #send(): void {
    const { method = 'GET', url = '/', rawHeaders } = this.#incoming
    const [only = Buffer.alloc(0)] = this.#body
    const body = this.#body.length > 1 ? Buffer.concat(this.#body) : only
    pool.dispatch({ method, path: url, headers: kept(rawHeaders), body }, this)
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort
    if (this.#outgoing.destroyed) abort()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (status < 200) return true
    const text: string[] = []
    for (const part of raw) text.push(part.toString('latin1'))
    const length = text.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length')
    const headers = kept(text)
    this.#framed = length < 0 && status !== 204 && status !== 304
    if (this.#framed) headers.push('Transfer-Encoding', 'chunked')
    else if (length >= 0) headers.push('Content-Length', text[length + 1] ?? '')
    this.#outgoing.writeHead(status, headers)
    this.#outgoing.chunkedEncoding = false
    this.#outgoing.on('drain', resume)
    return true
  }

  /** A string leaves in one write with the head, where a buffer would be a second one. */
  onData(chunk: Buffer): boolean {
    // The parser hands out an empty part when it is resumed; framed, that would be the end of the answer.
    if (chunk.length === 0) return !this.#outgoing.writableNeedDrain
    const text = chunk.toString('latin1')
    return this.#outgoing.write(this.#framed ? `${chunk.length.toString(16)}\r\n${text}\r\n` : text, 'latin1')
  }

  onComplete(): void {
    if (this.#framed) this.#outgoing.end('0\r\n\r\n', 'latin1')
    else this.#outgoing.end()
  }

  onError(): void {
    if (this.#outgoing.headersSent) this.#outgoing.destroy()
    else this.#outgoing.writeHead(502, { 'content-length': 0 }).end()
  }
}

/** A flat list of headers without those of the connection and those that its Connection header names. */
function kept(raw: readonly string[]): string[] {
  const headers: string[] = []
  let named: readonly string[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'connection') named = value.toLowerCase().split(/\s*,\s*/)
    if (!LEFT_BEHIND.has(lower)) headers.push(name, value)
  }
  if (named.length === 0) return headers
  return headers.filter((_, index) => !named.includes((headers[index - (index % 2)] ?? '').toLowerCase()))
}

/** The same call through Hono, which is told that the answer is written elsewhere. */
function behindHono(): RequestListener {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.post('*', ({ env }) => {
    new BareCall(env.incoming, env.outgoing)
    return RESPONSE_ALREADY_SENT
  })
  return getRequestListener((request, env) => app.fetch(request, env), { autoCleanupIncoming: false })
}

const listener: RequestListener =
  framework === 'hono' ? behindHono() : (incoming, outgoing) => void new BareCall(incoming, outgoing)
const server = createServer({ noDelay: true }, listener)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}\n`)
})
