import type { Call } from '../admission/contract.ts'
import { LocalPermit } from '../admission/local-permit.ts'
import type { LaneObserver, Outcome } from '../admission/observer.ts'
import type { Refusal } from '../admission/refusal.ts'
import type { Waiting } from '../admission/waiting.ts'
import type { Clock } from '../clock.ts'
import { askedForWhole } from '../ollama/asked-whole.ts'
import { type GatedRequest, readGatedRequest } from '../ollama/gated-request.ts'
import type { ClientRequest } from './contract.ts'
import { Deadlines } from './deadlines.ts'
import { Failure } from './failure.ts'
import type { FinishedCall } from './finished-call.ts'
import { GatedCall } from './gated-call.ts'
import type { LiveCall } from './live-call.ts'
import { PassThrough, type PassThroughParts } from './pass-through.ts'
import type { RequestIds } from './request-id.ts'
import { Uploads } from './uploads.ts'

/** Where slots come from: the lanes of this process, or a gate elsewhere, which never has one at once. */
export interface Admission<L extends LaneObserver = LaneObserver> {
  /** Throws a Refusal when there is neither a slot nor a place in line. */
  acquire(call: Call, now: number): LocalPermit<L> | Ticket
}

/** A call that waits for its slot. It is settled once. */
export interface Ticket {
  /** Calls back once, at once when it is settled already. */
  onSettled(listener: (result: Permit | Refusal) => void): void
  /** The client left: gives the place up. False when it was settled before. */
  cancel(now: number): boolean
}

/** A taken slot. Whoever holds it gives it back once; giving it back again does nothing. */
export interface Permit {
  /** Milliseconds the call stood in line. */
  readonly waitMs: number
  /**
   * `loadMs`: the part of the time that went into loading the model. `served`: Ollama answered the call without an error.
   */
  release(outcome: Outcome, now: number, loadMs?: number, served?: boolean): void
  /** For a slot that its owner can lose: calls back when the call may not go on. */
  onLost?(listener: () => void): void
}

export interface RelayParts<L extends LaneObserver> extends PassThroughParts {
  readonly clock: Clock
  readonly admission: Admission<L>
  /** Shared by all that answer for one proxy. */
  readonly ids: RequestIds
  /**
   * Milliseconds from the arrival of a call to the end of its time in line; to the first byte of its answer while
   * `firstByteTimeoutMs` is undefined.
   */
  readonly requestTimeoutMs: number
  /** Milliseconds from handing a call to Ollama to the first byte of its answer; Infinity = no limit. */
  readonly firstByteTimeoutMs: number | undefined
  /** Milliseconds without a byte once the answer has begun; 0 = no limit. */
  readonly streamIdleTimeoutMs: number
  readonly maxBodyBytes: number
  /** Counts the bodies that are being read. */
  readonly waiting: Waiting
  /** What a client is told when its answer breaks after the first byte; undefined where nothing can be said. */
  readonly lastWords: (answer: BrokenAnswer) => string | undefined
  /** Told of every gated call once it is over. */
  readonly finished: (call: FinishedCall) => void
}

export interface BrokenAnswer {
  readonly why: 'broken' | 'idle' | 'cancelled'
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly path: string
  readonly acceptLanguage: string | undefined
  readonly midLine: boolean
}

/** An answer of ours, which takes headers: flat, name, value, name, value. */
export interface Explained {
  set(key: 'explanation', headers: readonly string[]): void
}

/** The life of a call: read it, wait for a turn, send it on, hold the slot until the answer is over. */
export class Relay<L extends LaneObserver = LaneObserver> {
  readonly #parts: RelayParts<L>
  readonly #deadlines: Deadlines<GatedCall<L>>
  readonly #uploads: Uploads

  constructor(parts: RelayParts<L>) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock)
    this.#uploads = new Uploads(parts.clock)
  }

  /**
   * A gated request. Throws a Refusal or a Failure where there is no answer from Ollama; `answer` is then told what
   * the one from us is to say of the call.
   */
  async gated(exchange: ClientRequest, path: string, answer: Explained): Promise<Response> {
    const { admission, clock } = this.#parts
    const run = new GatedCall(this.#parts, this.#deadlines, exchange, path)
    let call: GatedRequest | undefined
    try {
      call = await readGatedRequest(exchange, path, await run.readBody(), clock, run)
      const now = run.read(call)
      if (call.model !== undefined && call.takesSlot) {
        const wish = { model: call.model.key, deadline: run.deadline, bytes: call.body.length }
        const turn = admission.acquire(wish, now)
        run.start(turn instanceof LocalPermit ? turn : await run.standInLine(turn))
      }
      return await run.forward(call.body)
    } catch (error) {
      const told = run.fail(error)
      answer.set('explanation', run.explain())
      if (call !== undefined && told instanceof Failure && told.code === 'timeout' && told.sent)
        told.askedForWhole = askedForWhole(exchange, path, call.body)
      throw told
    }
  }

  /** The calls that are not over, in no order. */
  *live(): Iterable<LiveCall> {
    const now = this.#parts.clock.now()
    for (const run of this.#deadlines.watched) yield run.look(now)
  }

  /** Ends a call for its operator; what it was at, or undefined when there is no such call. */
  cancel(id: string): LiveCall | undefined {
    for (const run of this.#deadlines.watched) {
      if (run.id !== id) continue
      const found = run.look(this.#parts.clock.now())
      run.cancel()
      return found
    }
    return undefined
  }

  /** Anything that is not gated streams through both ways, without a slot. Only an upload that stands still is ended. */
  passThrough(exchange: ClientRequest): Promise<Response> {
    const forwarding = exchange.forward(undefined, new PassThrough(this.#parts, exchange))
    this.#uploads.watch(forwarding)
    return forwarding.answer
  }

  /** Nobody is admitted any more: ends what only waits for a body. Calls that Ollama has go on. */
  close(): void {
    for (const run of this.#deadlines.watched) run.refuseUnread()
    this.#uploads.hurry()
  }
}
