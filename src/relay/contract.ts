import type { Admission, PlaceInLine, Ticket, Upstream } from '../admission/contract.ts'
import type { Outcome } from '../admission/observer.ts'
import type { Refusal, RefusalCode } from '../admission/refusal.ts'
import type { Waiting } from '../admission/waiting.ts'
import type { ClassRule } from '../callers/call-class.ts'
import type { CallClass, Caller } from '../callers/caller.ts'
import type { Clock } from '../clock.ts'
import type { BegunAnswer, LateAnswer, SignSettings } from './begun-answer.ts'
import type { BrokenAnswer } from './broken-answer.ts'
import type { RequestIds } from './call-headers.ts'
import type { Failure, FailureCode } from './failure.ts'
import type { IncomingBody } from './incoming-body.ts'
import type { KeptAnswer } from './kept-answer.ts'
import type { Origins } from './origins.ts'
import type { QueueKeys } from './queue-keys.ts'

/**
 * One request as its runtime gives it to the relay. Implemented in runtimes/node, runtimes/bun and runtimes/fetch, each
 * in client-request.ts.
 */
export interface ClientRequest {
  readonly method: string
  /** Path and query for Ollama, as `Target.forwarded` has them. */
  readonly target: string
  /** Address of the client's socket; empty when the runtime does not tell. */
  readonly clientAddress: string
  /** True once the client has left before its answer was over. */
  readonly gone: boolean
  /** A request header by its lower-case name. Repeated headers are joined as HTTP joins them. */
  header(name: string): string | undefined
  /** Calls back once if the client leaves before its answer is over. A later listener replaces an earlier one. */
  onGone(listener: () => void): void
  /**
   * Reads the whole request body into `body` and returns the body in one piece.
   * Throws the reason for which `body` stops, Failure client_gone when the client left, or the reason given to
   * `stopReading`. After a stop the runtime keeps nothing of the body.
   */
  readBody(body: IncomingBody): Promise<Uint8Array>
  stopReading(reason: Error): void
  /** Begins the answer with status 200. `headers`: flat. Only once, for a request whose body is read. */
  begin(headers: string[]): BegunAnswer
  /**
   * Sends the request to an upstream, and the answer back to the client, byte for byte, chunk for chunk. Each side
   * holds the other back. `body`: the bytes to send; undefined streams the client's own body through. After `begin` the
   * client gets nothing of Ollama's answer but its body.
   */
  forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding
}

/** Whether Ollama does not get a header of a request. `name`: lower case. */
export type Withheld = (name: string) => boolean

/** Who sends a request. */
export interface Requester {
  readonly caller: Caller
  /** A person behind the caller's key. */
  readonly user: string | undefined
  /** Undefined: Ollama gets every header of the request that is no matter of the connection. */
  readonly withheld: Withheld | undefined
}

/** An answer on its way back to the client. Implemented in runtimes/answer-forwarding.ts. */
export interface Forwarding {
  /**
   * The answer that the route returns, once Ollama's status and headers are there.
   * Rejects with a Failure when Ollama gives no answer.
   */
  readonly answer: Promise<Response>
  /**
   * The progress of the client's own body on its way to Ollama. Undefined without such a body, once the body is whole or
   * the forwarding over, and where the platform does not tell.
   */
  readonly upload: Upload | undefined
  /** The answer waits for the client, or Ollama has given all of it: the next part is not Ollama's matter. */
  readonly heldBack: boolean
  /**
   * Cuts the connection to Ollama. Before the first byte `answer` rejects with `reason`. After the first byte the client
   * gets the trailer, if there is one, and its connection is closed.
   */
  abort(reason: Error, trailer?: string): void
}

export interface Upload {
  /** Grows with every byte that comes. */
  readonly bytes: number
  /** Ollama takes no more at the moment, so the client cannot send. */
  readonly heldBack: boolean
}

export type Ending = 'done' | 'broken' | 'client_gone' | 'aborted'

/** Hears the events of an answer. */
export interface ForwardingObserver {
  /** Lower-case names of Ollama's headers that the client does not get, those of one connection among them. */
  readonly dropped: ReadonlySet<string>
  /** The headers of the request that Ollama does not get. Absent: Ollama gets all. */
  readonly withheld?: Withheld | undefined
  /**
   * Ollama's status and headers are there. `header` reads a header by its lower-case name while the answer lasts.
   * Returns headers to add for the client, flat: name, value, name, value. A KeptAnswer: the client gets none of the
   * answer, and the forwarding rejects with it at its end. Throws where the answer cannot go to the client.
   */
  head(status: number, header: (name: string) => string | undefined): readonly string[] | KeptAnswer
  /** A part of the body is there, and goes to the client unless the answer is kept. The bytes must not be changed. */
  data(bytes: Uint8Array): void
  /** Ollama's answer broke after its first byte: the last words to the client before its connection is closed. */
  errorTrailer(): string | undefined
  /** Comes exactly once and last. `cause`: why a broken answer broke, where the runtime knows. */
  end(ending: Ending, cause?: unknown): void
}

/** Wants to know whether Ollama answers. */
interface UpstreamWatch {
  sawAnswer(): void
  /** There was no answer. `sentAt`: clock milliseconds at which the request was sent. */
  sawFailure(error: unknown, sentAt: number): void
}

/** The code of an error that a client can be given in place of Ollama's answer. */
type RelayErrorCode = FailureCode | RefusalCode

