import type { ForwardingObserver, Upload } from '../../relay/contract.ts'
import { AnswerForwarding, type AnswerHead, headerPairs } from '../answer-forwarding.ts'
import { type AnswerBody, SizedBody, StreamedBody } from './answer-body.ts'
import type { BunBegunAnswer, Client } from './begun-answer.ts'
import type { AnswerSink, UpstreamConnection, UpstreamRequest } from './connection.ts'
import type { BunUpstream } from './upstream.ts'

/**
 * An answer of a known length up to this is given to Bun in one piece, which costs half as much as a stream. Its first
 * byte then goes out together with its last byte, and an answer that breaks counts as broken before its first byte.
 */
const WHOLE_BYTES = 64 * 1024

const EMPTY = new Uint8Array()

/** Ollama's answer on its way to a client of Bun.serve. */
export class BunForwarding extends AnswerForwarding implements AnswerSink {
  readonly #client: Client
  /** The client has status and headers already. */
  begun: BunBegunAnswer | undefined
  #connection: UpstreamConnection | undefined
  /** The head of an answer that goes to Bun in one piece, and the parts of its body so far. */
  #whole: { readonly head: Parameters<AnswerForwarding['head']>; readonly parts: Uint8Array[] } | undefined
  #wholeBytes: Uint8Array | undefined
  #length: number | undefined
  #body: AnswerBody | undefined
  #uploads = false
  #uploadCut = false

  constructor(observer: ForwardingObserver, client: Client) {
    super(observer)
    this.#client = client
  }

  get upload(): Upload | undefined {
    return this.#uploads && !this.over ? this.#connection?.upload : undefined
  }

  get heldBack(): boolean {
    return this.#connection === undefined || this.#connection.paused
  }

  /** The upload was ended before it was whole, without an answer of Ollama. */
  get uploadCut(): boolean {
    return this.#uploadCut
  }

  send(request: UpstreamRequest, upstream: BunUpstream): void {
    this.#uploads = request.body instanceof ReadableStream
    this.#connection = upstream.send(request, this)
  }

  override head(status: number, statusText: string, raw: readonly string[], length?: number): void {
    if (length !== undefined && length <= WHOLE_BYTES) {
      this.#whole = { head: [status, statusText, raw], parts: [] }
      return
    }
    this.#length = length
    super.head(status, statusText, raw)
  }

  override data(part: Uint8Array): boolean {
    if (this.#whole === undefined) return super.data(part)
    this.#whole.parts.push(part)
    return true
  }

  override end(): void {
    // The connection carries other calls from now on, even if the client still takes its time.
    this.#connection = undefined
    if (this.#whole !== undefined && !this.over) {
      const { head, parts } = this.#whole
      const [only = EMPTY] = parts
      this.#wholeBytes = parts.length > 1 ? Buffer.concat(parts) : only
      super.head(...head)
      if (this.#wholeBytes.length > 0) super.data(this.#wholeBytes)
    }
    super.end()
  }

  protected begin({ status, statusText, headers }: AnswerHead): Response {
    const onFull = (isFull: boolean): void => this.#connection?.pause(isFull)
    if (this.begun !== undefined) {
      const { body, response } = this.begun
      this.#body = body
      this.begun.onFull = onFull
      if (body.full) onFull(true)
      return response
    }
    const init = { status, statusText, headers: headerPairs(headers) }
    const whole = this.#wholeBytes
    if (whole !== undefined) return new Response(whole.length > 0 ? (whole as BodyInit) : null, init)
    this.#body =
      this.#length === undefined ? new StreamedBody(onFull) : new SizedBody(onFull, () => this.clientLeft())
    return new Response(this.#body.stream, init)
  }

  /** Always true: the body itself pauses the connection while the client is full. */
  protected write(part: Uint8Array): boolean {
    this.#body?.write(part)
    return true
  }

  protected finish(): void {
    if (this.#body === undefined) this.done()
    else
      this.#body.end(
        () => this.done(),
        () => this.#client.keepAlive(),
      )
  }

  protected get hasRoom(): boolean {
    return this.#body?.hasRoom === true
  }

  protected finishWith(trailer: string): void {
    this.#body?.write(Buffer.from(trailer))
    this.#client.closeSoon()
    this.#body?.end(() => {})
  }

  protected break(): void {
    this.#body?.break()
  }

  protected cutUpstream(): void {
    this.#connection?.cut()
  }

  protected override drop(): void {
    this.#body?.drop()
  }

  protected override abandonUpload(): void {
    this.#uploadCut = this.upload !== undefined
  }

  protected override release(): void {
    this.#client.finished()
  }
}
