import { MAX_HEADER_BYTES } from '../process/limits.ts'
import { HeadBuffer } from './head-buffer.ts'

/** Bytes of a line between two chunks. */
const MAX_LINE_BYTES = 64 * 1024

const CR = 0x0d
const LF = 0x0a

/** Digits of a chunk's size. */
const MOST_DIGITS = 12
/** Value of each byte as a hexadecimal digit; -1 for any other byte. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
)

/** The events of an answer, in this order. */
export interface AnswerListener {
  /** `headers`: flat, as received. `length`: announced bytes of the body; undefined without an announcement. */
  head(status: number, statusText: string, headers: string[], length: number | undefined): void
  /** A part of the body. A part never holds bytes of two chunks. */
  data(part: Uint8Array): void
  end(): void
}

type ParserStage =
  | 'head'
  | 'sized'
  | 'until-close'
  | 'chunk-size'
  | 'chunk'
  | 'chunk-end'
  | 'trailers'
  | 'over'

/**
 * Reads one HTTP/1.1 answer from the bytes of a connection (RFC 9112). Anything ambiguous is an error: the parser never
 * guesses what the server meant.
 */
export class AnswerParser {
  readonly #listener: AnswerListener
  readonly #bodiless: boolean
  #stage: ParserStage = 'head'
  readonly #headBuffer = new HeadBuffer(MAX_HEADER_BYTES)
  /** Bytes that are still to come of the chunk, or of a body of known length. */
  #remaining = 0
  #line = ''
  #trailerBytes = 0
  #keepAlive = true

  constructor(method: string, listener: AnswerListener) {
    this.#bodiless = method === 'HEAD'
    this.#listener = listener
  }

  get over(): boolean {
    return this.#stage === 'over'
  }

  /** Whether the connection can carry another request after this answer. */
  get keepAlive(): boolean {
    return this.#keepAlive
  }

  /** @throws Error for bytes that are no valid answer. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at = this.#step(bytes, at)
  }

  /** The connection was closed. @returns whether the answer is complete. */
  closed(): boolean {
    if (this.#stage === 'until-close') this.#finish()
    return this.#stage === 'over'
  }

  /** Reads some bytes from `at` on. Returns the index of the next unread byte. */
  #step(bytes: Uint8Array, at: number): number {
    switch (this.#stage) {
      case 'head':
        return this.#head(bytes, at)
      case 'until-close':
        this.#listener.data(at === 0 ? bytes : bytes.subarray(at))
        return bytes.length
      case 'sized':
      case 'chunk':
        return this.#body(bytes, at)
      case 'over':
        throw new Error('bytes after the end of the answer')
      default:
        return this.#plainFraming(bytes, at) ?? this.#framing(bytes, at)
    }
  }

  #body(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining)
    this.#remaining -= end - at
    this.#listener.data(bytes.subarray(at, end))
    if (this.#remaining === 0) {
      if (this.#stage === 'sized') this.#finish()
      else this.#stage = 'chunk-end'
    }
    return end
  }

