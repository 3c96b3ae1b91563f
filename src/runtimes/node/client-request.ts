import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Upstream } from '../../admission/contract.ts'
import type { Target } from '../../ollama/target.ts'
import type { BegunAnswer } from '../../relay/begun-answer.ts'
import type { Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { BaseClientRequest } from '../base-client-request.ts'
import { AnswerWriter } from './answer-writer.ts'
import { BodyReader } from './body-reader.ts'
import type { Connections } from './connections.ts'
import { NodeForwarding } from './forwarding.ts'
import { discardRest } from './unread-body.ts'
import { NodeUpstream } from './upstream.ts'

/** One request on Node. */
export class NodeClientRequest extends BaseClientRequest {
  declare protected forwarding: NodeForwarding | undefined
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  #reader: BodyReader | undefined
  #begun: AnswerWriter | undefined
  /** The body was asked for, or goes to Ollama as it comes. */
  #bodyTaken = false

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { forwarded }: Target,
    connections: Connections<Socket>,
  ) {
    super(forwarded, incoming.socket.remoteAddress ?? '')
    this.#incoming = incoming
    this.#outgoing = outgoing
    const { socket } = incoming
    if (outgoing.destroyed || socket.destroyed) {
      this.leave()
      return
    }
    const connection = connections.callBegan(socket, incoming, outgoing)
    outgoing.on('close', () => {
      connections.callEnded(connection)
      if (!outgoing.writableFinished) this.leave()
      else if (this.#bodyTaken) this.forwarding?.done()
      // The request was refused before anybody read its body, and the body may have no end.
      else if (!incoming.complete && !socket.destroyed) discardRest(incoming, outgoing)
    })
  }

  get method(): string {
    return this.#incoming.method ?? 'GET'
  }

  header(name: string): string | undefined {
    // Node keeps the first Authorization alone, and a second one must not be hidden from whoever checks the caller.
    if (name === 'authorization') return joined(this.#incoming.rawHeaders, name)
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  readBody(body: IncomingBody): Promise<Uint8Array> {
    this.#bodyTaken = true
    if (this.gone) return Promise.reject(new Failure('client_gone'))
    const declared = Number(this.#incoming.headers['content-length'] ?? 0)
    if (declared > body.maxBytes) {
      // A client that waits for "100 Continue" sends nothing. Its connection is closed after the answer.
      if (this.#waitsForContinue) this.#outgoing.shouldKeepAlive = false
      else discardRest(this.#incoming, this.#outgoing)
      return Promise.reject(new Failure('body_too_large'))
    }
    this.#askForBody()
    this.#reader = new BodyReader(this.#incoming, this.#outgoing, body)
    return this.#reader.whole
  }

  stopReading(reason: Error): void {
    this.#reader?.stop(reason)
  }

  begin(headers: string[]): BegunAnswer {
    this.#begun = new AnswerWriter(this.#outgoing, { status: 200, statusText: 'OK', headers })
    if (this.forwarding) this.forwarding.begun = this.#begun
    return this.#begun
  }

  forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding {
    if (!(upstream instanceof NodeUpstream)) throw new TypeError(`${upstream.name} is no upstream of Node`)
    this.#bodyTaken = true
    const forwarding = new NodeForwarding(this.#outgoing, observer)
    forwarding.begun = this.#begun
    this.forwarding = forwarding
    if (this.gone) forwarding.clientLeft()
    else {
      if (body === undefined) this.#askForBody()
      forwarding.send(this.#incoming, this.target, body, upstream)
    }
    return forwarding
  }

  /** Sends "100 Continue" to a client that waits for it. Called once the body is read, so a refusal comes before it. */
  #askForBody(): void {
    if (this.#waitsForContinue) this.#outgoing.writeContinue()
  }

  get #waitsForContinue(): boolean {
    return this.#incoming.headers.expect?.toLowerCase() === '100-continue'
  }
}

/** All values of a header, joined as HTTP joins them. */
function joined(raw: readonly string[], name: string): string | undefined {
  let all: string | undefined
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const given = raw[index] ?? ''
    if (given.length !== name.length || given.toLowerCase() !== name) continue
    all = all === undefined ? raw[index + 1] : `${all}, ${raw[index + 1]}`
  }
  return all
}
