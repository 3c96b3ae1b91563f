import type { Outcome } from '../admission/observer.ts'
import type { RefusalCode } from '../admission/refusal.ts'

/** All that is told about a call once it is over: the log line, and nothing of its contents. */
export interface FinishedCall {
  readonly requestId: string
  /** Address of the client's socket. */
  readonly client: string
  readonly path: string
  /** Model key in its short form; null when the call took no slot because it names none. */
  readonly model: string | null
  /** A refused call's outcome is `refused`; `reason` then says why. */
  readonly outcome: Outcome | 'refused'
  readonly reason: RefusalCode | null
  /** Code of why Ollama's connection failed (upstream/cause.ts); null when it did not. */
  readonly cause?: string | null
  /** Status the client was given; 0 when it left before one was sent. */
  readonly status: number
  /** Arrival, in milliseconds since 1970. */
  readonly startedAt: number
  readonly waitMs: number
  /**
   * Parts in which a stream went to the client, NDJSON or SSE: Ollama sends a token in each. Null for an answer that
   * is none.
   */
  readonly parts: number | null
  /** From arrival to the first byte of Ollama's answer; null when there was none. */
  readonly firstByteMs: number | null
  /** From arrival to sending it to Ollama; null when it never was. */
  readonly sentMs: number | null
  readonly totalMs: number
  /** Of its time, what went into loading the model; 0 where Ollama does not say. */
  readonly loadMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** The client's trace, as its `traceparent` header names it. */
  readonly traceparent: string | null
}
