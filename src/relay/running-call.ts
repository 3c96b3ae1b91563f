/** A gated call that Ollama has, as it is now. */
export interface RunningCall {
  readonly id: string
  /** Model key; undefined for a call that names no model. */
  readonly model: string | undefined
  /** Clock milliseconds at which the call was sent to Ollama. */
  readonly sentAt: number
  /** Bytes of the request's body, decoded. */
  readonly promptBytes: number
  /** Bytes of Ollama's answer so far. */
  readonly bytesOut: number
  /** Ollama's status is there. */
  readonly begun: boolean
  /** The call asks for its answer piece by piece. */
  readonly wantsStream: boolean
  /** The model may call tools. */
  readonly wantsTools: boolean
  /** The answer waits for the client, or Ollama has given all of it. */
  readonly heldBack: boolean
  /** The options of a native call as raw JSON, as of a finished call. */
  readonly options: string | undefined
}
