import type { Upload } from '../../relay/contract.ts'
import { type AnswerListener, AnswerParser } from './answer-parser.ts'
import type { BunSocket } from './bun-api.ts'

export interface UpstreamRequest {
  readonly method: string
  readonly target: string
  /** Flat, with Host. Content-Length only where `body` is a stream of known length, never Transfer-Encoding. */
  readonly headers: readonly string[]
  /** Undefined: no body. A stream is sent in chunks unless the headers have its length. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined
}

/** Hears the events of one answer. `failed` comes instead of `end` when the answer breaks, at any stage. */
export interface AnswerSink extends AnswerListener {
  failed(error: Error): void
}

/** Up to this size, a body goes out in one write together with its head. */
const ONE_WRITE_BYTES = 64 * 1024

/** One connection to Ollama, one request at a time. */
export class UpstreamConnection {
  readonly #onFree: (connection: UpstreamConnection) => void
  #socket: BunSocket<UpstreamConnection> | undefined
  #parser: AnswerParser | undefined
  #sink: AnswerSink | undefined
  /** Bytes that the socket had no room for. */
  #unsent: Uint8Array[] = []
  #onDrain: (() => void) | undefined
  #sending = false
  /** Bytes read so far of the stream that is being sent. */
  #streamed = 0
  #paused = false
  #closed = false
  #failure: Error | undefined

  /** `onFree`: called when the connection can carry the next request. */
  constructor(onFree: (connection: UpstreamConnection) => void) {
    this.#onFree = onFree
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The progress of a streamed body. Undefined once the whole body is sent. */
  get upload(): Upload | undefined {
    if (this.#closed) return undefined
    if (this.#socket === undefined) return { bytes: 0, heldBack: true }
    if (!this.#sending) return undefined
    return { bytes: this.#streamed, heldBack: this.#unsent.length > 0 }
  }

  /** The error that broke the connection while no request was on it. */
  get failure(): Error | undefined {
    return this.#failure
  }

  opened(socket: BunSocket<UpstreamConnection>): void {
    this.#socket = socket
    if (this.#closed) socket.terminate()
  }

  /**
   * Sends a request. @returns false when the socket was closed before it took the first byte. Then the sink hears
   * nothing, and the request can go out on another connection.
   */
  send(request: UpstreamRequest, sink: AnswerSink): boolean {
    const { method, target, headers, body } = request
    this.#sink = sink
    this.#parser = new AnswerParser(method, {
      head: (...args) => sink.head(...args),
      data: (part) => sink.data(part),
      end: () => this.#ended(),
    })
    let head = `${method} ${target} HTTP/1.1\r\n`
    for (let index = 0; index + 1 < headers.length; index += 2)
      head += `${headers[index]}: ${headers[index + 1]}\r\n`
    if (body instanceof ReadableStream) {
      const sized = /\r\ncontent-length:/i.test(head)
      const bytes = Buffer.from(`${head}${sized ? '' : 'Transfer-Encoding: chunked\r\n'}\r\n`, 'latin1')
      if (!this.#begin(bytes)) return false
      this.#stream(body.getReader(), sized, sink)
      return true
    }
    if (body !== undefined) head += `Content-Length: ${body.length}\r\n`
    const bytes = Buffer.from(`${head}\r\n`, 'latin1')
    if (body === undefined || body.length === 0) return this.#begin(bytes)
    if (body.length <= ONE_WRITE_BYTES) return this.#begin(Buffer.concat([bytes, body]))
    if (!this.#begin(bytes)) return false
    this.#write(body)
    return true
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Stops reading, which holds Ollama back, or resumes reading. */
  pause(paused: boolean): void {
    if (this.#paused === paused || this.#closed) return
    this.#paused = paused
    if (paused) this.#socket?.pause()
    else this.#socket?.resume()
  }

  /** Closes the connection at once. The sink hears nothing more. */
  cut(): void {
    this.#sink = undefined
    this.#parser = undefined
    this.#shut()
  }

  received(bytes: Uint8Array): void {
    try {
      if (this.#parser) this.#parser.feed(bytes)
      // No request is on the connection: these bytes would be taken for the next answer.
      else this.#shut()
    } catch (error) {
      this.broke(Object.assign(new Error('no HTTP answer', { cause: error }), { code: 'NOT_HTTP' }))
    }
  }

  drained(): void {
    while (this.#unsent.length > 0) {
      const [bytes] = this.#unsent.splice(0, 1)
      if (bytes !== undefined && !this.#push(bytes)) return
    }
    this.#onDrain?.()
  }

  /** The connection was closed or reset. */
  broke(error: Error): void {
    const sink = this.#sink
    const wasEnd = this.#closed ? false : this.#parser?.closed()
    // After `cut` an error says nothing new.
    if (sink === undefined && !this.#closed) this.#failure = error
    this.cut()
    if (!wasEnd) sink?.failed(error)
  }

  #ended(): void {
    const sink = this.#sink
    // After an early answer Ollama would take the rest of the body for the next request.
    const usable = this.#parser?.keepAlive === true && !this.#sending && this.#unsent.length === 0
    this.#sink = undefined
    this.#parser = undefined
    this.pause(false)
    if (usable) this.#onFree(this)
    else this.#shut()
    sink?.end()
  }

  async #stream(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    sized: boolean,
    sink: AnswerSink,
  ): Promise<void> {
    this.#sending = true
    this.#streamed = 0
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (this.#sink !== sink) break
        if (done) {
          if (!sized) this.#write(LAST_CHUNK)
          this.#sending = false
          return
        }
        if (value.length === 0) continue
        this.#streamed += value.length
        if (!sized) this.#write(Buffer.from(`${value.length.toString(16)}\r\n`, 'latin1'))
        this.#write(value)
        if (!sized) this.#write(CRLF)
        if (this.#unsent.length > 0) await this.#untilDrained()
      }
      await reader.cancel()
    } catch (error) {
      // Only reading throws, so the client's side failed.
      if (this.#sink === sink)
        this.broke(Object.assign(new Error('the upload broke', { cause: error }), { code: 'UPLOAD_BROKE' }))
    }
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrain = () => {
        this.#onDrain = undefined
        resolve()
      }
    })
  }

  #write(bytes: Uint8Array): void {
    if (this.#closed) return
    if (this.#unsent.length > 0) this.#unsent.push(bytes)
    else this.#push(bytes)
  }

  /** Sends the first bytes of a request. Returns false when the socket is closed and took none of them. */
  #begin(bytes: Uint8Array): boolean {
    const taken = this.#socket?.write(bytes) ?? -1
    if (taken < 0) this.cut()
    else if (taken < bytes.length) this.#unsent.push(bytes.subarray(taken))
    return taken >= 0
  }

  /** Returns whether the socket took all bytes. */
  #push(bytes: Uint8Array): boolean {
    const taken = Math.max(0, this.#socket?.write(bytes) ?? 0)
    if (taken === bytes.length) return true
    this.#unsent.unshift(bytes.subarray(taken))
    return false
  }

  #shut(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unsent = []
    this.#onDrain?.()
    this.#socket?.terminate()
  }
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const CRLF = Buffer.from('\r\n')
