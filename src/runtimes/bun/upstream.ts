import type { BunApi, BunSocketHandlers } from './bun-api.ts'
import { type AnswerSink, Connection, type UpstreamRequest } from './connection.ts'

/** How long an idle connection to Ollama is kept for the next call, at least. */
const KEEP_ALIVE_MS = 60_000

/** A probe that takes longer than this counts as no answer. */
const PROBE_TIMEOUT_MS = 2_000

const HANDLERS: BunSocketHandlers<Connection> = {
  data: ({ data: connection }, bytes) => connection.received(bytes),
  drain: ({ data: connection }) => connection.drained(),
  close: ({ data: connection }) => connection.broke(new Error('Ollama closed the connection')),
  error: ({ data: connection }, error) => connection.broke(error),
}

/**
 * The guarded Ollama over sockets of our own. Bun's fetch costs more than all the rest of a call, lowers the names
 * of headers and takes the answer's chunks apart.
 */
export class BunUpstream {
  /** Host header of every request. */
  readonly host: string
  /** Put before every path; empty without one. */
  readonly pathPrefix: string
  readonly #bun: BunApi
  readonly #hostname: string
  readonly #port: number
  readonly #secure: boolean
  #idle: Connection[] = []
  /** Idle since the last sweep at least. */
  #stale = new Set<Connection>()
  readonly #sweeping: NodeJS.Timeout
  #destroyed = false

  constructor(ollamaUrl: string, bun: BunApi) {
    const url = new URL(ollamaUrl)
    this.host = url.host
    this.pathPrefix = url.pathname === '/' ? '' : url.pathname
    this.#bun = bun
    this.#secure = url.protocol === 'https:'
    this.#hostname = url.hostname.replace(/^\[|\]$/g, '')
    this.#port = url.port === '' ? (this.#secure ? 443 : 80) : Number(url.port)
    this.#sweeping = setInterval(() => this.#sweep(), KEEP_ALIVE_MS)
    this.#sweeping.unref()
  }

  /** Sends a request. @returns what holds the answer back or cuts it. */
  send(request: UpstreamRequest, sink: AnswerSink): Connection {
    for (;;) {
      // The one used last is the least likely to be closed by now.
      const idle = this.#idle.pop()
      if (idle === undefined) break
      // One that Ollama has closed meanwhile may not have told yet; it took nothing then.
      if (!idle.closed && idle.send(request, sink)) return idle
    }
    return this.#open(request, sink)
  }

  /** Ollama's version. Rejects when it does not tell. */
  async fetchVersion(): Promise<string> {
    const answer = await this.#get('/api/version')
    const told: unknown = JSON.parse(answer)
    if (typeof told === 'object' && told !== null && 'version' in told && typeof told.version === 'string')
      return told.version
    throw new Error('no version in the answer')
  }

  destroy(): void {
    this.#destroyed = true
    clearInterval(this.#sweeping)
    for (const connection of this.#idle.splice(0)) connection.cut()
  }

  #open(request: UpstreamRequest, sink: AnswerSink): Connection {
    const connection = new Connection((free) => {
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
          if (!connection.closed && !connection.send(request, sink))
            sink.failed(new Error('Ollama closed the connection'))
        },
        (error) => {
          if (!connection.closed) sink.failed(error)
        },
      )
    return connection
  }

  #get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const parts: Uint8Array[] = []
      const headers = ['Host', this.host, 'Accept', 'application/json']
      const target = this.pathPrefix + path
      const late = setTimeout(() => {
        connection.cut()
        reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`))
      }, PROBE_TIMEOUT_MS)
      const settle = (act: () => void): void => {
        clearTimeout(late)
        act()
      }
      let status = 0
      const connection = this.send(
        { method: 'GET', target, headers, body: undefined },
        {
          head: (code) => {
            status = code
          },
          data: (part) => parts.push(part),
          end: () =>
            settle(() => {
              if (status === 200) resolve(Buffer.concat(parts).toString())
              else reject(new Error(`status ${status}`))
            }),
          failed: (error) => settle(() => reject(error)),
        },
      )
    })
  }

  #sweep(): void {
    for (const connection of this.#idle) if (this.#stale.has(connection)) connection.cut()
    this.#idle = this.#idle.filter((connection) => !connection.closed)
    this.#stale = new Set(this.#idle)
  }
}
