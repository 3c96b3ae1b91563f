import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { ForwardingObserver, Upload } from '../../relay/contract.ts'
import { requestHeaders } from '../../relay/headers.ts'
import { AnswerForwarding, type AnswerHead } from '../answer-forwarding.ts'
import { AnswerWriter } from './answer-writer.ts'
import { discardRest } from './unread-body.ts'
import type { NodeUpstream } from './upstream.ts'

/** After the trailer of a broken answer, a client that takes nothing for this long loses its connection. */
const TRAILER_MS = 10_000

/**
 * Writes Ollama's answer into the client's response without a stream object between them: each chunk is written when
 * undici has parsed it, and a full socket pauses undici's parser. This needs undici 7: undici 8 has another handler API
 * and requires Node 22.19.
 */
export class NodeForwarding extends AnswerForwarding implements Dispatcher.DispatchHandler {
  readonly #outgoing: ServerResponse
  #cutUpstream: ((reason?: Error) => void) | undefined
  #resumeUpstream: () => void = () => {}
  #writer: AnswerWriter | undefined
  /** The client has status and headers already. */
  begun: AnswerWriter | undefined
  #uploading: IncomingMessage | undefined

  constructor(outgoing: ServerResponse, observer: ForwardingObserver) {
    super(observer)
    this.#outgoing = outgoing
  }

  get upload(): Upload | undefined {
    const incoming = this.#uploading
    if (incoming === undefined || incoming.complete || this.over) return undefined
    return { bytes: incoming.socket.bytesRead, heldBack: incoming.isPaused() }
  }

  get heldBack(): boolean {
    return this.#outgoing.writableNeedDrain || this.#outgoing.writableEnded
  }

  /** Sends the request. With `body` undefined the client's own body is streamed. */
  send(
    incoming: IncomingMessage,
    target: string,
    body: Uint8Array | undefined,
    { credentials, pathPrefix, pool }: NodeUpstream,
  ): void {
    const { connection, host } = incoming.headers
    const stream = body === undefined && hasBody(incoming) ? incoming.pipe(new PassThrough()) : null
    if (stream !== null) this.#uploading = incoming
    const headers = requestHeaders(incoming.rawHeaders, {
      connection,
      host,
      keepLength: stream !== null,
      credentials,
      withheld: this.withheld,
    })
    const path = pathPrefix === '' ? target : pathPrefix + target
    pool.dispatch({ method: incoming.method ?? 'GET', path, headers, body: body ?? stream }, this)
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#cutUpstream = abort
    if (this.over) abort()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.over || status < 200) return true
    const headers: string[] = []
    for (const part of raw) headers.push(part.toString('latin1'))
    this.#resumeUpstream = resume
    this.head(status, statusText, headers)
    return true
  }

  onData(chunk: Buffer): boolean {
    return this.data(chunk)
  }

  onComplete(): void {
    this.end()
  }

  onError(error: Error): void {
    this.failed(error)
  }

  protected begin(head: AnswerHead): Response {
    this.#writer = this.begun ?? new AnswerWriter(this.#outgoing, head)
    this.#writer.onRoom = this.#resumeUpstream
    return this.#writer.response
  }

  protected write(part: Buffer): boolean {
    return this.#writer === undefined || this.#writer.write(part)
  }

  protected finish(): void {
    this.discardUpload()
    this.#writer?.end()
  }

  protected get hasRoom(): boolean {
    return this.#writer?.sized === false && !this.#outgoing.writableEnded
  }

  /** Ends the chunked framing, too: when a connection breaks, fetch discards bytes that it has not delivered yet. */
  protected finishWith(trailer: string): void {
    const { socket } = this.#outgoing
    socket?.setTimeout(TRAILER_MS, () => socket.destroy())
    this.#writer?.write(Buffer.from(trailer))
    this.#writer?.end(() => socket?.destroySoon())
  }

  protected break(): void {
    this.#outgoing.destroy()
  }

  protected cutUpstream(): void {
    this.#cutUpstream?.()
  }

  /** Closes the connection after the answer: Node would read the rest of the upload as the next request. */
  protected override abandonUpload(): void {
    if (this.upload !== undefined) this.#outgoing.shouldKeepAlive = false
  }

  /** Reads the rest of an upload: some clients read no answer before they have sent everything. */
  protected override discardUpload(): void {
    if (this.#uploading && !this.#uploading.complete) discardRest(this.#uploading, this.#outgoing)
  }
}

function hasBody(incoming: IncomingMessage): boolean {
  const length = incoming.headers['content-length']
  return incoming.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
