import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'

/** Go sends an answer of up to 2048 bytes with a Content-Length, and a longer one in chunks. */
const MAX_SIZED_BYTES = 2048
/** Go leaves a connection half open for this time before closing, so that a reset does not destroy its answer. */
const LINGER_MS = 500
/** If a reset comes together with data, libuv reports an end and no error. This time lets the client read the data. */
const BEFORE_RESET_MS = 20
/** Go reads and drops this much of an unwanted body to keep the connection. */
const MAX_DROPPED_BYTES = 256 * 1024

/** One request and its answer. The exchange is over when the answer is sent, or at the client's FIN or RST. */
export class HttpExchange {
  readonly request: IncomingMessage
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  readonly #response: ServerResponse
  readonly #clock: Clock
  readonly #awaitsContinue: boolean
  readonly #gone = new AbortController()
  readonly #whenOver: (() => void)[] = []
  #over = false

  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock, awaitsContinue: boolean) {
    this.request = request
    this.method = request.method ?? 'GET'
    this.path = decodedPath(request.url ?? '/')
    this.#response = response
    this.#clock = clock
    this.#awaitsContinue = awaitsContinue
    // Go sends a Connection header only when it will close the connection.
    if (response.shouldKeepAlive) response.removeHeader('Connection')
    const { socket } = request
    const leave = () => this.#finish(true)
    const events = ['error', 'end', 'close']
    // 'end': Go cancels the request of a client that half-closes. 'error': at a reset this event comes one turn of the
    // event loop before 'close', and the call must not count as on the wire in between.
    for (const event of events) socket.once(event, leave)
    response.once('finish', () => this.#finish(false))
    this.#whenOver.push(() => {
      for (const event of events) socket.off(event, leave)
    })
  }

  /** Aborted when the client leaves before the whole answer is sent. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Runs once: when the exchange ends, or now if the exchange is over. */
  onOver(run: () => void): void {
    if (this.#over) run()
    else this.#whenOver.push(run)
  }

  /** The request's body, of any size. Undefined: the client left before the body was complete. */
  async body(): Promise<Buffer | undefined> {
    const chunks: Buffer[] = []
    const complete = await this.readBody((chunk) => void chunks.push(chunk))
    return complete ? Buffer.concat(chunks) : undefined
  }

  /** The body chunk by chunk. Resolves with false when the client left before the body was complete. */
  readBody(onChunk: (chunk: Buffer) => void): Promise<boolean> {
    if (this.#awaitsContinue) this.#response.writeContinue()
    return new Promise((resolve) => {
      this.request.on('data', onChunk)
      this.request.once('end', () => resolve(true))
      this.request.once('error', () => resolve(false))
      this.onOver(() => resolve(false))
    })
  }

  header(name: string, value: string | string[]): void {
    this.#response.setHeader(name, value)
  }

  /** Sends a whole answer; for HEAD, only its head. */
  answer(status: number, type: string | undefined, text: string): void {
    if (this.#over) return
    const bytes = Buffer.from(text)
    if (type) this.header('Content-Type', type)
    this.#response.statusCode = status
    if (status === 204 || bytes.length > MAX_SIZED_BYTES) {
      if (bytes.length > 0) this.#response.write(bytes)
      this.#response.end()
    } else {
      this.header('Content-Length', String(bytes.length))
      this.#response.end(bytes)
    }
  }

  /** Starts a streamed answer. The head is sent with the first chunk. */
  open(headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers)) this.header(name, value)
  }

  /** Sends one HTTP chunk. False: the client does not keep up; onDrained() reports when to go on. */
  write(text: string): boolean {
    return this.#over || this.#response.write(text)
  }

  onDrained(run: () => void): void {
    this.#response.once('drain', run)
  }

  end(): void {
    if (!this.#over) this.#response.end()
  }

  /** Sends half of the next chunk, or half of a whole answer, and then ends the connection. */
  breakOff(text: string, how: 'fin' | 'rst', whole: boolean): void {
    const bytes = Buffer.from(text)
    if (whole) this.header('Content-Length', String(bytes.length))
    else if (!this.#response.headersSent) this.header('Transfer-Encoding', 'chunked')
    this.#response.flushHeaders()
    const frame = whole ? '' : `${bytes.length.toString(16)}\r\n`
    const { socket } = this.request
    socket.write(Buffer.concat([Buffer.from(frame), bytes.subarray(0, bytes.length >> 1)]), () => {
      if (how === 'fin') socket.destroySoon()
      else this.onOver(this.#clock.after(BEFORE_RESET_MS, () => socket.resetAndDestroy()))
    })
  }

  /** Resets the connection without an answer. */
  refuse(): void {
    this.request.socket.resetAndDestroy()
  }

  /**
   * Answers an upload whose body is not needed. A short body is dropped, and the connection stays. Before a long body
   * the answer is sent at once, nothing more is read, and the connection closes after LINGER_MS.
   */
  async answerUnread(status: number): Promise<void> {
    const { request } = this
    const length = request.headers['content-length']
    let tooLong = this.#awaitsContinue || Number(length ?? 0) >= MAX_DROPPED_BYTES
    if (!tooLong) tooLong = !(await this.#dropBody())
    if (!tooLong) return this.answer(status, undefined, '')
    if (this.#over) return
    request.pause()
    const { socket } = request
    socket.write(
      `HTTP/1.1 ${status} OK\r\nConnection: close\r\nDate: ${new Date(this.#clock.wallTime()).toUTCString()}\r\nContent-Length: 0\r\n\r\n`,
    )
    socket.end()
    this.onOver(this.#clock.after(LINGER_MS, () => socket.destroy()))
  }

  /** Reads and drops the rest of the body. False: the rest is too long. */
  #dropBody(): Promise<boolean> {
    return new Promise((resolve) => {
      let dropped = 0
      this.request.on('data', (chunk: Buffer) => {
        dropped += chunk.length
        if (dropped > MAX_DROPPED_BYTES) resolve(false)
      })
      this.request.once('end', () => resolve(true))
      this.onOver(() => resolve(true))
    })
  }

  #finish(gone: boolean): void {
    if (this.#over) return
    this.#over = true
    if (gone) this.#gone.abort()
    for (const run of this.#whenOver) run()
  }
}

function decodedPath(url: string): string {
  const [path = '/'] = url.split('?', 1)
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
