import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { discardRest } from './unread-body.ts'

/**
 * Reads a request's body into memory. The reading ends once: with the whole body or with a reason. This is a class of
 * its own because closures kept by the client request made whole calls outlive young collections, which then took six
 * times as long.
 */
export class BodyReader {
  readonly whole: Promise<Uint8Array>
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #body: IncomingBody
  readonly #onData = (chunk: Buffer): void => this.#add(chunk)
  readonly #onEnd = (): void => this.#complete()
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
    incoming.on('data', this.#onData)
    incoming.on('end', this.#onEnd)
  }

  /** Stops the reading, unless the body is whole already. The connection is closed after the answer. */
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
    this.#incoming.off('data', this.#onData)
    this.#incoming.off('end', this.#onEnd)
  }
}
