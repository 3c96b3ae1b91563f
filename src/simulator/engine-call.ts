/** How fast the simulated machine is. Times in milliseconds, rates in tokens a second of a call that has the model to itself. */
export interface EngineLimits {
  /** Slots of a loaded model (OLLAMA_NUM_PARALLEL). A model's own number wins, as embedding models have 1. */
  readonly numParallel: number
  readonly slotsOf?: (model: string) => number | undefined
  /** Calls that may wait for a load, all models together (OLLAMA_MAX_QUEUE). Nothing bounds the line of a loaded model. */
  readonly maxQueue: number
  /** Models in memory at once (OLLAMA_MAX_LOADED_MODELS). */
  readonly maxLoaded: number
  readonly loadMs: number
  /** How long an idle model stays; Infinity is for ever, 0 is not at all (OLLAMA_KEEP_ALIVE). */
  readonly keepAliveMs: number
  readonly promptTokensPerSecond: number
  readonly outputTokensPerSecond: number
  /** Every further computing slot adds this share of one call's time: speed = rate / (1 + slowdown * (computing - 1)). */
  readonly slowdown: number
}

/** One piece of work for the engine. Callbacks run after the engine's state is settled, never inside submit(). */
export interface EngineCall {
  readonly model: string
  readonly promptTokens: number
  readonly outputTokens: number
  /** Wants the model in memory and nothing else: takes no slot. */
  readonly loadOnly?: boolean
  /** Replaces the runner's keep-alive, for later calls too, as Ollama does. */
  readonly keepAliveMs?: number | undefined
  /** Stretches this call's own work by a factor; 1 when absent. */
  readonly stretch?: number
  /** Told token by token, from 0; without it the call costs one timer in all. */
  readonly onToken?: (index: number) => void
  /** The call ended well. Not called for one that was cancelled or failed. */
  readonly onDone?: (figures: EngineFigures) => void
}

/** Times of a finished call in milliseconds. total = load + wait + prompt + output, but for pauses. */
export interface EngineFigures {
  readonly promptTokens: number
  readonly outputTokens: number
  /** From submit to the answer's end. */
  readonly totalMs: number
  /** From submit until the model was in memory for it. */
  readonly loadMs: number
  /** In the model's own line, waiting for a slot. */
  readonly waitMs: number
  readonly promptMs: number
  readonly outputMs: number
}

/** The caller's end of a call. Everything is harmless once the call is over. */
export interface EngineHandle {
  /** Its client left: gives up its place or slot at once and counts as aborted. */
  cancel(): void
  /** It broke on our side: as cancel(), but counts as failed. */
  fail(): void
  /** Nobody reads: the call stops computing and keeps its slot. */
  pause(): void
  resume(): void
}