  /** Reads the usual bytes between two chunks, without strings. Returns undefined for all other bytes. */
  #plainFraming(bytes: Uint8Array, at: number): number | undefined {
    if (this.#line !== '' || this.#stage === 'trailers') return undefined
    let next = at
    let size = 0
    if (this.#stage === 'chunk-size') {
      for (; next - at < MOST_DIGITS; next++) {
        const digit = HEX[bytes[next] ?? 0] ?? -1
        if (digit < 0) break
        size = size * 16 + digit
      }
      if (next === at) return undefined
    }
    if (bytes[next] !== CR || bytes[next + 1] !== LF) return undefined
    if (this.#stage === 'chunk-size') this.#beginChunk(size)
    else this.#stage = 'chunk-size'
    return next + 2
  }

  /** Reads any line between two chunks. */
  #framing(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(LF, at)
    this.#line += asBuffer(bytes).toString('latin1', at, end < 0 ? bytes.length : end)
    if (this.#line.length > MAX_LINE_BYTES) throw new Error('a line without an end between chunks')
    if (end < 0) return bytes.length
    if (!this.#line.endsWith('\r')) throw new Error('a line between chunks that does not end in CRLF')
    const line = this.#line.slice(0, -1)
    this.#line = ''
    if (this.#stage === 'chunk-size') this.#chunkSize(line)
    else if (this.#stage === 'trailers') this.#trailer(line)
    else if (line !== '') throw new Error('a chunk longer than its size')
    else this.#stage = 'chunk-size'
    return end + 1
  }

  #chunkSize(line: string): void {
    const size = /^([0-9a-f]{1,12})[\t ]*(?:;.*)?$/i.exec(line)?.[1]
    if (size === undefined) throw new Error('a chunk without a size')
    this.#beginChunk(Number.parseInt(size, 16))
  }

  #beginChunk(size: number): void {
    this.#remaining = size
    this.#stage = size === 0 ? 'trailers' : 'chunk'
  }

  #trailer(line: string): void {
    this.#trailerBytes += line.length
    if (this.#trailerBytes > MAX_HEADER_BYTES) throw new Error('trailers too large')
    if (line === '') this.#finish()
  }

  #head(bytes: Uint8Array, at: number): number {
    const fresh = asBuffer(bytes).subarray(at)
    const taken = this.#headBuffer.take(fresh)
    if (taken === undefined) return bytes.length
    this.#begin(taken.head)
    return at + taken.bytes
  }

  #begin(head: string): void {
    const [first = '', ...lines] = head.split('\r\n')
    const [, minor, code, text = ''] = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(first) ?? []
    if (code === undefined) throw new Error('no HTTP/1 status line')
    const status = Number(code)
    // "100 Continue" and the like: the answer itself is still to come.
    if (status < 200) {
      if (status === 101) throw new Error('a change of protocol that nobody asked for')
      return
    }
    const framing = new Framing()
    const headers: string[] = []
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon)
      if (colon < 1 || !TOKEN.test(name)) throw new Error('an invalid header line')
      const value = line.slice(colon + 1).trim()
      headers.push(name, value)
      framing.add(name, value)
    }
    if (framing.chunked && framing.length !== undefined) throw new Error('a length and chunks')
    this.#keepAlive = framing.keepAlive ?? minor === '1'
    const bodiless = this.#bodiless || status === 204 || status === 304
    if (bodiless) this.#listener.head(status, text, headers, 0)
    else this.#listener.head(status, text, headers, framing.chunked ? undefined : framing.length)
    if (bodiless) this.#finish()
    else if (framing.chunked) this.#stage = 'chunk-size'
    else if (framing.length === undefined) {
      this.#stage = 'until-close'
      this.#keepAlive = false
    } else if (framing.length === 0) this.#finish()
    else {
      this.#stage = 'sized'
      this.#remaining = framing.length
    }
  }

  #finish(): void {
    this.#stage = 'over'
    this.#listener.end()
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/

/** Collects what the headers tell about the end of the body and about the connection. */
class Framing {
  chunked = false
  length: number | undefined
  keepAlive: boolean | undefined

  add(name: string, value: string): void {
    // Compares the length first, because it rules most headers out.
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (!/^\d{1,15}$/.test(value)) throw new Error('a length that is no number')
      const length = Number(value)
      if (this.length !== undefined && this.length !== length) throw new Error('two lengths')
      this.length = length
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (this.chunked || value.toLowerCase() !== 'chunked') throw new Error('an unknown transfer coding')
      this.chunked = true
    } else if (name.length === 10 && name.toLowerCase() === 'connection') {
      if (/\bclose\b/i.test(value)) this.keepAlive = false
      else if (/\bkeep-alive\b/i.test(value)) this.keepAlive ??= true
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
