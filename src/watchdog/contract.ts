/** A call that Ollama has, as it is now. */
export interface WatchedCall {
  readonly id: string
  /** The runner's id, as LaneView has it. */
  readonly runner: string
  /** Model key. */
  readonly model: string
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
  /** The options of a native call as raw JSON. */
  readonly options: string | undefined
}

/** A call that is over, with the names of a FinishedCall. Times in milliseconds. */
export interface OverCall {
  readonly requestId: string
  readonly model: string | null
  readonly path: string
  readonly outcome: string
  /** Why Ollama's connection failed; null where the connection did not fail. */
  readonly cause?: string | null
  readonly status: number
  /** From arrival to the sending; null for a call that was never sent. */
  readonly sentMs: number | null
  /** From arrival to the first byte of Ollama's answer; null without an answer. */
  readonly firstByteMs: number | null
  readonly totalMs: number
  /** Parts of a stream; null for an answer that is no stream. */
  readonly parts: number | null
  readonly tokensOut: number | null
  readonly loadMs: number
  readonly promptMs?: number | null
  readonly evalMs?: number | null
  readonly bytesIn: number
  /** The options of a native call as raw JSON. */
  readonly options?: string | undefined
  /** 0 for a call that only loads or unloads its model. */
  readonly slots: number
}

/** Whether a runner is in memory, as the turns know it. unknown: nobody has looked lately. */
export type InMemory = 'loaded' | 'loading' | 'unknown'

/** A runner on whose calls Ollama does not work. Times are clock milliseconds. */
export interface Standstill {
  readonly runner: string
  /** Key of the model of the last call. */
  readonly model: string
  /** Nothing has moved since. */
  readonly since: number
  readonly foundAt: number
  /** Calls that Ollama had when the standstill was found. */
  readonly running: number
}

/**
 * Why a standstill is over. moved: a call that Ollama had has moved. answered: Ollama has answered a probe. restarted:
 * Ollama may be a new process. gone: the runner has no name any more.
 */
export type StandstillEnd = 'moved' | 'answered' | 'restarted' | 'gone'

/** One call of one token, to see whether a runner works again. */
export interface Probe {
  readonly model: string
  /** The options of the last call of the runner as raw JSON. */
  readonly options: string | undefined
}