export interface PassThroughOptions {
  readonly clock: Clock
  readonly origins: Origins
  /** The Ollama of requests that take no slot. */
  readonly upstream: Upstream
  readonly health: UpstreamWatch
  /** The status that goes with each error, for the log. */
  readonly statuses: Readonly<Record<RelayErrorCode, number>>
  /** Hears of each request whose method is not one that only reads. */
  readonly passed: (request: PassedRequest) => void
}

/** A request that was not gated and may have changed something at Ollama, once it is over. */
export interface PassedRequest {
  /** Address of the client's socket. */
  readonly client: string
  /** Caller.id. */
  readonly caller: string
  readonly method: string
  /** Without the query, which may hold a secret. */
  readonly path: string
  /** Status that the client was given; 0 when the client left before a status was sent. */
  readonly status: number
  readonly ending: Ending
}

export interface RelayOptions extends PassThroughOptions {
  readonly admission: Admission
  /** The calls with a queue key. Undefined where calls of the same caller are elsewhere: queue keys then do nothing. */
  readonly queueKeys: QueueKeys | undefined
  /** Why a caller may not have a call of this model. `model`: key; undefined for a call that names no model. */
  readonly refuses: (requester: Requester, model: string | undefined) => Refusal | undefined
  /** The rules that tell the class of a call by its headers. Read again for every call: a reload can change them. */
  readonly classFrom: () => readonly ClassRule[]
  /** Shared by all relays of one proxy. */
  readonly ids: RequestIds
  /**
   * Milliseconds from the arrival of a call to the end of its time in line, or to the first byte of its answer while
   * `firstByteTimeoutMs` is undefined.
   */
  readonly requestTimeoutMs: number
  /** Milliseconds from sending a call to Ollama to the first byte of its answer; Infinity = no limit. */
  readonly firstByteTimeoutMs: number | undefined
  /** Milliseconds without a byte once the answer has begun; 0 = no limit. */
  readonly streamIdleTimeoutMs: number
  readonly maxBodyBytes: number
  /** Read again for every sign: a reload can change them. */
  readonly signs: () => SignSettings
  /** Where a ticket stands. Undefined where that is not known. */
  readonly placeOf: (ticket: Ticket) => FoundPlace
  /** The error that ends a begun answer, in the form of the answer. */
  readonly lastWords: (error: Refusal | Failure, answer: LateAnswer) => string
  /** Counts the bodies that are being read. */
  readonly waiting: Waiting
  /** The last words of an answer that broke after its first byte; undefined where the format has no room for them. */
  readonly errorTrailer: (answer: BrokenAnswer) => string | undefined
  /** Hears of every gated call once it is over. */
  readonly finished: (call: FinishedCall) => void
}

/** A place in line, at once or after a question to the line. Never rejects. Undefined: not known. */
export type FoundPlace = PlaceInLine | undefined | Promise<PlaceInLine | undefined>

/** The outcome of a call that got no slot is `refused`. */
export type CallOutcome = Outcome | 'refused'

/** Why a call got no slot. `superseded`: a newer call ended it. */
export type CallReason = RefusalCode | 'superseded'

/** A call that is over, as the log and the metrics hear of it: nothing of its contents. */
export interface FinishedCall {
  readonly requestId: string
  /** Address of the client's socket. */
  readonly client: string
  /** Caller.id. */
  readonly caller: string
  /** Name of the caller's key; null for a caller without one. */
  readonly key: string | null
  readonly user: string | null
  readonly class: CallClass
  readonly path: string
  /** Model key in its short form; null for a call that names no model. */
  readonly model: string | null
  /** A refused call's outcome is `refused`, and `reason` says why. */
  readonly outcome: CallOutcome
  readonly reason: CallReason | null
  /** Why Ollama's connection failed (upstream/cause.ts). `superseded_running`: a newer call made the proxy cut it. */
  readonly cause?: string | null
  /** Status that the client was given; 0 when the client left before, or while it had nothing but signs of life. */
  readonly status: number
  /** From arrival to the first sign of life; null for a call that got none. */
  readonly signsMs: number | null
  /** The status that the client would have been given, had its answer not begun before; null where the two are the same. */
  readonly lateStatus: number | null
  /** Arrival, in milliseconds since 1970. */
  readonly startedAt: number
  readonly waitMs: number
  /** Parts in which a stream went to the client. Ollama sends a token in each. Null for an answer that is no stream. */
  readonly parts: number | null
  /** From arrival to the first byte of Ollama's answer; null without an answer. */
  readonly firstByteMs: number | null
  /** From arrival to the moment at which the call was sent to Ollama; null when it never was. */
  readonly sentMs: number | null
  readonly totalMs: number
  /** Slots that the call held; 0 for a call that got none or took none. */
  readonly slots: number
  /** Milliseconds for which the call held slots, times the slots. */
  readonly slotMs: number
  /** The part of `totalMs` that loading the model took; 0 where Ollama does not say. */
  readonly loadMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** Milliseconds for the prompt, and for the tokens of the answer, as Ollama tells on its own routes. */
  readonly promptMs?: number | null
  readonly evalMs?: number | null
  /** The options of a native call as raw JSON, as far as Ollama loads a model again because of them; at most 4 KiB. */
  readonly options?: string | undefined
  /** The context length that the call asks for; null where it leaves that to Ollama. */
  readonly numCtx: number | null
  /** The client's trace, as its `traceparent` header names the trace; null without one, and for one of absurd length. */
  readonly traceparent: string | null
}
