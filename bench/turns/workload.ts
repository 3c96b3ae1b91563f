import type { Caller } from '../../src/callers/caller.ts'
import { seeded } from '../support/admission-random.ts'
import { type Arrival, readTrace, type Server, serviceMs } from '../support/trace.ts'

/** A machine that several models share. */
export interface SharedMachine {
  /** Slots of a loaded model. */
  readonly slots: number
  /** Models in memory at the same time. */
  readonly together: number
  readonly loadMs: number
}

/** Calls of several models for one machine. */
export interface Workload {
  readonly machine: SharedMachine
  /** How many calls arrive. */
  readonly calls: number
  /** Work that arrives over the work that fits, with one model in memory. Infinity: all calls arrive at once. */
  readonly load: number
  /** The share of each model. The sum is 1. */
  readonly mix: readonly number[]
  /** mixed: each call draws its model. runs: an agent stays with its model for some calls. */
  readonly order: 'mixed' | 'runs'
  /** What clients ask of Ollama, beside an answer. */
  readonly asks?: Asks
}

/**
 * unload: half of the calls have keep_alive 0. stay: half of the calls have a keep_alive of five minutes, which takes
 * back an eviction. contexts: half of the calls have another num_ctx, for which Ollama loads the model again.
 */
export type Asks = 'unload' | 'stay' | 'contexts'

/** One call of a workload. */
export interface TurnCall extends Arrival {
  readonly model: string
  /** Default: everybody is one caller. */
  readonly caller?: Caller
  /** Time in a slot, in milliseconds. */
  readonly serviceMs: number
  /** The first byte of the answer comes with the first token, and not at the end. */
  readonly streamed: boolean
  /** Milliseconds. Undefined: the call does not say. */
  readonly keepAliveMs: number | undefined
  /** Undefined: all calls of the workload leave the context to Ollama. */
  readonly numCtx: number | undefined
}

/** One slot. Tokens a second, such that the calls of the trace take 5.9 s on average. */
export const SLOT: Server = { slots: 1, promptRate: 1_000, outputRate: 45 }

/** Calls for one model in a row, on average, where an agent makes them. */
const RUN_CALLS = 8
const FIVE_MINUTES_MS = 300_000
const CONTEXTS = [4096, 8192]
/** Any number that is not small: the generator's first draws for small seeds are all small. */
const SEED_STEP = 104_729

const trace = readTrace()

/** One call of the trace, drawn, that arrives now. */
export function drawnCall(model: string, caller: Caller, atMs: number, random: () => number): TurnCall {
  const drawn = trace[Math.floor(random() * trace.length)]
  if (drawn === undefined) throw new Error('the trace is empty')
  const asks = { streamed: true, keepAliveMs: undefined, numCtx: undefined }
  return { ...drawn, ...asks, model, caller, atMs, serviceMs: serviceMs(drawn, SLOT) }
}

/**
 * A part of the trace as recorded, at another pace, for models that are drawn. The same seed gives the same calls, for
 * every load and every machine.
 */
export function callsOf({ calls, load, mix, order, machine, asks }: Workload, seed: number): TurnCall[] {
  const random = seeded(SEED_STEP * seed)
  const first = Math.floor(random() * (trace.length - calls))
  const part = trace.slice(first, first + calls)
  const models = modelsOf(calls, mix, order, random)
  const workMs = part.reduce((sum, call) => sum + serviceMs(call, SLOT), 0)
  const from = part[0]?.atMs ?? 0
  const spanMs = (part.at(-1)?.atMs ?? 0) - from
  const pace = workMs / (machine.slots * load) / spanMs
  return part.map((call, index) => {
    const asking = random() < 0.5
    return {
      ...call,
      atMs: (call.atMs - from) * pace,
      model: models[index] ?? '',
      serviceMs: serviceMs(call, SLOT),
      streamed: random() < 0.5,
      keepAliveMs: keepAliveMs(asks, asking),
      numCtx: asks === 'contexts' ? CONTEXTS[asking ? 1 : 0] : undefined,
    }
  })
}

function keepAliveMs(asks: Asks | undefined, asking: boolean): number | undefined {
  if (!asking || asks === 'contexts' || asks === undefined) return undefined
  return asks === 'unload' ? 0 : FIVE_MINUTES_MS
}

function modelsOf(
  calls: number,
  mix: readonly number[],
  order: Workload['order'],
  random: () => number,
): string[] {
  const models: string[] = []
  while (models.length < calls) {
    const model = drawn(mix, random)
    do models.push(model)
    while (order === 'runs' && random() >= 1 / RUN_CALLS)
  }
  return models.slice(0, calls)
}

function drawn(mix: readonly number[], random: () => number): string {
  let left = random()
  const index = mix.findIndex((share) => {
    left -= share
    return left < 0
  })
  return nameOf(index < 0 ? mix.length - 1 : index)
}

/** a, b, c … in the order of the mix. */
function nameOf(index: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + index)
}
