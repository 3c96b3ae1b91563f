import type { EngineFigures } from './engine-call.ts'
import type { WireError } from './wire-error.ts'

/** What a format writes at the end of an answer. */
export interface AnswerEnd {
  /** The whole text of the answer. */
  readonly text: string
  readonly reason: 'stop' | 'length' | 'load' | 'unload'
  /** Undefined when the call computed nothing. */
  readonly figures?: EngineFigures | undefined
  /** Token ids of prompt and answer; only /api/generate sends them. */
  readonly context?: readonly number[] | undefined
}

export interface TypedBody {
  readonly type: string
  readonly text: string
}

/** How a route writes one answer. Each string of a returned list is sent as one HTTP chunk. */
export interface AnswerFormat {
  readonly streamHeaders: Readonly<Record<string, string>>
  /** A piece of the text in a stream. */
  piece(text: string): string[]
  /** The end of a stream. */
  end(end: AnswerEnd): string[]
  /** The answer in one body, for a call that does not stream. */
  whole(end: AnswerEnd): TypedBody
  /** The end of a stream whose runner died. */
  failed(): string[]
}

/** How a family of routes writes an error. */
export type ErrorFormat = (error: WireError) => TypedBody

/** Milliseconds since 1970, with fractions, as Clock.wallTime. */
export type WallTime = () => number

export const GIN_JSON = 'application/json; charset=utf-8'
export const PLAIN_JSON = 'application/json'
export const EVENT_STREAM = 'text/event-stream'
