import type { CallReport, Ticket } from '../admission/contract.ts'
import { classByHeaders, classByTier, classInForce } from '../callers/call-class.ts'
import type { CallClass } from '../callers/caller.ts'
import type { Figures } from '../ollama/answer-figures.ts'
import type { GatedRequest } from '../ollama/gated-request.ts'
import { loadOptions } from '../ollama/load-options.ts'
import { dialectOf } from '../ollama/routes.ts'
import { isStream, newRequestId } from './call-headers.ts'
import { reportOf } from './call-report.ts'
import type {
  CallOutcome,
  CallReason,
  ClientRequest,
  FinishedCall,
  RelayOptions,
  Requester,
} from './contract.ts'
import type { LiveCall } from './live-call.ts'
import type { RunningCall } from './running-call.ts'

type AskedOfCall = Pick<
  GatedRequest,
  'model' | 'options' | 'serviceTier' | 'streams' | 'tools' | 'decodedBytes'
>

/** The part of a call's state that the call itself keeps. */
interface CallState {
  /** Clock milliseconds. */
  readonly now: number
  /** Milliseconds in line, so far or in all. */
  readonly waitMs: number
  /** Bytes of the body that have come. */
  readonly bytesIn: number
}

/** How a call ended. */
export interface CallEnd extends CallState {
  readonly outcome: CallOutcome
  readonly reason: CallReason | null
  readonly status: number
  /** `now` in milliseconds since 1970. */
  readonly wallTime: number
  readonly figures: Figures | undefined
}

/** The status of an answer that begins before Ollama's. */
const BEGUN = 200

/** The history of one call, for the live queue and for the log. All times are clock milliseconds. */
export class CallRecord {
  readonly path: string
  readonly arrivedAt: number
  #model: string | undefined
  #options: string | undefined
  /** The class that the call asks for. Undefined: the call asks for none. */
  #asked: CallClass | undefined
  /** When the call was sent to Ollama; -Infinity before. */
  sentAt = Number.NEGATIVE_INFINITY
  /** Status of Ollama's answer; 0 before the answer has begun. */
  status = 0
  /** The call asks for its answer piece by piece. False until the request is read. */
  wantsStream = false
  /** Ollama's answer comes piece by piece. */
  streamed = false
  /** As of FinishedCall. */
  cause: string | null = null
  /** Clock milliseconds of the first sign of life. */
  signsFrom: number | undefined
  readonly request: ClientRequest
  readonly requester: Requester
  #id: string | undefined
  #slots = 0
  #grantedAt = 0
  #firstByteMs: number | null = null
  #wantsTools = false
  #promptBytes = 0
  #bytesOut = 0
  #chunks = 0

  constructor(
    request: ClientRequest,
    requester: Requester,
    { classFrom, ids }: Pick<RelayOptions, 'classFrom' | 'ids'>,
    path: string,
    arrivedAt: number,
  ) {
    this.request = request
    this.requester = requester
    this.#id = ids.claim(request.header('x-request-id'))
    this.#asked = classByHeaders(request, classFrom())
    this.path = path
    this.arrivedAt = arrivedAt
  }

  /** The id for the client, the log and operators. Made when it is first asked for. */
  get id(): string {
    this.#id ??= newRequestId()
    return this.#id
  }

  /** Model key; undefined until the request is read, or when it names no model. */
  get model(): string | undefined {
    return this.#model
  }

