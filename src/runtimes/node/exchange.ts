import type { IncomingMessage, ServerResponse } from 'node:http'
import { Failure } from '../../relay/failure.ts'
import type { Delivery, DeliveryObserver, Exchange } from '../../relay/transport.ts'
import { NodeDelivery } from './delivery.ts'
import type { OpenExchanges } from './open-exchanges.ts'
import type { NodeUpstream } from './upstream.ts'

/** One request on Node, read and answered on its own sockets. */
export class NodeExchange implements Exchange {
  readonly target: string
  readonly clientAddress: string
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #upstream: NodeUpstream
  #gone = false
  #onGone: (() => void) | undefined
  #stopReading: ((reason: Error) => void) | undefined
  #delivery: NodeDelivery | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    upstream: NodeUpstream,
    open: OpenExchanges,
  ) {
    this.target = originForm(incoming.url ?? '/')
    this.clientAddress = incoming.socket.remoteAddress ?? ''
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#upstream = upstream
    const { socket } = incoming
    if (outgoing.destroyed || socket.destroyed) {
      this.#gone = true
      return
    }
    open.enter()
    const closed = (): void => {
      outgoing.off('close', closed)
      socket.off('close', closed)
      open.leave()
      this.#closed()
    }
    outgoing.on('close', closed)
    // A pipelined response has no socket before its turn comes and hears nothing of the end of one.
    if (outgoing.socket === null) socket.on('close', closed)
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

  readBody(maxBytes: number): Promise<Uint8Array> {
    const incoming = this.#incoming
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new Failure('client_gone'))
      if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) {
        return reject(new Failure('body_too_large'))
      }
      this.#expectBody()
      const chunks: Buffer[] = []
      let size = 0
      const stop = (): void => {
        incoming.off('data', take)
        incoming.off('end', finish)
        this.#stopReading = undefined
      }
      const take = (chunk: Buffer): void => {
        size += chunk.length
        if (size > maxBytes) this.#stopReading?.(new Failure('body_too_large'))
        else chunks.push(chunk)
      }
      const finish = (): void => {
        stop()
        const [only] = chunks
        resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size))
      }
      this.#stopReading = (reason) => {
        stop()
        chunks.length = 0
        reject(reason)
      }
      incoming.on('data', take)
      incoming.on('end', finish)
    })
  }

  stopReading(reason: Error): void {
    this.#stopReading?.(reason)
  }

  forward(body: Uint8Array | undefined, observer: DeliveryObserver): Delivery {
    const delivery = new NodeDelivery(this.#outgoing, observer)
    this.#delivery = delivery
    if (this.#gone) delivery.closed()
    else {
      if (body === undefined) this.#expectBody()
      delivery.send(this.#incoming, this.target, body, this.#upstream)
    }
    return delivery
  }

  #closed(): void {
    if (!this.#outgoing.writableFinished) {
      this.#gone = true
      this.#stopReading?.(new Failure('client_gone'))
      this.#onGone?.()
    }
    this.#delivery?.closed()
  }

  /** A client that asked to hear first whether its body is wanted is told once somebody reads it. */
  #expectBody(): void {
    if (this.#incoming.headers.expect?.toLowerCase() === '100-continue') this.#outgoing.writeContinue()
  }
}

/** Path and query, also of a target in absolute form (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target
  const scheme = target.indexOf('://')
  const path = scheme < 0 ? -1 : target.indexOf('/', scheme + 3)
  return path < 0 ? '/' : target.slice(path)
}
