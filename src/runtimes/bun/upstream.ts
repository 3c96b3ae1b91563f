import type { Reply, UpstreamQuestion } from '../../upstream/asking.ts'
import type { Credentials } from '../../upstream/credentials.ts'
import { UpstreamAddress } from '../../upstream/upstream-address.ts'
import { UPSTREAM_KEEP_ALIVE_MS } from '../process/limits.ts'
import type { BunApi, BunSocketHandlers } from './bun-api.ts'
import { type AnswerSink, UpstreamConnection, type UpstreamRequest } from './connection.ts'
import { OpenQuestion } from './open-question.ts'

const HANDLERS: BunSocketHandlers<UpstreamConnection> = {
  data: ({ data: connection }, bytes) => connection.received(bytes),
  drain: ({ data: connection }) => connection.drained(),
  // The socket sends nothing before the handshake is over, so only a failure matters here.
  handshake({ data: connection }, success, error) {
    if (!success) connection.broke(error ?? coded('EPROTO', 'no TLS connection comes about'))
  },
  close: ({ data: connection }, error) => connection.broke(error ?? closedByOllama()),
  error: ({ data: connection }, error) => connection.broke(error),
}

function closedByOllama(): Error {
  return coded('ECONNRESET', 'Ollama closed the connection')
}

/** An error like one of the system. */
function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/**
 * An Ollama, reached over sockets of our own. Bun's fetch costs more than all the rest of a call, makes header names
 * lower case and loses the borders of the answer's chunks.
 */
export class BunUpstream extends UpstreamAddress {
  readonly #bun: BunApi
  readonly #hostname: string
  readonly #port: number
  readonly #secure: boolean
  #idle: UpstreamConnection[] = []
  /** The connections that were idle at the last sweep. */
  #stale = new Set<UpstreamConnection>()
  readonly #sweeps: NodeJS.Timeout
  #destroyed = false

  constructor(name: string, ollamaUrl: string, bun: BunApi, credentials?: Credentials) {
    super(name, ollamaUrl, credentials)
    const { hostname, port, protocol } = this.url
    this.#bun = bun
    this.#secure = protocol === 'https:'
    this.#hostname = hostname.replace(/^\[|\]$/g, '')
    this.#port = port === '' ? (this.#secure ? 443 : 80) : Number(port)
    this.#sweeps = setInterval(() => this.#sweep(), UPSTREAM_KEEP_ALIVE_MS)
    this.#sweeps.unref()
  }

  /** The Host header of every request. */
  get host(): string {
    return this.url.host
  }

  /** Sends a request. @returns the connection, which can hold the answer back or cut it. */
  send(request: UpstreamRequest, sink: AnswerSink): UpstreamConnection {
    for (;;) {
      // The connection used last is the least likely to be closed by now.
      const idle = this.#idle.pop()
      if (idle === undefined) break
      // Ollama may have closed the connection without our notice. Then `send` is false, and nothing was sent.
      if (!idle.closed && idle.send(request, sink)) return idle
    }
    return this.#open(request, sink)
  }

  ask(question: UpstreamQuestion): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { method, path, body } = question
      const authorization = this.credentials?.authorization
      const headers = ['Host', this.host, 'Accept', 'application/json']
      if (authorization !== undefined) headers.push('Authorization', authorization)
      if (body !== undefined) headers.push('Content-Type', 'application/json')
      const open = new OpenQuestion(question, resolve, reject)
      open.connection = this.send(
        {
          method,
          target: this.pathPrefix + path,
          headers,
          body: body === undefined ? undefined : Buffer.from(body),
        },
        open,
      )
    })
  }

  destroy(): void {
    this.#destroyed = true
    clearInterval(this.#sweeps)
    for (const connection of this.#idle.splice(0)) connection.cut()
  }

  #open(request: UpstreamRequest, sink: AnswerSink): UpstreamConnection {
    const connection = new UpstreamConnection((free) => {
      if (this.#destroyed) free.cut()
      else this.#idle.push(free)
    })
    this.#bun
      .connect({
        hostname: this.#hostname,
        port: this.#port,
        tls: this.#secure ? { serverName: this.#hostname } : undefined,
        data: connection,
        socket: HANDLERS,
      })
      .then(
        (socket) => {
          connection.opened(socket)
          // The connection may have broken before this request was on it.
          if (connection.failure) sink.failed(connection.failure)
          else if (!connection.closed && !connection.send(request, sink)) sink.failed(closedByOllama())
        },
        (error) => {
          if (!connection.closed) sink.failed(error)
        },
      )
    return connection
  }

  #sweep(): void {
    for (const connection of this.#idle) if (this.#stale.has(connection)) connection.cut()
    this.#idle = this.#idle.filter((connection) => !connection.closed)
    this.#stale = new Set(this.#idle)
  }
}
