import type { Upstream } from '../../admission/contract.ts'
import { Refusal } from '../../admission/refusal.ts'
import type { Target } from '../../ollama/target.ts'
import type { BegunAnswer } from '../../relay/begun-answer.ts'
import type { Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { BaseClientRequest } from '../base-client-request.ts'
import { FetchBegunAnswer } from './begun-answer.ts'
import { FetchForwarding } from './forwarding.ts'
import { readStream } from './read-stream.ts'
import { FetchUpstream } from './upstream.ts'

export interface FetchClient {
  readonly target: Target
  /** The signal of the request is aborted when the client leaves. */
  readonly request: Request
  readonly address: string
}

/** One request on a runtime that speaks Request and Response, answered through the runtime's own fetch. */
export class FetchClientRequest extends BaseClientRequest {
  declare protected forwarding: FetchForwarding | undefined
  readonly #request: Request
  #stopReading: ((reason: Error) => void) | undefined
  #begun: FetchBegunAnswer | undefined

  constructor({ request, address, target }: FetchClient) {
    super(target.forwarded, address)
    this.#request = request
    if (request.signal.aborted) this.leave()
    else request.signal.addEventListener('abort', () => this.leave(), { once: true })
  }

  get method(): string {
    return this.#request.method
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined
  }

  async readBody(incoming: IncomingBody): Promise<Uint8Array> {
    if (this.gone) throw new Failure('client_gone')
    if (Number(this.header('content-length') ?? 0) > incoming.maxBytes) throw new Failure('body_too_large')
    const { body } = this.#request
    if (body === null) return new Uint8Array()
    const reader = body.getReader()
    const stopped = new Promise<never>((_, reject) => {
      this.#stopReading = reject
    })
    try {
      return await Promise.race([readStream(reader, incoming).catch(throwReadingError), stopped])
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

  begin(headers: string[]): BegunAnswer {
    this.#begun = new FetchBegunAnswer(headers, () => this.leave())
    if (this.forwarding) this.forwarding.begun = this.#begun
    return this.#begun
  }

  forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding {
    if (!(upstream instanceof FetchUpstream)) throw new TypeError(`${upstream.name} is no upstream of fetch`)
    const forwarding = new FetchForwarding(observer)
    forwarding.begun = this.#begun
    this.forwarding = forwarding
    if (this.gone) forwarding.clientLeft()
    else forwarding.send(this.#request, this.target, body, upstream)
    return forwarding
  }

  protected override leave(): void {
    // Some runtimes also abort the signal of an answered request, when its connection closes.
    if (!this.forwarding?.over) super.leave()
  }
}

/** The error of a body that could not be read. A body that breaks has one cause: the client left. */
export function readingError(error: unknown): Failure | Refusal {
  if (error instanceof Failure || error instanceof Refusal) return error
  return new Failure('client_gone', { cause: error })
}

function throwReadingError(error: unknown): never {
  throw readingError(error)
}
