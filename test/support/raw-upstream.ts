import { once } from 'node:events'
import net from 'node:net'
import { until } from './until.ts'

const VERSION = '{"version":"0.33.0"}'
const VERSION_ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${VERSION.length}\r\n\r\n${VERSION}`

/** As a stand-in for Ollama that has no list of models. */
const NO_LIST = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'

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

  /** Waits until the other side has closed its end, in whatever way. */
  async left(): Promise<void> {
    await until('the other side has left', () => this.ended || this.closed)
  }

  async gone(): Promise<void> {
    await until('the connection is closed', () => this.closed)
  }
}

/** An upstream that the test plays byte by byte. Probes of its version and readings of its models are answered for it. */
export async function aRawUpstream() {
  const arrived: Wire[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ pauseOnConnect: false, allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    const wire = new Wire(socket)
    socket.on('data', () => {
      if (wire.busy || !wire.received.includes('\r\n\r\n')) return
      if (/^GET \S*\/api\/version /.test(wire.received)) wire.answer(VERSION_ANSWER)
      else if (/^GET \S*\/api\/(?:tags|ps) /.test(wire.received)) wire.answer(NO_LIST)
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
