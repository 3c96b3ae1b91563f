import { Failure } from '../../relay/failure.ts'
import { flatHeader, requestHeaders } from '../../relay/headers.ts'
import { AnswerForwarding, type AnswerHead, headerPairs } from '../answer-forwarding.ts'
import type { FetchBegunAnswer } from './begun-answer.ts'
import type { FetchUpstream } from './upstream.ts'

/**
 * Ollama's answer as a stream that the client pulls. A chunk is read only when the client has room for it, so a slow
 * client slows Ollama down.
 */
export class FetchForwarding extends AnswerForwarding {
  /** Undefined: the platform sends the client's body by itself and does not tell the progress. */
  readonly upload = undefined
  readonly #connection = new AbortController()
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #client: ReadableStreamDefaultController<Uint8Array> | undefined
  #sized = false
  /** The client has status and headers already. */
  begun: FetchBegunAnswer | undefined
  /** Ollama owes the next part: its answer has not begun, or the client has room for more. */
  #reading = true

  get heldBack(): boolean {
    return !this.#reading
  }

  /** With `body` undefined the request's own body is streamed. */
  async send(
    request: Request,
    target: string,
    body: Uint8Array | undefined,
    upstream: FetchUpstream,
  ): Promise<void> {
    try {
      const url = upstream.url.origin + upstream.pathPrefix + target
      const answer = await upstream.fetch(url, this.#init(request, body, upstream))
      if (this.over) await answer.body?.cancel()
      else this.#answered(answer, request.method)
    } catch (error) {
      this.failed(error)
    }
  }

  protected begin({ status, statusText, headers }: AnswerHead): Response {
    const reader = this.#reader
    this.#reading = false
    if (this.begun !== undefined) {
      this.#client = this.begun.client
      if (reader !== undefined) this.begun.follow(() => this.#pull(reader))
      return this.begun.response
    }
    this.#sized = flatHeader(headers, 'content-length') !== undefined
    const init = { status, statusText, headers: headerPairs(headers) }
    return new Response(reader === undefined ? null : this.#stream(reader), init)
  }

  protected write(part: Uint8Array): boolean {
    this.#client?.enqueue(part)
    return true
  }

  protected finish(): void {
    this.#client?.close()
    this.done()
  }

  protected get hasRoom(): boolean {
    return !this.#sized
  }

  protected finishWith(trailer: string): void {
    this.#client?.enqueue(new TextEncoder().encode(trailer))
    this.#client?.close()
  }

  protected break(): void {
    this.#client?.error(new Failure('upstream_error'))
  }

  protected cutUpstream(): void {
    this.#connection.abort()
  }

  #init(
    request: Request,
    body: Uint8Array | undefined,
    upstream: FetchUpstream,
  ): RequestInit & { duplex?: 'half' } {
    const kept = requestHeaders([...request.headers].flat(), {
      connection: request.headers.get('connection') ?? undefined,
      host: request.headers.get('host') ?? undefined,
      keepLength: false,
      credentials: upstream.credentials,
      withheld: this.withheld,
    })
    return {
      method: request.method,
      // A fetch that asks for an encoding also undoes it. Then the bytes are not Ollama's any more.
      headers: headerPairs(kept).filter(([name]) => name !== 'accept-encoding'),
      signal: this.#connection.signal,
      redirect: 'manual',
      ...(body !== undefined && { body: body as BodyInit }),
      ...(body === undefined && request.body !== null && { body: request.body, duplex: 'half' as const }),
    }
  }

  #answered({ status, statusText, headers, body }: Response, method: string): void {
    if (body !== null && method !== 'HEAD') this.#reader = body.getReader()
    this.head(status, statusText, [...headers].flat())
    if (this.#reader === undefined) this.end()
    else if (this.keeps) void this.#readKept(this.#reader)
  }

  /** No client pulls an answer that is kept back. */
  async #readKept(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    while (!this.over) await this.#pull(reader)
  }

  #stream(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        start: (client) => {
          this.#client = client
        },
        pull: () => this.#pull(reader),
        cancel: () => this.clientLeft(),
      },
      { highWaterMark: 0 },
    )
  }

  async #pull(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    this.#reading = true
    try {
      const { done, value } = await reader.read()
      this.#reading = false
      if (done) this.end()
      else this.data(value)
    } catch (error) {
      this.failed(error)
    }
  }
}
