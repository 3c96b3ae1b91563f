import type { CallClass } from '../callers/caller.ts'

/** A gated call that is not over yet, as it is now. Times in milliseconds. */
export interface LiveCall {
  readonly id: string
  /** Address of the client's socket. */
  readonly client: string
  readonly caller: string
  readonly user: string | undefined
  readonly class: CallClass
  readonly path: string
  /** Model key; undefined while the call is read, or when it names no model. */
  readonly model: string | undefined
  /** `reading`: the body is on the way. `waiting`: in line. `running`: sent to Ollama. */
  readonly state: 'reading' | 'waiting' | 'running'
  /** The ticket of a call in line. Compared by identity alone, to find the call's position. */
  readonly ticket: object | undefined
  /** Time in line, so far or in all. */
  readonly waitedMs: number
  /** Since the call was sent to Ollama; undefined before. */
  readonly runningMs: number | undefined
  /** As of a finished call, so far. */
  readonly slots: number
  readonly slotMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Parts of a stream so far. Ollama sends a token in each. */
  readonly chunks: number
}
