import { Refusal } from '../../admission/refusal.ts'
import type { Target } from '../../ollama/target.ts'
import type { ClientRequest, Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { FetchForwarding, type FetchUpstream } from './forwarding.ts'
import { readStream } from './read-stream.ts'

export type { FetchUpstream } from './forwarding.ts'

export interface FetchClient {
  readonly target: Target
  /** Its signal tells of the client's departure. */
  readonly request: Request
  readonly address: string
}

/** One request on a runtime that speaks Request and Response, answered through its own fetch. */
export class FetchClientRequest implements ClientRequest {
  readonly target: string
  readonly clientAddress: string
  readonly #request: Request
  readonly #upstream: FetchUpstream
  #gone = false
  #onGone: (() => void) | undefined
  #stopReading: ((reason: Error) => void) | undefined
  #forwarding: FetchForwarding | undefined

  constructor({ request, address, target }: FetchClient, upstream: FetchUpstream) {
    this.target = target.forwarded
    this.clientAddress = address
    this.#request = request
    this.#upstream = upstream
    if (request.signal.aborted) this.#gone = true
    else request.signal.addEventListener('abort', () => this.#left(), { once: true })
  }

  get method(): string {
    return this.#request.method
  }

  get gone(): boolean {
    return this.#gone
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined
  }

  onGone(listener: () => void): void {
    this.#onGone = listener
    if (this.#gone) listener()
  }

  async readBody(incoming: IncomingBody): Promise<Uint8Array> {
    if (this.#gone) throw new Failure('client_gone')
    if (Number(this.header('content-length') ?? 0) > incoming.maxBytes) throw new Failure('body_too_large')
    const { body } = this.#request
    if (body === null) return new Uint8Array()
    const reader = body.getReader()
    const stopped = new Promise<never>((_, reject) => {
      this.#stopReading = reject
    })
    try {
      return await Promise.race([broken(readStream(reader, incoming)), stopped])
    } catch (error) {
      reader.cancel().catch(() => {})
      throw error
    } finally {
      this.#stopReading = undefined
    }
  }

  stopReading(reason: Error): void {
    this.#stopReading?.(reason)
  }

  forward(body: Uint8Array | undefined, observer: ForwardingObserver): Forwarding {
    const forwarding = new FetchForwarding(observer)
    this.#forwarding = forwarding
    if (this.#gone) forwarding.left()
    else forwarding.send(this.#request, this.target, body, this.#upstream)
    return forwarding
  }

  #left(): void {
    // Some runtimes abort the signal of a request that was answered, when its connection closes.
    if (this.#forwarding?.over) return
    this.#gone = true
    this.#stopReading?.(new Failure('client_gone'))
    this.#onGone?.()
    this.#forwarding?.left()
  }
}

/** A body breaks for one reason: whoever sent it is gone. */
async function broken(reading: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await reading
  } catch (error) {
    throw error instanceof Failure || error instanceof Refusal
      ? error
      : new Failure('client_gone', { cause: error })
  }
}