  /** The class in force. Until the request is read, only its headers count. */
  get class(): CallClass {
    return classInForce(this.#asked, this.requester.caller.key)
  }

  /** The request is read. */
  asks({ model, options, serviceTier, streams, tools, decodedBytes }: AskedOfCall): void {
    this.#model = model?.key
    this.wantsStream = streams
    this.#wantsTools = tools
    this.#promptBytes = decodedBytes
    this.#options = options
    this.#asked ??= classByTier(serviceTier)
  }

  /** The route is Ollama's own, and no route of OpenAI or Anthropic. */
  get native(): boolean {
    return dialectOf(this.path) === 'ollama'
  }

  /** Ollama has the call, or had it. */
  get sent(): boolean {
    return this.sentAt >= 0
  }

  /** The client has signs of life, and nothing of Ollama's body. */
  get onlySigns(): boolean {
    return this.signsFrom !== undefined && this.#bytesOut === 0
  }

  /** The call has got its slots. */
  granted(slots: number, now: number): void {
    this.#slots = slots
    this.#grantedAt = now
  }

  head(status: number, contentType: string | undefined, now: number): void {
    this.status = status
    this.streamed = isStream(this.path, contentType)
    this.#firstByteMs = now - this.arrivedAt
  }

  data(bytes: number): void {
    this.#bytesOut += bytes
    this.#chunks++
  }

  /** The call as it is now. */
  live({ now, waitMs, bytesIn }: CallState, isRead: boolean, ticket: Ticket | undefined): LiveCall {
    const { caller, user } = this.requester
    return {
      id: this.id,
      client: this.request.clientAddress,
      caller: caller.id,
      user,
      class: this.class,
      path: this.path,
      model: this.#model,
      state: this.sent ? 'running' : isRead ? 'waiting' : 'reading',
      ticket,
      waitedMs: waitMs,
      runningMs: this.sent ? now - this.sentAt : undefined,
      slots: this.#slots,
      slotMs: this.#slots * (now - this.#grantedAt),
      bytesIn,
      bytesOut: this.#bytesOut,
      chunks: this.streamed ? this.#chunks : 0,
    }
  }

  /** The call as Ollama has it. `heldBack`: as of its forwarding. */
  running(heldBack: boolean): RunningCall {
    return {
      id: this.id,
      model: this.#model,
      sentAt: this.sentAt,
      promptBytes: this.#promptBytes,
      bytesOut: this.#bytesOut,
      begun: this.#firstByteMs !== null,
      wantsStream: this.wantsStream,
      wantsTools: this.#wantsTools,
      heldBack,
      options: this.#options,
    }
  }

  /** What the answer tells admission. `now`: clock milliseconds of the end of the answer. */
  report(figures: Figures, outcome: CallOutcome, now: number): CallReport {
    const served = outcome === 'done' && this.status < 400
    const firstByteMs = (this.#firstByteMs ?? 0) + this.arrivedAt - this.sentAt
    const times = { firstByteMs, tookMs: now - this.sentAt, streamed: this.streamed }
    return reportOf(figures, times, served, this.status)
  }

  /** The call once it is over. */
  finished(end: CallEnd): FinishedCall {
    const totalMs = end.now - this.arrivedAt
    const { caller, user } = this.requester
    const numCtx = this.#options === undefined ? undefined : loadOptions(this.#options).num_ctx
    return {
      requestId: this.id,
      client: this.request.clientAddress,
      caller: caller.id,
      key: caller.key?.name ?? null,
      user: user ?? null,
      class: this.class,
      path: this.path,
      model: this.#model ?? null,
      outcome: end.outcome,
      reason: end.reason,
      cause: this.cause,
      status: this.signsFrom === undefined || end.status === 0 ? end.status : BEGUN,
      signsMs: this.signsFrom === undefined ? null : this.signsFrom - this.arrivedAt,
      // Zero: nobody is there whom a status could reach.
      lateStatus: this.signsFrom === undefined || [0, BEGUN].includes(end.status) ? null : end.status,
      startedAt: end.wallTime - totalMs,
      waitMs: end.waitMs,
      parts: this.streamed ? this.#chunks : null,
      firstByteMs: this.#firstByteMs,
      sentMs: this.sent ? this.sentAt - this.arrivedAt : null,
      totalMs,
      slots: this.#slots,
      slotMs: this.#slots * (end.now - this.#grantedAt),
      loadMs: end.figures?.loadMs ?? 0,
      bytesIn: end.bytesIn,
      bytesOut: this.#bytesOut,
      tokensIn: end.figures?.tokensIn ?? null,
      tokensOut: end.figures?.tokensOut ?? null,
      promptMs: end.figures?.promptMs ?? null,
      evalMs: end.figures?.evalMs ?? null,
      options: this.#options,
      numCtx: typeof numCtx === 'number' ? numCtx : null,
      traceparent: traceOf(this.request),
    }
  }
}

/** Characters. The header has 55 today. Records are kept for a while, and a client could send a very long one. */
const LONGEST_TRACE = 256

function traceOf(request: ClientRequest): string | null {
  const trace = request.header('traceparent')
  return trace === undefined || trace.length > LONGEST_TRACE ? null : trace
}
