/** A gated call that is not over yet, as it is now. Times in milliseconds. */
export interface LiveCall {
  readonly id: string
  /** Address of the client's socket. */
  readonly client: string
  readonly path: string
  /** Model key; undefined while the call is read, or when it names none. */
  readonly model: string | undefined
  /** `reading`: its body is on the way. `waiting`: in line. `running`: it was sent to Ollama. */
  readonly state: 'reading' | 'waiting' | 'running'
  /** What it stands in line with, to be found there; undefined when it does not. */
  readonly place: object | undefined
  /** Time in line so far, or in all. */
  readonly waitedMs: number
  /** Since it was sent to Ollama; undefined before. */
  readonly runningMs: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** Parts of a stream so far; Ollama sends a token in each. */
  readonly chunks: number
}
