import { once } from 'node:events'
import net from 'node:net'
import { loadConfig } from '../../src/config/load.ts'
import type { FinishedCall } from '../../src/relay/finished-call.ts'
import { nodeRuntime } from '../../src/runtimes/node/serve.ts'
import type { Log } from '../../src/telemetry/call-log.ts'
import { until } from './until.ts'

const VERSION = '{"version":"0.33.0"}'
const VERSION_ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${VERSION.length}\r\n\r\n${VERSION}`

/** One end of a connection: all that came, and how it ended. */
export class Wire {
  readonly socket: net.Socket
  /** Bytes as latin1 text. */
  received = ''
  /** The other side sent its FIN. */
  ended = false
  /** The connection is gone altogether. */
  closed = false
  /** The other side reset the connection. */
  reset = false
  /** A request has come and is not answered yet. */
  busy = false

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.reset = true
    })
  }

  write(text: string | Uint8Array): this {
    this.socket.write(text)
    return this
  }

  /** Writes a whole answer; what comes after is the next request. */
  answer(text: string): void {
    this.received = ''
    this.busy = false
    this.socket.write(text)
  }

  /** Waits until the text has come. */
  async get(text: string): Promise<string> {
    await until(`${JSON.stringify(text)} in ${JSON.stringify(this.received.slice(0, 2_000))}`, () =>
      this.received.includes(text),
    )
    return this.received
  }

  async gone(): Promise<void> {
    await until('the connection is closed', () => this.closed)
  }
}

/** An upstream that the test plays byte by byte. Probes of its version are answered for it. */
export async function aRawUpstream() {
  const arrived: Wire[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ pauseOnConnect: false, allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    const wire = new Wire(socket)
    socket.on('data', () => {
      if (wire.busy || !wire.received.includes('\r\n\r\n')) return
      if (wire.received.startsWith('GET /api/version ')) wire.answer(VERSION_ANSWER)
      else {
        wire.busy = true
        arrived.push(wire)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  let taken = 0
  return {
    url: `http://127.0.0.1:${port}`,
    /** The connection of each request that came. */
    arrived,
    /** The next connection on which a request comes. */
    async next(): Promise<Wire> {
      const index = taken++
      await until('a request comes to the upstream', () => arrived.length > index)
      const wire = arrived[index]
      if (!wire) throw new Error('unreachable')
      return wire
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

export interface House {
  readonly url: string
  readonly port: number
  readonly upstream: Awaited<ReturnType<typeof aRawUpstream>>
  readonly calls: FinishedCall[]
  readonly errors: unknown[]
  /** A connection to the gate. */
  client(): Promise<Wire>
  /** Slots taken and calls waiting of `llama2`, as its page tells. */
  lane(): Promise<{ active: number; queued: number }>
  close(): void
}

/** The whole gate on a port of its own, in front of a raw upstream; one slot, unless told otherwise. */
export async function aHouse(env: Readonly<Record<string, string>> = {}): Promise<House> {
  const upstream = await aRawUpstream()
  const calls: FinishedCall[] = []
  const errors: unknown[] = []
  const log: Log = {
    call: (call) => void calls.push(call),
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void errors.push({ message, ...fields }),
  }
  const loaded = loadConfig({
    flags: {},
    env: { OLLAMA_URL: upstream.url, PROXY_PORT: '0', OLLAMA_NUM_PARALLEL: '1', ...env },
    readFile: () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    },
    ownAddresses: [],
  })
  const gate = await nodeRuntime.serve(loaded, log, '0.0.0')
  // The probe is over, so that it holds no connection when the calls come.
  await gate.upstreamReachable()
  const { port } = new URL(gate.url)
  const clients = new Set<net.Socket>()
  return {
    url: gate.url,
    port: Number(port),
    upstream,
    calls,
    errors,
    async client() {
      const socket = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
      clients.add(socket)
      const wire = new Wire(socket)
      await once(socket, 'connect')
      return wire
    },
    async lane() {
      const stats = await fetch(`${gate.url}/queue/stats?model=llama2`)
      const { active_requests: active = 0, queued_requests: queued = 0 } = (await stats.json()) as Record<
        string,
        number
      >
      return { active, queued }
    },
    close() {
      for (const socket of clients) socket.destroy()
      gate.destroy()
      upstream.close()
    },
  }
}

export const CHAT = '{"model":"llama2","messages":[{}]}'

export function post(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

export const get = (path: string, headers: readonly string[] = []): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n`

/** A chunk of a chunked body. */
export const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

export const NDJSON_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n'
