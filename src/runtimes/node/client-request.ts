import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Target } from '../../ollama/target.ts'
import type { ClientRequest, Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { BodyReader } from './body-reader.ts'
import type { Connections } from './connections.ts'
import { NodeForwarding } from './forwarding.ts'
import { discardRest } from './unread-body.ts'
import type { NodeUpstream } from './upstream.ts'

/** One request on Node, read and answered on its own sockets. */
export class NodeClientRequest implements ClientRequest {
  readonly target: string
  readonly clientAddress: string
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #upstream: NodeUpstream
  #gone = false
  #onGone: (() => void) | undefined
  #reader: BodyReader | undefined
  #forwarding: NodeForwarding | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { forwarded }: Target,
    upstream: NodeUpstream,
    connections: Connections<Socket>,
  ) {
    this.target = forwarded
    this.clientAddress = incoming.socket.remoteAddress ?? ''
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#upstream = upstream
    const { socket } = incoming
    if (outgoing.destroyed || socket.destroyed) {
      this.#gone = true
      return
    }
    const connection = connections.callBegan(socket, incoming, outgoing)
    outgoing.on('close', () => {
      connections.callEnded(connection)
      this.#closed()
    })
  }

  get method(): string {
    return this.#incoming.method ?? 'GET'
  }

  get gone(): boolean {
    return this.#gone
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  onGone(listener: () => void): void {
    this.#onGone = listener
    if (this.#gone) listener()
  }

  readBody(body: IncomingBody): Promise<Uint8Array> {
    if (this.#gone) return Promise.reject(new Failure('client_gone'))
    const declared = Number(this.#incoming.headers['content-length'] ?? 0)
    if (declared > body.maxBytes) {
      // A client that waits for the go-ahead sends nothing: its connection is closed behind the answer.
      if (this.#waitsForGoAhead) this.#outgoing.shouldKeepAlive = false
      else discardRest(this.#incoming, this.#outgoing)
      return Promise.reject(new Failure('body_too_large'))
    }
    this.#expectBody()
    this.#reader = new BodyReader(this.#incoming, this.#outgoing, body)
    return this.#reader.whole
  }

  stopReading(reason: Error): void {
    this.#reader?.stop(reason)
  }

  forward(body: Uint8Array | undefined, observer: ForwardingObserver): Forwarding {
    const forwarding = new NodeForwarding(this.#outgoing, observer)
    this.#forwarding = forwarding
    if (this.#gone) forwarding.closed()
    else {
      if (body === undefined) this.#expectBody()
      forwarding.send(this.#incoming, this.target, body, this.#upstream)
    }
    return forwarding
  }

  #closed(): void {
    if (!this.#outgoing.writableFinished) {
      this.#gone = true
      this.#reader?.stop(new Failure('client_gone'))
      this.#onGone?.()
    }
    this.#forwarding?.closed()
  }

  /** A client that asked to hear first whether its body is wanted is told once somebody reads it. */
  #expectBody(): void {
    if (this.#waitsForGoAhead) this.#outgoing.writeContinue()
  }

  get #waitsForGoAhead(): boolean {
    return this.#incoming.headers.expect?.toLowerCase() === '100-continue'
  }
}
