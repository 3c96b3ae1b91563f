import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { BegunAnswer } from '../../relay/begun-answer.ts'
import { flatHeader } from '../../relay/headers.ts'
import type { AnswerHead } from '../answer-forwarding.ts'

/** Chunks up to this size are copied into one string per turn. Above it the copy costs more than a write of its own. */
const GATHERED_BYTES = 16 * 1024

/**
 * Writes an answer to the client with Ollama's framing: the same chunks, or the announced length.
 *
 * All data of one turn of the event loop goes out in one write. Node's own framing hands its socket three pieces for
 * each chunk and the head as a fourth. A write of several pieces costs more than all the rest of a small answer. So
 * this class frames the chunks itself, in one latin1 string that Node joins to the head, and turns Node's framing off.
 */
export class AnswerWriter implements BegunAnswer {
  readonly response = RESPONSE_ALREADY_SENT
  /** Called when the client has room again, after a write that answered false. */
  onRoom: (() => void) | undefined
  /** The answer's length was announced: nothing can be added to it. */
  readonly sized: boolean
  readonly #outgoing: ServerResponse
  readonly #framed: boolean
  #gathered = ''
  #flushes = false
  #headOut = false
  #full = false
  #drains = false

  constructor(outgoing: ServerResponse, { status, statusText, headers }: AnswerHead) {
    this.#outgoing = outgoing
    this.sized = flatHeader(headers, 'content-length') !== undefined
    const bodiless = status === 204 || status === 304 || outgoing.req.method === 'HEAD'
    // An HTTP/1.0 client knows no chunks: for it the end of the connection is the end of the answer.
    this.#framed = !this.sized && !bodiless && outgoing.useChunkedEncodingByDefault
    if (this.#framed) headers.push('Transfer-Encoding', 'chunked')
    outgoing.writeHead(status, statusText, headers)
    outgoing.chunkedEncoding = false
    // Ollama may send its head long before the first token. Data that comes in the same turn goes out with the head.
    this.#flushLater()
  }

  sign(text: string): void {
    if (!this.#full) this.write(Buffer.from(text))
  }

  finish(text: string): void {
    this.write(Buffer.from(text))
    this.end()
  }

  /** Returns false when the client is full: write nothing more before `onRoom` is called. */
  write(chunk: Buffer): boolean {
    // undici gives an empty part when it resumes. An empty chunk would end the answer.
    if (chunk.length === 0) return !this.#full
    if (chunk.length > GATHERED_BYTES) {
      this.#gathered += this.#framed ? `${chunk.length.toString(16)}\r\n` : ''
      this.#flush()
      this.#note(this.#outgoing.write(chunk))
      if (this.#framed) this.#gathered = '\r\n'
    } else {
      const text = chunk.toString('latin1')
      this.#gathered += this.#framed ? `${chunk.length.toString(16)}\r\n${text}\r\n` : text
    }
    if (this.#gathered.length > GATHERED_BYTES) this.#flush()
    else this.#flushLater()
    return !this.#full
  }

  /** Calls `done` when the last byte is with the client's socket. */
  end(done?: () => void): void {
    const last = this.#framed ? `${this.#gathered}0\r\n\r\n` : this.#gathered
    this.#gathered = ''
    this.#outgoing.end(last, 'latin1', done)
  }

  #flushLater(): void {
    if (this.#flushes) return
    this.#flushes = true
    // The cheapest way to run at the end of a turn: this form takes no closure.
    process.nextTick(AnswerWriter.#endOfTurn, this)
  }

  static #endOfTurn(writer: AnswerWriter): void {
    writer.#flushes = false
    writer.#flush()
  }

  /** Writes the gathered text, or at least the head. Returns false when the client is full. */
  #flush(): boolean {
    const outgoing = this.#outgoing
    if (outgoing.writableEnded || outgoing.destroyed) return true
    if (this.#gathered !== '') {
      const text = this.#gathered
      this.#gathered = ''
      this.#note(outgoing.write(text, 'latin1'))
    } else if (!this.#headOut) outgoing.flushHeaders()
    this.#headOut = true
    return !this.#full
  }

  #note(room: boolean): void {
    if (room) return
    this.#full = true
    if (this.#drains) return
    this.#drains = true
    this.#outgoing.on('drain', () => {
      this.#full = false
      if (this.#flush()) this.onRoom?.()
    })
  }
}
