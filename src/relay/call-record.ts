import type { Outcome } from '../admission/observer.ts'
import type { RefusalCode } from '../admission/refusal.ts'
import type { Figures } from '../ollama/answer-figures.ts'
import { isStream } from './call-headers.ts'
import type { ClientRequest } from './contract.ts'
import type { FinishedCall } from './finished-call.ts'
import type { LiveCall } from './live-call.ts'

/** What only the call itself knows of its state. */
interface CallState {
  readonly id: string
  readonly model: string | undefined
  /** Milliseconds in line, so far or in all. */
  readonly waitMs: number
  /** Bytes of its body that have come. */
  readonly bytesIn: number
}

/** How a call came to its end. */
interface CallEnd {
  readonly outcome: Outcome | 'refused'
  readonly reason: RefusalCode | null
  /** Status the client was given; 0 when it left before one was sent. */
  readonly status: number
  /** Clock milliseconds. */
  readonly now: number
  /** The same moment in milliseconds since 1970. */
  readonly wallTime: number
  readonly figures: Figures | undefined
}

/** What happened to one call so far, for the live queue and for the log. All times are clock milliseconds. */
export class CallRecord {
  readonly path: string
  readonly arrivedAt: number
  /** When the call was sent to Ollama; -Infinity before. */
  sentAt = Number.NEGATIVE_INFINITY
  /** Status of Ollama's answer; 0 before it has begun. */
  status = 0
  /** Ollama's answer comes piece by piece. */
  streamed = false
  /** Code of why Ollama's connection failed. */
  cause: string | null = null
  readonly #request: ClientRequest
  #firstByteMs: number | null = null
  #bytesOut = 0
  #chunks = 0

  constructor(request: ClientRequest, path: string, arrivedAt: number) {
    this.#request = request
    this.path = path
    this.arrivedAt = arrivedAt
  }

  /** Ollama has the call, or had it. */
  get sent(): boolean {
    return this.sentAt >= 0
  }

  began(status: number, contentType: string | undefined, now: number): void {
    this.status = status
    this.streamed = isStream(this.path, contentType)
    this.#firstByteMs = now - this.arrivedAt
  }

  chunk(bytes: number): void {
    this.#bytesOut += bytes
    this.#chunks++
  }

  /** The call as it is now. */
  live(
    { id, model, waitMs, bytesIn }: CallState,
    isRead: boolean,
    place: object | undefined,
    now: number,
  ): LiveCall {
    return {
      id,
      client: this.#request.clientAddress,
      path: this.path,
      model,
      state: this.sent ? 'running' : isRead ? 'waiting' : 'reading',
      place,
      waitedMs: waitMs,
      runningMs: this.sent ? now - this.sentAt : undefined,
      bytesIn,
      bytesOut: this.#bytesOut,
      chunks: this.streamed ? this.#chunks : 0,
    }
  }

  /** The call once it is over. */
  finished({ id, model, waitMs, bytesIn }: CallState, end: CallEnd): FinishedCall {
    const totalMs = end.now - this.arrivedAt
    return {
      requestId: id,
      client: this.#request.clientAddress,
      path: this.path,
      model: model ?? null,
      outcome: end.outcome,
      reason: end.reason,
      cause: this.cause,
      status: end.status,
      startedAt: end.wallTime - totalMs,
      waitMs,
      parts: this.streamed ? this.#chunks : null,
      firstByteMs: this.#firstByteMs,
      sentMs: this.sent ? this.sentAt - this.arrivedAt : null,
      totalMs,
      loadMs: end.figures?.loadMs ?? 0,
      bytesIn,
      bytesOut: this.#bytesOut,
      tokensIn: end.figures?.tokensIn ?? null,
      tokensOut: end.figures?.tokensOut ?? null,
      traceparent: this.#request.header('traceparent') ?? null,
    }
  }
}
