import type { GoValue } from './go-decode.ts'
import type { Model, OptionValue } from './model-spec.ts'
import { WireError } from './wire-error.ts'

/** The options with which a runner is started. Ollama: api.Runner, and the option `shift` of a request. */
export interface RunnerOptions {
  /** Tokens of one slot's context. */
  readonly numCtx: number
  /** Neither the model nor the request names the number. */
  readonly numCtxAuto: boolean
  readonly numBatch: number
  readonly numBatchAuto: boolean
  /** Layers on the GPU. Negative: Ollama decides. */
  readonly numGpu: number
  readonly mainGpu: number | undefined
  readonly useMmap: boolean | undefined
  /** 0: the runner decides. */
  readonly numThread: number
  readonly draftNumPredict: number
  /** The context shifts when it is full. */
  readonly shift: boolean
}

/** Options by name. null: the name is there without a value, which is not the same as an absent name. */
export type OptionMap = ReadonlyMap<string, GoValue | OptionValue>

/** Ollama's default on a machine with less than 23 GiB of graphics memory. */
const DEFAULT_CONTEXT = 4096
const SHORTEST_CONTEXT = 4
/** Ollama gives a model that sees images at least this much. */
const VISION_CONTEXT = 2048
const DEFAULT_BATCH = 512
const LARGEST_EMBEDDING_BATCH = 2048

/** The options of a call: those of the request, then those of the model, then Ollama's defaults. Throws WireError. */
export function loadOptionsOf(model: Model, request: OptionMap, shift: boolean | undefined): RunnerOptions {
  const options: OptionMap = new Map([...Object.entries(model.parameters), ...request])
  const integer = (name: string) => integerOption(options, name)
  const named = integer('num_ctx') ?? DEFAULT_CONTEXT
  const shortest = model.capabilities.includes('vision') ? VISION_CONTEXT : SHORTEST_CONTEXT
  const embeds = model.capabilities.includes('embedding') && !options.has('num_batch')
  const embeddingBatch = Math.min(LARGEST_EMBEDDING_BATCH, named > 0 ? named : LARGEST_EMBEDDING_BATCH)
  return {
    numCtx: Math.max(named, shortest),
    numCtxAuto: !options.has('num_ctx'),
    numBatch: embeds ? embeddingBatch : (integer('num_batch') ?? DEFAULT_BATCH),
    numBatchAuto: !options.has('num_batch') && !embeds,
    numGpu: integer('num_gpu') ?? -1,
    mainGpu: integer('main_gpu'),
    useMmap: booleanOption(options, 'use_mmap'),
    numThread: integer('num_thread') ?? 0,
    draftNumPredict: integer('draft_num_predict') ?? 0,
    shift: shift ?? model.family !== 'deepseek2',
  }
}

/** The options of a runner with `slots` slots: no context is longer than the one that was trained. */
export function asLoaded(options: RunnerOptions, trainedContext: number, slots: number): RunnerOptions {
  const numCtx = clipped(options.numCtx, trainedContext)
  const numBatch = options.numBatchAuto ? automaticBatch(numCtx * slots) : options.numBatch
  return { ...options, numCtx, numBatch }
}

/** Ollama: generationBatchForContext in server/sched.go, on a machine that is never short of memory. */
function automaticBatch(contextOfAllSlots: number): number {
  if (contextOfAllSlots > 32_768) return 2048
  return contextOfAllSlots > 4096 ? 1024 : DEFAULT_BATCH
}

/** Ollama: needsReload in server/sched.go. `wanted` are the options of a call for the loaded runner. */
export function needsReload(loaded: RunnerOptions, wanted: RunnerOptions, trainedContext: number): boolean {
  const sameContext =
    (loaded.numCtxAuto && wanted.numCtxAuto) || clipped(wanted.numCtx, trainedContext) === loaded.numCtx
  const sameBatch = (loaded.numBatchAuto && wanted.numBatchAuto) || wanted.numBatch === loaded.numBatch
  // A call that leaves the GPU to Ollama fits every runner.
  const sameGpu = wanted.numGpu < 0 || wanted.numGpu === loaded.numGpu
  return !(
    sameContext &&
    sameBatch &&
    sameGpu &&
    wanted.mainGpu === loaded.mainGpu &&
    wanted.useMmap === loaded.useMmap &&
    wanted.numThread === loaded.numThread &&
    wanted.draftNumPredict === loaded.draftNumPredict &&
    wanted.shift === loaded.shift
  )
}

/** Undefined when absent or null. Throws WireError for another type. */
export function integerOption(options: OptionMap, name: string): number | undefined {
  const value = options.get(name) ?? undefined
  if (value === undefined) return undefined
  if (typeof value === 'number') return Math.trunc(value)
  throw new WireError(500, `option ${JSON.stringify(name)} must be of type integer`, 'handler')
}

function booleanOption(options: OptionMap, name: string): boolean | undefined {
  const value = options.get(name) ?? undefined
  if (value === undefined || typeof value === 'boolean') return value
  throw new WireError(500, `option ${JSON.stringify(name)} must be of type boolean`, 'handler')
}

function clipped(numCtx: number, trainedContext: number): number {
  return Math.min(numCtx, trainedContext)
}
