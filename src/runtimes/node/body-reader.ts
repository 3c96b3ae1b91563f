import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { discardRest } from './unread-body.ts'

/**
 * A request's body on its way into memory; it ends once: whole, or stopped. An object of its own, because with closures
 * kept by the exchange whole calls outlived young collections, which then took six times as long.
 */
export class BodyReader {
  readonly whole: Promise<Uint8Array>
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #body: IncomingBody
  readonly #take = (chunk: Buffer): void => this.#add(chunk)
  readonly #finish = (): void => this.#complete()
  #resolve: (whole: Uint8Array | Promise<Uint8Array>) => void = () => {}
  #reject: (reason: Error) => void = () => {}

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, body: IncomingBody) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#body = body
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    incoming.on('data', this.#take)
    incoming.on('end', this.#finish)
  }

  /** Does nothing once the body is there. The connection is closed behind the answer. */
  stop(reason: Error): void {
    if (!this.#incoming.complete) this.#outgoing.shouldKeepAlive = false
    this.#refuse(reason)
  }

  #add(chunk: Buffer): void {
    const reason = this.#body.add(chunk)
    if (reason === undefined) return
    discardRest(this.#incoming, this.#outgoing)
    this.#refuse(reason)
  }

  #refuse(reason: Error): void {
    this.#release()
    this.#reject(reason)
  }

  #complete(): void {
    this.#release()
    this.#resolve(this.#body.whole())
  }

  #release(): void {
    this.#incoming.off('data', this.#take)
    this.#incoming.off('end', this.#finish)
  }
}
