import type { FinishedCall } from '../relay/contract.ts'
import type { RunningCall } from '../relay/running-call.ts'

/** A call that Ollama has, as it is now. */
export interface WatchedCall extends RunningCall {
  /** The runner's id, as LaneView has it. */
  readonly runner: string
  readonly model: string
}

/** A call that is over. */
export type OverCall = Pick<
  FinishedCall,
  | (
      | 'requestId'
      | 'model'
      | 'path'
      | 'outcome'
      | 'cause'
      | 'status'
      | 'lateStatus'
      | 'sentMs'
      | 'firstByteMs'
    )
  | ('totalMs' | 'parts' | 'tokensOut' | 'loadMs' | 'promptMs' | 'evalMs' | 'bytesIn' | 'options' | 'slots')
>

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
