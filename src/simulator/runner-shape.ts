import { type EngineCall, runnerRequest } from './engine-call.ts'
import { asLoaded, type RunnerOptions } from './load-options.ts'

/** How a runner is started for a call. */
export interface RunnerShape {
  readonly slots: number
  /** Undefined: the runner serves calls with any options. */
  readonly options: RunnerOptions | undefined
  /** Bytes of the weights, and of the context of all slots. 0 when the call does not say which model runs. */
  readonly bytes: number
  /** The runner computes on the graphics cards, so that its bytes should be there. */
  readonly onGraphics: boolean
}

/** The runner that Ollama would start for the call, with OLLAMA_NUM_PARALLEL = `numParallel`. */
export function shapeFor(call: EngineCall, numParallel: number): RunnerShape {
  const request = runnerRequest(call)
  const slots = request?.singleSlot ? 1 : Math.max(1, numParallel)
  if (!request) return { slots, options: undefined, bytes: 0, onGraphics: true }
  const { source } = request
  const options = asLoaded(request.options, source.trainedContext, slots)
  const bytes = source.size + source.bytesPerToken * options.numCtx * slots
  return { slots, options, bytes, onGraphics: options.numGpu !== 0 }
}
