import type { IncomingMessage } from 'node:http'
import { Failure } from '../../relay/failure.ts'

/**
 * A request's body on its way into memory; it ends once: whole, too large, or stopped. An object of its own, because
 * with closures kept by the exchange whole calls outlived young collections, which then took six times as long.
 */
export class BodyReader {
  readonly body: Promise<Uint8Array>
  readonly #incoming: IncomingMessage
  readonly #maxBytes: number
  readonly #take = (chunk: Buffer): void => this.#add(chunk)
  readonly #finish = (): void => this.#complete()
  #chunks: Buffer[] = []
  #size = 0
  #resolve: (body: Uint8Array) => void = () => {}
  #reject: (reason: Error) => void = () => {}

  constructor(incoming: IncomingMessage, maxBytes: number) {
    this.#incoming = incoming
    this.#maxBytes = maxBytes
    this.body = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    incoming.on('data', this.#take)
    incoming.on('end', this.#finish)
  }

  /** Keeps nothing of what came; does nothing once the body is there. */
  stop(reason: Error): void {
    this.#release()
    this.#chunks = []
    this.#reject(reason)
  }

  #add(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) this.stop(new Failure('body_too_large'))
    else this.#chunks.push(chunk)
  }

  #complete(): void {
    this.#release()
    const [only] = this.#chunks
    const whole = only !== undefined && this.#chunks.length === 1
    this.#resolve(whole ? only : Buffer.concat(this.#chunks, this.#size))
  }

  #release(): void {
    this.#incoming.off('data', this.#take)
    this.#incoming.off('end', this.#finish)
  }
}
