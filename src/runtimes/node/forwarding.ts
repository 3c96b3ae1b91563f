import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Dispatcher } from 'undici'
import type { Ending, Forwarding, ForwardingObserver, Upload } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import { flatHeader, requestHeaders, responseHeaders } from '../../relay/headers.ts'
import { AnswerWriter } from './answer-writer.ts'
import { discardRest } from './unread-body.ts'
import type { NodeUpstream } from './upstream.ts'

/** After an answer broke, its client has this long to take the rest before its socket is destroyed. */
const LAST_WORDS_MS = 10_000

/**
 * Ollama's answer on its way into the client's response, without a stream object between them: each chunk is
 * written as it is parsed, and a full socket pauses the parser.
 *
 * The first of these ends it: the last byte handed to the client's socket, the client's socket closed, Ollama's
 * connection broken, an abort. Whatever comes after that is ignored.
 */
export class NodeForwarding implements Forwarding, Dispatcher.DispatchHandler {
  readonly answer: Promise<Response>
  readonly #outgoing: ServerResponse
  readonly #observer: ForwardingObserver
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: Error) => void = () => {}
  #cutUpstream: ((reason?: Error) => void) | undefined
  #writer: AnswerWriter | undefined
  #uploading: IncomingMessage | undefined
  #over = false

  constructor(outgoing: ServerResponse, observer: ForwardingObserver) {
    this.#outgoing = outgoing
    this.#observer = observer
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get upload(): Upload | undefined {
    const incoming = this.#uploading
    if (incoming === undefined || incoming.complete || this.#over) return undefined
    return { bytes: incoming.socket.bytesRead, heldBack: incoming.isPaused() }
  }

  /** `body` undefined streams the client's own. */
  send(
    incoming: IncomingMessage,
    target: string,
    body: Uint8Array | undefined,
    upstream: NodeUpstream,
  ): void {
    const { connection, host } = incoming.headers
    const stream = body === undefined && hasBody(incoming) ? incoming.pipe(new PassThrough()) : null
    if (stream !== null) this.#uploading = incoming
    const request: Dispatcher.DispatchOptions = {
      method: incoming.method ?? 'GET',
      path: target,
      headers: requestHeaders(incoming.rawHeaders, {
        connection,
        host,
        keepLength: stream !== null,
        credentials: upstream.credentials,
      }),
      body: body ?? stream,
    }
    upstream.pool.dispatch(request, this)
  }

  abort(reason: Error, lastWords?: string): void {
    if (this.#over) return
    if (this.#writer) this.#breakOff(this.#writer, lastWords)
    else {
      // Unread bytes of an upload would be taken for the next request.
      if (this.upload !== undefined) this.#outgoing.shouldKeepAlive = false
      this.#reject(reason)
    }
    this.#end('aborted')
  }

  /** The client's socket closed, or took the last byte. */
  closed(): void {
    if (this.#over) return
    if (this.#outgoing.writableFinished) {
      this.#over = true
      this.#observer.end('done')
      return
    }
    this.#reject(new Failure('client_gone'))
    this.#end('client_gone')
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#cutUpstream = abort
    if (this.#over) abort()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.#over || status < 200) return true
    const text: string[] = []
    for (const part of raw) text.push(part.toString('latin1'))
    const headers = responseHeaders(text, status, this.#observer.dropped)
    headers.push(...this.#observer.head(status, (name) => flatHeader(headers, name)))
    this.#writer = new AnswerWriter(
      this.#outgoing,
      { status, statusText: sayable(statusText), headers },
      resume,
    )
    this.#resolve(RESPONSE_ALREADY_SENT)
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.#over || !this.#writer) return true
    this.#observer.data(chunk)
    return this.#writer.write(chunk)
  }

  onComplete(): void {
    if (this.#over) return
    this.#discardRestOfUpload()
    this.#writer?.end()
  }

  onError(error: Error): void {
    if (this.#over) return
    if (this.#writer) this.#breakOff(this.#writer, this.#observer.errorTrailer())
    else {
      this.#discardRestOfUpload()
      this.#reject(new Failure('upstream_error', { cause: error }))
    }
    this.#end('broken', error)
  }

  /** There is an answer before the whole upload came. The client may be one that sends everything before it reads. */
  #discardRestOfUpload(): void {
    if (this.#uploading && !this.#uploading.complete) discardRest(this.#uploading, this.#outgoing)
  }

  /**
   * The status is out, so all that is left is a last line, where the framing has room for one, and the end. The
   * framing is brought to its end too: fetch throws away what it has not handed on when a connection just breaks.
   */
  #breakOff(writer: AnswerWriter, lastWords: string | undefined): void {
    const outgoing = this.#outgoing
    if (lastWords === undefined || writer.sized || outgoing.writableEnded) {
      outgoing.destroy()
      return
    }
    const { socket } = outgoing
    socket?.setTimeout(LAST_WORDS_MS, () => socket.destroy())
    writer.write(Buffer.from(lastWords))
    writer.end(() => socket?.destroySoon())
  }

  #end(ending: Ending, cause?: Error): void {
    this.#over = true
    this.#cutUpstream?.()
    this.#observer.end(ending, cause)
  }
}

/** A reason phrase that Node would refuse to write is left out; the status says it all. */
function sayable(statusText: string): string {
  return /^[\t\x20-\x7e]*$/.test(statusText) ? statusText : ''
}

function hasBody(incoming: IncomingMessage): boolean {
  const length = incoming.headers['content-length']
  return incoming.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
