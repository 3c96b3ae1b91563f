import { isPermit } from '../admission/contract.ts'
import { Refusal } from '../admission/refusal.ts'
import { readGatedRequest } from '../ollama/gated-request.ts'
import { readAskedModels } from './asked-model.ts'
import { BodiesBeingRead } from './bodies-being-read.ts'
import { CallRecord } from './call-record.ts'
import type { ClientRequest, RelayOptions, Requester } from './contract.ts'
import { Deadlines } from './deadlines.ts'
import { GatedCall } from './gated-call.ts'
import type { LiveCall } from './live-call.ts'
import { PassThrough, Uploads } from './pass-through.ts'
import type { RunningCall } from './running-call.ts'
import type { SignsOfLife } from './signs-of-life.ts'

/** Signs of life in one turn of the event loop, so that thousands of calls that wait hold no other call up. */
const MOST_SIGNS = 100

/** Forwards requests to Ollama: gated calls with a slot, and all others straight through. */
export class Relay {
  readonly #options: RelayOptions
  readonly #deadlines: Deadlines<GatedCall>
  readonly #signs: Deadlines<SignsOfLife>
  readonly #uploads: Uploads
  readonly #reading = new BodiesBeingRead()

  /**
   * `passes`: called again and again while there are calls, at least every 250 ms. `now`: clock milliseconds. Must not
   * throw.
   */
  constructor(options: RelayOptions, passes?: (now: number) => void) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, undefined, passes)
    this.#signs = new Deadlines(options.clock, MOST_SIGNS)
    this.#uploads = new Uploads(options.clock)
  }

  /**
   * The life of a gated call: read the request, wait for a slot, send the request on, hold the slot until the answer is
   * over. Rejects with a Refusal or a Failure, with the headers for our own answer on it, where Ollama gives no answer. With
   * signs of life the answer may come before the slot.
   */
  gated(request: ClientRequest, path: string, requester: Requester): Promise<Response> {
    const record = new CallRecord(request, requester, this.#options, path, this.#options.clock.now())
    const call = new GatedCall(this.#options, this.#deadlines, record, this.#signs)
    const answer = this.#serve(call)
    return call.signs === undefined ? answer : call.signs.first(answer)
  }

  async #serve(call: GatedCall): Promise<Response> {
    const { admission, clock, queueKeys, refuses } = this.#options
    const { path, request, requester } = call.record
    try {
      call.keyPlace = queueKeys?.enter(call)
      this.#reading.enter(requester.caller)
      const body = await call.readBody().finally(() => this.#reading.leave(requester.caller))
      const read = await readGatedRequest(request, path, body, clock, call)
      const wanted = call.read(read)
      const refusal = refuses(requester, read.model?.key)
      if (refusal) throw refusal
      if (wanted !== undefined) {
        // What the older calls with its queue key hold is there for this one.
        const askedAt = call.keyPlace?.endOlder() ? clock.now() : call.readAt
        const answer = admission.acquire(wanted, askedAt)
        call.start(isPermit(answer) ? answer : await call.wait(answer))
        // While the call stood in line, others of its caller may have used the budget up.
        const late = isPermit(answer) ? undefined : refuses(requester, read.model?.key)
        if (late) throw late
      }
      return await call.forward(read.body)
    } catch (error) {
      throw call.fail(error)
    }
  }

  /** The calls that are not over, in no order. */
  *live(): Iterable<LiveCall> {
    const now = this.#options.clock.now()
    for (const call of this.#deadlines.watched) yield call.snapshot(now)
  }

  /** The calls that Ollama has, in no order. */
  *running(): Iterable<RunningCall> {
    for (const { record, forwarding } of this.#deadlines.watched)
      if (forwarding !== undefined) yield record.running(forwarding.heldBack)
  }

  /** A call that is not over. */
  find(id: string): LiveCall | undefined {
    return this.#callOf(id)?.snapshot(this.#options.clock.now())
  }

  /** Ends a call for an operator. Returns the call as it was, or undefined when there is no such call. */
  cancel(id: string): LiveCall | undefined {
    const call = this.#callOf(id)
    const found = call?.snapshot(this.#options.clock.now())
    call?.cancel('cancelled')
    return found
  }

  #callOf(id: string): GatedCall | undefined {
    for (const call of this.#deadlines.watched) if (call.record.id === id) return call
    return undefined
  }

  /**
   * Reads a request that asks about a model. Returns the answer of Ollama, or throws model_not_allowed. `allows`: by any
   * spelling of a name.
   */
  async passAbout(
    request: ClientRequest,
    requester: Requester,
    allows: (name: string) => boolean,
  ): Promise<Response> {
    const { body, names } = await readAskedModels(request, this.#options)
    if (!names.every(allows)) throw new Refusal('model_not_allowed', {})
    return this.passThrough(request, requester, body)
  }

  /**
   * Streams a request that is not gated through both ways, without a slot. Only an upload that stands still is ended.
   * `body`: of a request whose body is read already.
   */
  passThrough(request: ClientRequest, requester: Requester, body?: Uint8Array): Promise<Response> {
    const { upstream } = this.#options
    const forwarding = request.forward(body, upstream, new PassThrough(this.#options, request, requester))
    this.#uploads.watch(forwarding)
    return forwarding.answer
  }

  /** A shutdown has begun: ends calls whose body is still being read. Calls that Ollama has go on. */
  close(): void {
    this.#options.queueKeys?.close()
    for (const call of this.#deadlines.watched) call.refuseUnread()
    this.#uploads.hurry()
  }
}
