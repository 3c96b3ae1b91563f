import { hasSingleSlot } from './families.ts'
import { loadOptionsOf, type OptionMap, type RunnerOptions } from './load-options.ts'
import type { Model } from './model-spec.ts'

/** The runner that a call needs. */
export interface RunnerRequest {
  /** Calls with equal keys share one runner. */
  readonly key: string
  /** For /api/ps, which shows the model for whose call the runner was loaded. */
  readonly source: Model
  /** The call can use a runner that was loaded with other options only if needsReload() allows it. */
  readonly options: RunnerOptions
  /** The runner runs one call at a time, whatever numParallel is. */
  readonly singleSlot: boolean
}

/** `options` and `shift` are those of the client's request. Throws WireError for an option of a wrong type. */
export function requestRunner(
  model: Model,
  options: OptionMap = new Map(),
  shift?: boolean | undefined,
): RunnerRequest {
  return {
    key: runnerKeyOf(model),
    source: model,
    options: loadOptionsOf(model, options, shift),
    singleSlot: hasSingleSlot(model),
  }
}

/** The key of the runner that serves the model. Ollama: the path of a GGUF blob, else the manifest's digest. */
export function runnerKeyOf(model: Model): string {
  return model.format === 'safetensors' ? `digest:${model.digest}` : model.weights
}
