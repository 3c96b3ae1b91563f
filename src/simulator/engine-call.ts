import type { LoadFailure } from './load-faults.ts'
import type { RunnerRequest } from './runner-request.ts'

/** The simulated machine. Times are in milliseconds; rates are tokens a second for a call that runs alone. */
export interface EngineLimits {
  /** Slots of a loaded model (OLLAMA_NUM_PARALLEL). */
  readonly numParallel: number
  /** Calls of all models that may wait for a load (OLLAMA_MAX_QUEUE). The line of a loaded model has no bound. */
  readonly maxQueue: number
  /** Models in memory at the same time (OLLAMA_MAX_LOADED_MODELS). */
  readonly maxLoaded: number
  /** Time to load a model that has no time of its own. */
  readonly loadMs: number
  /** Bytes of the graphics cards. Default: every model fits beside all others. */
  readonly memoryBytes?: number
  /** The memory of a runner that has left is free so much later, as seen on graphics cards. Default: 0. */
  readonly vramReturnMs?: number
  /** How long an idle model stays in memory (OLLAMA_KEEP_ALIVE). Infinity: for ever. 0: it leaves at once. */
  readonly keepAliveMs: number
  readonly promptTokensPerSecond: number
  readonly outputTokensPerSecond: number
  /** Time before a call reaches the semaphore: Ollama fills in the template and counts tokens. Loads have none. Default: 0. */
  readonly overheadMs?: number
  /** How long llama-server computes on for a call whose client has left. Ollama itself frees the slot at once. Default: 0. */
  readonly abortLingerMs?: number
  /** speed = rate / (1 + slowdown * (computing - 1)), where `computing` is the number of slots that compute. */
  readonly slowdown: number
}

/** One call for the engine. Callbacks run when the engine's state is consistent, and never inside submit(). */
export interface EngineCall {
  /** The name under which the call is counted. */
  readonly model: string
  /**
   * Absent: the model's name is the key of its runner, which takes no memory. `cloud`: Ollama's cloud answers, and no
   * runner.
   */
  readonly runner?: RunnerRequest | 'cloud'
  readonly promptTokens: number
  readonly outputTokens: number
  /** Prompt tokens of each input of an embed: each input takes a slot of its own. Their sum is promptTokens. */
  readonly inputs?: readonly number[]
  /** The call only loads the model and takes no slot. */
  readonly loadOnly?: boolean
  /** Replaces the runner's keep-alive, also for later calls, as in Ollama. */
  readonly keepAliveMs?: number | undefined
  /** Factor on the time of this call's own work; 1 when absent. */
  readonly stretch?: number | undefined
  /** Runs for each token, from index 0. Without this callback the whole call needs one timer. */
  readonly onToken?: ((index: number) => void) | undefined
  /** Runs when the call has finished, but not when the call was cancelled or failed. */
  readonly onDone?: (figures: EngineFigures) => void
  /** Runs when the call has failed because its model could not be loaded. */
  readonly onLoadFailed?: (failure: LoadFailure) => void
}

/** The key of the runner that serves the call. Undefined: the cloud serves the call. */
export function runnerKey({ model, runner }: EngineCall): string | undefined {
  return runner === 'cloud' ? undefined : (runner?.key ?? model)
}

/** What the call asks of its runner, if it asks for more than a key. */
export function runnerRequest({ runner }: EngineCall): RunnerRequest | undefined {
  return runner === 'cloud' ? undefined : runner
}

/**
 * Times of a finished call, in milliseconds. total = load + overhead + wait + prompt + output + pauses. As seen on a real
 * Ollama, no figure holds the pauses of a client that does not read the output: they look like a wait inside.
 */
export interface EngineFigures {
  readonly promptTokens: number
  readonly outputTokens: number
  /** From submit() to the end of the answer. */
  readonly totalMs: number
  /** From submit() until the model was in memory. */
  readonly loadMs: number
  /** In the line of the loaded model, and then inside llama-server, waiting for a slot. */
  readonly waitMs: number
  readonly promptMs: number
  readonly outputMs: number
}

/** Controls a submitted call. Every method does nothing once the call is over. */
export interface EngineHandle {
  /** The client left: the call gives up its place in line or its slot at once and counts as aborted. */
  cancel(): void
  /** As cancel(), but the call counts as failed: the runner died. */
  fail(): void
  /** The client does not read: the call stops computing and keeps its slot. */
  pause(): void
  resume(): void
}
