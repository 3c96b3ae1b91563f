import type { Ending, Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import { flatHeader, requestHeaders, responseHeaders } from '../../relay/headers.ts'
import type { Credentials } from '../../upstream/credentials.ts'

/** The upstream as a runtime's own fetch reaches it. */
export interface FetchUpstream {
  /** Scheme, host and port; a target is put behind it. */
  readonly origin: string
  readonly credentials?: Credentials | undefined
  /** Must follow no redirect, undo no encoding and have no deadline, as far as the runtime lets it. */
  readonly fetch: (url: string, init: RequestInit & { duplex?: 'half' }) => Promise<Response>
}

/**
 * Ollama's answer as a stream that is pulled: a chunk is read when the client has room for it, so a slow client
 * slows Ollama down. Over at the first of: its end, its break, the client's departure in either form, an abort.
 */
export class FetchForwarding implements Forwarding {
  readonly answer: Promise<Response>
  /** The platform reads the client's own body by itself and does not tell how far it is. */
  readonly upload = undefined
  readonly #observer: ForwardingObserver
  readonly #cut = new AbortController()
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: Error) => void = () => {}
  #client: ReadableStreamDefaultController<Uint8Array> | undefined
  #sized = false
  #over = false

  constructor(observer: ForwardingObserver) {
    this.#observer = observer
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get over(): boolean {
    return this.#over
  }

  /** `body` undefined streams the request's own. */
  async send(
    request: Request,
    target: string,
    body: Uint8Array | undefined,
    upstream: FetchUpstream,
  ): Promise<void> {
    try {
      const answer = await upstream.fetch(upstream.origin + target, this.#init(request, body, upstream))
      if (this.#over) await answer.body?.cancel()
      else this.#begin(answer, request.method)
    } catch (error) {
      this.#refused(error)
    }
  }

  abort(reason: Error, lastWords?: string): void {
    if (this.#over) return
    if (this.#client) this.#breakOff(this.#client, lastWords)
    else this.#reject(reason)
    this.#end('aborted')
  }

  /** The client is gone. */
  left(): void {
    if (this.#over) return
    this.#reject(new Failure('client_gone'))
    this.#end('client_gone')
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
    })
    return {
      method: request.method,
      // A fetch that asked for an encoding would undo it, and the bytes would not be Ollama's any more.
      headers: pairs(kept).filter(([name]) => name !== 'accept-encoding'),
      signal: this.#cut.signal,
      redirect: 'manual',
      ...(body !== undefined && { body: body as BodyInit }),
      ...(body === undefined && request.body !== null && { body: request.body, duplex: 'half' as const }),
    }
  }

  #refused(cause: unknown): void {
    if (this.#over) return
    this.#reject(new Failure('upstream_error', { cause }))
    this.#end('broken', cause)
  }

  /** Throws for an answer that a Response cannot be made of. */
  #begin(answer: Response, method: string): void {
    const { status, statusText } = answer
    const headers = responseHeaders([...answer.headers].flat(), status, this.#observer.dropped)
    const head = { status, statusText, headers: pairs(headers) }
    const bodiless = answer.body === null || method === 'HEAD'
    const response = new Response(
      bodiless || answer.body === null ? null : this.#stream(answer.body.getReader()),
      head,
    )
    this.#sized = flatHeader(headers, 'content-length') !== undefined
    const added = this.#observer.head(status, (name) => flatHeader(headers, name))
    for (const [name, value] of pairs(added)) response.headers.append(name, value)
    this.#resolve(response)
    if (bodiless) this.#done()
  }

  #stream(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        start: (client) => {
          this.#client = client
        },
        pull: async (client) => {
          try {
            const { done, value } = await reader.read()
            if (this.#over) return
            if (done) {
              client.close()
              this.#done()
            } else {
              this.#observer.data(value)
              client.enqueue(value)
            }
          } catch (error) {
            this.#broken(client, error)
          }
        },
        cancel: () => this.left(),
      },
      { highWaterMark: 0 },
    )
  }

  #broken(client: ReadableStreamDefaultController<Uint8Array>, cause: unknown): void {
    if (this.#over) return
    this.#breakOff(client, this.#observer.errorTrailer())
    this.#end('broken', cause)
  }

  /** The status is out: a last line where the framing has room for one, and the end. */
  #breakOff(client: ReadableStreamDefaultController<Uint8Array>, lastWords: string | undefined): void {
    if (lastWords === undefined || this.#sized) {
      client.error(new Failure('upstream_error'))
      return
    }
    client.enqueue(new TextEncoder().encode(lastWords))
    client.close()
  }

  #done(): void {
    this.#over = true
    this.#observer.end('done')
  }

  #end(ending: Ending, cause?: unknown): void {
    this.#over = true
    this.#cut.abort()
    this.#observer.end(ending, cause)
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let index = 0; index + 1 < flat.length; index += 2)
    list.push([flat[index] ?? '', flat[index + 1] ?? ''])
  return list
}
