import type { Upstream } from '../../src/admission/contract.ts'
import type { BegunAnswer } from '../../src/relay/begun-answer.ts'
import type { ClientRequest, Forwarding, ForwardingObserver, Upload } from '../../src/relay/contract.ts'
import { Failure } from '../../src/relay/failure.ts'
import type { IncomingBody } from '../../src/relay/incoming-body.ts'
import { KeptAnswer } from '../../src/relay/kept-answer.ts'

export interface Request {
  readonly method?: string
  readonly target?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The body; left out, it comes when the test says `sendBody`. */
  readonly body?: string | Uint8Array
  /** How far the body has come when it is passed through; left out, there is none. */
  readonly upload?: Upload
}

/** An client whose client and whose Ollama are played by the test, one step at a time. */
export class ScriptedRequest implements ClientRequest {
  readonly method: string
  readonly target: string
  readonly clientAddress = '192.0.2.7'
  readonly #headers: Readonly<Record<string, string>>
  readonly #upload: Upload | undefined
  #body: Uint8Array | undefined
  #reading:
    | {
        incoming: IncomingBody
        resolve: (body: Uint8Array | Promise<Uint8Array>) => void
        reject: (why: Error) => void
      }
    | undefined
  #onGone: (() => void) | undefined
  #gone = false
  /** The answer that began before Ollama's; undefined until there is one. */
  begun: ScriptedBegunAnswer | undefined
  /** Who hears of the answer. */
  observed: ForwardingObserver | undefined
  /** What was sent to Ollama; undefined until something was. */
  forwarding: ScriptedForwarding | undefined

  constructor({ method = 'POST', target = '/api/chat', headers = {}, body, upload }: Request = {}) {
    this.#upload = upload
    this.method = method
    this.target = target
    this.#headers = headers
    this.#body = body === undefined ? undefined : bytesOf(body)
  }

  get gone(): boolean {
    return this.#gone
  }

  header(name: string): string | undefined {
    return this.#headers[name]
  }

  onGone(listener: () => void): void {
    this.#onGone = listener
    if (this.#gone) listener()
  }

  readBody(incoming: IncomingBody): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new Failure('client_gone'))
      this.#reading = { incoming, resolve, reject }
      if (this.#body !== undefined) this.sendBody(this.#body)
    })
  }

  begin(headers: string[]): BegunAnswer {
    this.begun = new ScriptedBegunAnswer(headers)
    if (this.forwarding) this.forwarding.begun = this.begun
    return this.begun
  }

  stopReading(reason: Error): void {
    this.#reading?.reject(reason)
    this.#reading = undefined
  }

  forward(body: Uint8Array | undefined, _upstream: Upstream, observer: ForwardingObserver): Forwarding {
    this.observed = observer
    this.forwarding = new ScriptedForwarding(body, observer, this.#upload)
    this.forwarding.begun = this.begun
    if (this.#gone) this.forwarding.clientLeft()
    return this.forwarding
  }

  sendBody(body: string | Uint8Array): void {
    const reading = this.#reading
    if (!this.sendPart(body)) return
    reading?.resolve(reading.incoming.whole())
    this.#reading = undefined
  }

  /** A part of the body. False when the reading was stopped for it. */
  sendPart(part: string | Uint8Array): boolean {
    const stop = this.#reading?.incoming.add(bytesOf(part))
    if (stop !== undefined) this.stopReading(stop)
    return stop === undefined
  }

  /** The client closes its socket. */
  leave(): void {
    this.#gone = true
    this.stopReading(new Failure('client_gone'))
    this.#onGone?.()
    this.forwarding?.clientLeft()
  }
}

/** An answer that begins before Ollama's, as its client sees it. */
export class ScriptedBegunAnswer implements BegunAnswer {
  readonly response: Response
  /** All that the client was given. */
  text = ''
  finished = false

  constructor(headers: readonly string[]) {
    this.response = new Response(null, { headers: pairs(headers) })
  }

  sign(text: string): void {
    this.text += text
  }

  finish(text: string): void {
    this.text += text
    this.finished = true
  }
}

/** One request to Ollama and its answer. After its end it does nothing, whatever comes. */
export class ScriptedForwarding implements Forwarding {
  readonly answer: Promise<Response>
  readonly sent: Uint8Array | undefined
  /** All that the client was given. */
  text = ''
  /** How far the client's own body has come. */
  upload: Upload | undefined
  heldBack = false
  /** Whether the connection to Ollama was cut. */
  cut = false
  readonly #observer: ForwardingObserver
  begun: ScriptedBegunAnswer | undefined
  #kept: KeptAnswer | undefined
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: Error) => void = () => {}
  #began = false
  #over = false

  constructor(sent: Uint8Array | undefined, observer: ForwardingObserver, upload?: Upload) {
    this.upload = upload
    this.sent = sent
    this.#observer = observer
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  begin(status = 200, headers: Readonly<Record<string, string>> = {}): this {
    if (this.#over) return this
    try {
      const added = this.#observer.head(status, (name) => headers[name])
      if (added instanceof KeptAnswer) this.#kept = added
      else {
        this.#began = true
        this.#resolve(this.begun?.response ?? new Response(null, { status, headers: pairs(added) }))
      }
    } catch (cause) {
      this.#reject(new Failure('upstream_error', { cause }))
      this.#finish('broken', cause instanceof Error ? cause : undefined)
    }
    return this
  }

  send(text: string): this {
    if (this.#over) return this
    this.#observer.data(bytesOf(text))
    if (this.#kept) this.#kept.add(bytesOf(text))
    else {
      this.text += text
      this.begun?.sign(text)
    }
    return this
  }

  end(): void {
    const answer = this.#kept
    this.#finish('done')
    if (answer) this.#reject(new Failure('upstream_error', { answer }))
  }

  /** Ollama's connection breaks. */
  break(cause?: Error): void {
    if (this.#over) return
    if (this.#began) this.text += this.#observer.errorTrailer() ?? ''
    else this.#reject(new Failure('upstream_error'))
    this.#finish('broken', cause)
  }

  abort(reason: Error, lastWords?: string): void {
    if (this.#over) return
    if (this.#began) this.text += lastWords ?? ''
    else this.#reject(reason)
    this.#finish('aborted')
  }

  clientLeft(): void {
    if (this.#over) return
    this.#reject(new Failure('client_gone'))
    this.#finish('client_gone')
  }

  #finish(ending: 'done' | 'broken' | 'client_gone' | 'aborted', cause?: Error): void {
    if (this.#over) return
    this.#over = true
    this.cut = ending !== 'done'
    this.#observer.end(ending, cause)
  }
}

export function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return list
}
