import type { Upstream } from '../admission/contract.ts'
import type { BegunAnswer } from '../relay/begun-answer.ts'
import type { ClientRequest, Forwarding, ForwardingObserver } from '../relay/contract.ts'
import { Failure } from '../relay/failure.ts'
import type { IncomingBody } from '../relay/incoming-body.ts'
import type { AnswerForwarding } from './answer-forwarding.ts'

/** The part of a client's request that is the same on every runtime: whether the client is still there. */
export abstract class BaseClientRequest implements ClientRequest {
  readonly target: string
  readonly clientAddress: string
  protected forwarding: AnswerForwarding | undefined
  #gone = false
  #onGone: (() => void) | undefined

  constructor(target: string, clientAddress: string) {
    this.target = target
    this.clientAddress = clientAddress
  }

  get gone(): boolean {
    return this.#gone
  }

  onGone(listener: () => void): void {
    this.#onGone = listener
    if (this.#gone) listener()
  }

  abstract get method(): string
  abstract header(name: string): string | undefined
  abstract readBody(body: IncomingBody): Promise<Uint8Array>
  abstract stopReading(reason: Error): void
  abstract begin(headers: string[]): BegunAnswer
  abstract forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding

  /** The client left before its answer was over. */
  protected leave(): void {
    this.#gone = true
    this.stopReading(new Failure('client_gone'))
    this.#onGone?.()
    this.forwarding?.clientLeft()
  }
}
