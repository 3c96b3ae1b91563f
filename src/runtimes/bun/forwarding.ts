import type { Ending, Forwarding, ForwardingObserver, Upload } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import { flatHeader, responseHeaders } from '../../relay/headers.ts'
import { type AnswerBody, SizedBody, StreamedBody } from './answer-body.ts'
import type { AnswerSink, Connection, UpstreamRequest } from './connection.ts'
import type { BunUpstream } from './upstream.ts'

/**
 * An answer of a known length up to this is handed over whole, which costs half as much as a stream. Its first byte
 * is then its last one, and a break on the way is a break before the first byte.
 */
const WHOLE_BYTES = 64 * 1024

const EMPTY = new Uint8Array()

/** The client's side of an answer. */
export interface Client {
  /** The answer ends at this moment: its connection waits for the next request now. */
  idles(): void
  /** Has the connection closed once its answer has ended. */
  closeSoon(): void
  /** The answer is over, however it ended. */
  finished(): void
}

/** Ollama's answer on its way to the client. Over at the first of: its end, its break, the departure, an abort. */
export class BunForwarding implements Forwarding, AnswerSink {
  readonly answer: Promise<Response>
  readonly #observer: ForwardingObserver
  readonly #client: Client
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: Error) => void = () => {}
  #connection: Connection | undefined
  #whole: { readonly begin: () => ResponseInit; readonly parts: Uint8Array[] } | undefined
  #body: AnswerBody | undefined
  #uploads = false
  #uploadCut = false
  #over = false

  constructor(observer: ForwardingObserver, client: Client) {
    this.#observer = observer
    this.#client = client
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get upload(): Upload | undefined {
    return this.#uploads && !this.#over ? this.#connection?.upload : undefined
  }

  /** The upload was ended before it was whole, and there is no answer of Ollama's. */
  get uploadCut(): boolean {
    return this.#uploadCut
  }

  send(request: UpstreamRequest, upstream: BunUpstream): void {
    this.#uploads = request.body instanceof ReadableStream
    this.#connection = upstream.send(request, this)
  }

  abort(reason: Error, lastWords?: string): void {
    if (this.#over) return
    if (this.#body) this.#breakOff(this.#body, lastWords)
    else {
      this.#uploadCut = this.upload !== undefined
      this.#reject(reason)
    }
    this.#end('aborted')
  }

  left(): void {
    if (this.#over) return
    this.#reject(new Failure('client_gone'))
    this.#body?.drop()
    this.#end('client_gone')
  }

  head(status: number, statusText: string, raw: string[], length: number | undefined): void {
    const begin = (): ResponseInit => {
      const headers = responseHeaders(raw, status, this.#observer.dropped)
      headers.push(...this.#observer.head(status, (name) => flatHeader(headers, name)))
      return { status, statusText: sayable(statusText), headers: pairs(headers) }
    }
    if (length !== undefined && length <= WHOLE_BYTES) {
      this.#whole = { begin, parts: [] }
      return
    }
    const init = begin()
    const full = (is: boolean): void => this.#connection?.pause(is)
    this.#body = length === undefined ? new StreamedBody(full) : new SizedBody(full, () => this.left())
    this.#resolve(new Response(this.#body.stream, init))
  }

  data(part: Uint8Array): void {
    if (this.#over) return
    if (this.#whole) {
      this.#whole.parts.push(part)
      return
    }
    this.#observer.data(part)
    this.#body?.write(part)
  }

  end(): void {
    // Somebody else's from here on, however long the client takes for the rest.
    this.#connection = undefined
    if (this.#over) return
    if (this.#whole) this.#sendWhole(this.#whole)
    else
      this.#body?.end(
        () => this.#finish(),
        () => this.#client.idles(),
      )
  }

  failed(cause: Error): void {
    if (this.#over) return
    if (this.#body) this.#breakOff(this.#body, this.#observer.errorTrailer())
    else this.#reject(new Failure('upstream_error', { cause }))
    this.#end('broken', cause)
  }

  #sendWhole({ begin, parts }: { begin: () => ResponseInit; parts: readonly Uint8Array[] }): void {
    const init = begin()
    const [only = EMPTY] = parts
    const bytes = parts.length > 1 ? Buffer.concat(parts) : only
    if (bytes.length > 0) this.#observer.data(bytes)
    this.#resolve(new Response(bytes.length > 0 ? (bytes as BodyInit) : null, init))
    this.#finish()
  }

  /** The status is out: a last line where the framing has room for one, and the end. */
  #breakOff(body: AnswerBody, lastWords: string | undefined): void {
    if (lastWords === undefined || !body.hasRoom) body.break()
    else {
      body.write(Buffer.from(lastWords))
      this.#client.closeSoon()
      body.end(() => {})
    }
  }

  #finish(): void {
    if (!this.#over) this.#tellOver('done')
  }

  #end(ending: Ending, cause?: Error): void {
    this.#over = true
    this.#connection?.cut()
    this.#tellOver(ending, cause)
  }

  #tellOver(ending: Ending, cause?: Error): void {
    this.#over = true
    this.#observer.end(ending, cause)
    this.#client.finished()
  }
}

/** A reason phrase that Bun would refuse to write is left out; the status says it all. */
function sayable(statusText: string): string {
  return /^[\t\x20-\x7e]*$/.test(statusText) ? statusText : ''
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let index = 0; index + 1 < flat.length; index += 2)
    list.push([flat[index] ?? '', flat[index + 1] ?? ''])
  return list
}
