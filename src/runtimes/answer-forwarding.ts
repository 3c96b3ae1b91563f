import type { Ending, Forwarding, ForwardingObserver, Upload } from '../relay/contract.ts'
import { Failure } from '../relay/failure.ts'
import { flatHeader, responseHeaders } from '../relay/headers.ts'
import { KeptAnswer } from '../relay/kept-answer.ts'

export interface AnswerHead {
  readonly status: number
  readonly statusText: string
  /** Flat: name, value, name, value. */
  readonly headers: string[]
}

/**
 * Ollama's answer on its way to the client: the one state machine of all runtimes. A runtime calls `head`, `data`, `end`
 * and `failed` as the answer comes, and implements the client's side in the abstract methods.
 *
 * The forwarding is over at the first of four events: the last byte is with the client's socket, the client left,
 * Ollama's answer broke, or `abort` was called. All later events are ignored.
 */
export abstract class AnswerForwarding implements Forwarding {
  readonly answer: Promise<Response>
  readonly #observer: ForwardingObserver
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: Error) => void = () => {}
  #begun = false
  #kept: KeptAnswer | undefined
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

  /** Ollama's answer is kept back from the client. */
  protected get keeps(): boolean {
    return this.#kept !== undefined
  }

  /** The headers of the request that Ollama does not get. */
  protected get withheld(): ForwardingObserver['withheld'] {
    return this.#observer.withheld
  }

  abstract get upload(): Upload | undefined
  abstract get heldBack(): boolean

  abort(reason: Error, trailer?: string): void {
    if (this.#over) return
    if (this.#begun) this.#breakOff(trailer)
    else {
      this.abandonUpload()
      this.#reject(reason)
    }
    this.#end('aborted')
  }

  /** The client left. */
  clientLeft(): void {
    if (this.#over) return
    this.#reject(new Failure('client_gone'))
    this.drop()
    this.#end('client_gone')
  }

  /** The last byte is with the client's socket. */
  done(): void {
    if (this.#over) return
    this.#over = true
    this.#observer.end('done')
    this.release()
  }

  head(status: number, statusText: string, raw: readonly string[]): void {
    if (this.#over) return
    const headers = responseHeaders(raw, status, this.#observer.dropped)
    try {
      const added = this.#observer.head(status, (name) => flatHeader(headers, name))
      if (added instanceof KeptAnswer) {
        this.#kept = added
        return
      }
      headers.push(...added)
      const response = this.begin({ status, statusText: safeReasonPhrase(statusText), headers })
      this.#begun = true
      this.#resolve(response)
    } catch (cause) {
      // The observer refuses an answer, and no response can be made of some answers: a status over 599, a 204 with a body.
      this.failed(cause)
    }
  }

  /** Returns false when the client is full: hold Ollama back. */
  data(part: Uint8Array): boolean {
    if (this.#over || !this.#begun) return this.#keep(part)
    this.#observer.data(part)
    return this.write(part)
  }

  /** Ollama's answer is complete. */
  end(): void {
    if (this.#over) return
    if (this.#kept) this.#endKept(this.#kept)
    else this.finish()
  }

  /** Ollama's answer broke, before or after its first byte. */
  failed(cause: unknown): void {
    if (this.#over) return
    if (this.#begun) this.#breakOff(this.#observer.errorTrailer())
    else {
      this.discardUpload()
      this.#reject(new Failure('upstream_error', { cause }))
    }
    this.#end('broken', cause)
  }

  /** Sends the head to the client. Returns the response that the route returns. */
  protected abstract begin(head: AnswerHead): Response
  /** Returns false when the client is full. */
  protected abstract write(part: Uint8Array): boolean
  /** Ends the answer. The runtime calls `done` once the last byte is with the client's socket. */
  protected abstract finish(): void
  /** Whether a trailer can be added to the answer: not where its length was announced. */
  protected abstract get hasRoom(): boolean
  /** Sends the trailer and ends the answer. Then the client's connection is closed. */
  protected abstract finishWith(trailer: string): void
  /** Breaks the client's connection off. */
  protected abstract break(): void
  protected abstract cutUpstream(): void
  /** The client left: the runtime frees everything. */
  protected drop(): void {}
  /** The call was ended before Ollama's answer. The client may still be sending its body. */
  protected abandonUpload(): void {}
  /** Ollama failed before its answer. The client may still be sending its body. */
  protected discardUpload(): void {}
  /** The forwarding is over, however it ended. */
  protected release(): void {}

  #keep(part: Uint8Array): true {
    if (this.#kept && !this.#over) {
      this.#observer.data(part)
      this.#kept.add(part)
    }
    return true
  }

  #endKept(answer: KeptAnswer): void {
    this.#over = true
    this.#observer.end('done')
    this.#reject(new Failure('upstream_error', { answer }))
    this.release()
  }

  /** The status is sent, so only a trailer and the end can follow. */
  #breakOff(trailer: string | undefined): void {
    if (trailer === undefined || !this.hasRoom) this.break()
    else this.finishWith(trailer)
  }

  #end(ending: Ending, cause?: unknown): void {
    this.#over = true
    this.cutUpstream()
    this.#observer.end(ending, cause)
    this.release()
  }
}

/** Runtimes refuse to write some reason phrases. Such a phrase is omitted: the status is enough. */
function safeReasonPhrase(statusText: string): string {
  return /^[\t\x20-\x7e]*$/.test(statusText) ? statusText : ''
}

/** A flat list of headers as pairs. */
export function headerPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([flat[index] ?? '', flat[index + 1] ?? ''])
  return pairs
}
