import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'

/** Up to here Go knows a whole answer's length before it sends it. Longer ones are chunked. */
const SIZED_UP_TO = 2048
/** How long Go leaves a connection half open that it gave up on, so that its answer is not lost to a reset. */
const LINGER_MS = 500
/** libuv tells its reader of an end, not of a break, when a reset comes together with data: let that be read first. */
const BEFORE_RESET_MS = 20
/** As much of an unread body as Go swallows to keep the connection. */
const SWALLOWED_BYTES = 256 * 1024

/** One request and its answer. It is over once: when the answer is out, or at the client's FIN or RST. */
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
    // Go sends no Connection header unless it means to close.
    if (response.shouldKeepAlive) response.removeHeader('Connection')
    const { socket } = request
    const leave = () => this.#end(true)
    // A half-closed client counts as gone, too: Go cancels its request.
    // A reset is told here a turn of the loop before 'close'; until then the call would count as on the wire.
    socket.once('error', leave)
    socket.once('end', leave)
    socket.once('close', leave)
    response.once('finish', () => this.#end(false))
    this.#whenOver.push(() => {
      socket.off('error', leave)
      socket.off('end', leave)
      socket.off('close', leave)
    })
  }

  /** Aborted when the client left before its answer was out. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Runs once, whichever way the exchange ends. */
  onOver(run: () => void): void {
    if (this.#over) run()
    else this.#whenOver.push(run)
  }

  /** The request's body, of any size. undefined: the client left before it was complete. */
  body(): Promise<Buffer | undefined> {
    const chunks: Buffer[] = []
    return new Promise((resolve) => {
      this.readBody((chunk) => void chunks.push(chunk)).then((complete) =>
        resolve(complete ? Buffer.concat(chunks) : undefined),
      )
    })
  }

  /** The body chunk by chunk. Resolves with false when the client left before it was complete. */
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

  /** A whole answer. HEAD gets the head alone. */
  answer(status: number, type: string | undefined, text: string): void {
    if (this.#over) return
    const bytes = Buffer.from(text)
    if (type) this.header('Content-Type', type)
    this.#response.statusCode = status
    if (status === 204 || bytes.length > SIZED_UP_TO) {
      if (bytes.length > 0) this.#response.write(bytes)
      this.#response.end()
    } else {
      this.header('Content-Length', String(bytes.length))
      this.#response.end(bytes)
    }
  }

  /** Opens a streamed answer; its head leaves with the first chunk. */
  open(headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers)) this.header(name, value)
  }

  /** One HTTP chunk. False: the client does not keep up, go on after drained(). */
  write(text: string): boolean {
    return this.#over || this.#response.write(text)
  }

  drained(run: () => void): void {
    this.#response.once('drain', run)
  }

  end(): void {
    if (!this.#over) this.#response.end()
  }

  /** Half of the next chunk, or of a whole answer when none has begun, and then the connection ends. */
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

  /** The connection is reset without an answer. */
  refuse(): void {
    this.request.socket.resetAndDestroy()
  }

  /**
   * Answers an upload that is not wanted. With a long body still to come the answer leaves at once and nothing more is
   * read; the connection is closed a moment later.
   */
  async answerUnread(status: number): Promise<void> {
    const { request } = this
    const length = request.headers['content-length']
    let tooMuch = this.#awaitsContinue || Number(length ?? 0) >= SWALLOWED_BYTES
    if (!tooMuch) tooMuch = !(await this.#swallow())
    if (!tooMuch) return this.answer(status, undefined, '')
    if (this.#over) return
    request.pause()
    const { socket } = request
    socket.write(
      `HTTP/1.1 ${status} OK\r\nConnection: close\r\nDate: ${new Date(this.#clock.wallTime()).toUTCString()}\r\nContent-Length: 0\r\n\r\n`,
    )
    socket.end()
    const close = this.#clock.after(LINGER_MS, () => socket.destroy())
    this.onOver(close)
  }

  /** Reads what is left of the body if that is little. False: it is not. */
  #swallow(): Promise<boolean> {
    return new Promise((resolve) => {
      let seen = 0
      this.request.on('data', (chunk: Buffer) => {
        seen += chunk.length
        if (seen > SWALLOWED_BYTES) resolve(false)
      })
      this.request.once('end', () => resolve(true))
      this.onOver(() => resolve(true))
    })
  }

  #end(gone: boolean): void {
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
