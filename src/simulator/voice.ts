import type { EngineFigures } from './engine-call.ts'
import type { WireError } from './wire-error.ts'

/** How a finished call is told. */
export interface End {
  /** The whole text of the answer. */
  readonly text: string
  readonly reason: 'stop' | 'length' | 'load' | 'unload'
  /** None where nothing was computed. */
  readonly figures?: EngineFigures | undefined
  /** Token ids of prompt and answer; only /api/generate tells them. */
  readonly context?: readonly number[] | undefined
}

export interface Body {
  readonly type: string
  readonly text: string
}

/** How one route tells one answer. Every string of a list is flushed by itself, so it is one HTTP chunk. */
export interface Voice {
  readonly streamHeaders: Readonly<Record<string, string>>
  piece(text: string): string[]
  close(end: End): string[]
  whole(end: End): Body
  /** The runner died when the stream had begun. */
  broken(): string[]
}

/** How a family of routes tells errors. */
export interface Dialect {
  error(error: WireError): Body
}

/** Milliseconds since 1970 with fractions, as Clock.wallTime. */
export type WallTime = () => number

export const GIN_JSON = 'application/json; charset=utf-8'
export const PLAIN_JSON = 'application/json'
export const EVENT_STREAM = 'text/event-stream'
