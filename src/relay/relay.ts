import { isPermit } from '../admission/contract.ts'
import { type GatedRequest, readGatedRequest } from '../ollama/gated-request.ts'
import type { ClientRequest, LiveCall, RelayOptions } from './contract.ts'
import { Deadlines } from './deadlines.ts'
import { GatedCall } from './gated-call.ts'
import { PassThrough, Uploads } from './pass-through.ts'

/** Forwards requests to Ollama: gated calls with a slot, and all others straight through. */
export class Relay {
  readonly #options: RelayOptions
  readonly #deadlines: Deadlines<GatedCall>
  readonly #uploads: Uploads

  constructor(options: RelayOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock)
    this.#uploads = new Uploads(options.clock)
  }

  /**
   * The life of a gated call: read the request, wait for a slot, send the request on, hold the slot until the answer is
   * over. Throws a Refusal or a Failure, with the headers for our own answer on it, where Ollama gives no answer.
   */
  async gated(request: ClientRequest, path: string): Promise<Response> {
    const { admission, clock } = this.#options
    const call = new GatedCall(this.#options, this.#deadlines, request, path)
    let read: GatedRequest | undefined
    try {
      read = await readGatedRequest(request, path, await call.readBody(), clock, call)
      const wanted = call.read(read)
      if (wanted !== undefined) {
        const answer = admission.acquire(wanted, call.readAt)
        call.start(isPermit(answer) ? answer : await call.wait(answer))
      }
      return await call.forward(read.body)
    } catch (error) {
      throw call.fail(error, read?.body)
    }
  }

  /** The calls that are not over, in no order. */
  *live(): Iterable<LiveCall> {
    const now = this.#options.clock.now()
    for (const call of this.#deadlines.watched) yield call.snapshot(now)
  }

  /** Ends a call for an operator. Returns the call as it was, or undefined when there is no such call. */
  cancel(id: string): LiveCall | undefined {
    for (const call of this.#deadlines.watched) {
      if (call.record.id !== id) continue
      const found = call.snapshot(this.#options.clock.now())
      call.cancel()
      return found
    }
    return undefined
  }

  /** Streams a request that is not gated through both ways, without a slot. Only an upload that stands still is ended. */
  passThrough(request: ClientRequest): Promise<Response> {
    const { upstream } = this.#options
    const forwarding = request.forward(undefined, upstream, new PassThrough(this.#options, request))
    this.#uploads.watch(forwarding)
    return forwarding.answer
  }

  /** A shutdown has begun: ends calls whose body is still being read. Calls that Ollama has go on. */
  close(): void {
    for (const call of this.#deadlines.watched) call.refuseUnread()
    this.#uploads.hurry()
  }
}
