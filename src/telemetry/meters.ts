import type { LoadReason, RunnerLoad } from '../admission/turns/contract.ts'
import { CALL_CLASSES } from '../callers/caller.ts'
import { LOAD_OPTIONS, type LoadOption } from '../ollama/load-options.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { meantStatus } from '../relay/meant-status.ts'
import { Buckets } from './buckets.ts'
import { MetersOfCallers } from './caller-meters.ts'
import { NONE, OTHER, OUTCOMES } from './labels.ts'

/** Models with figures of their own. Each model is some hundred lines of a scrape. */
export const MODEL_LABELS = 100

/** Reasons for which calls are refused. A call whose client left was not refused. */
export const REASONS = [
  'queue_full',
  'timeout',
  'shutting_down',
  'load_failed',
  'model_stuck',
  'model_not_allowed',
  'insufficient_quota',
  'body_too_large',
] as const

export const LOAD_REASONS = [
  'first',
  'together',
  'idle',
  'aged',
  'owed',
  'meeting',
  'outside',
] as const satisfies readonly LoadReason[]

/** Bounds in seconds. The thresholds of docs/monitoring/alerts.yml are bounds, because quantiles are exact there. */
const CALL_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5]
const LOAD_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]

/** The parts of a call that are counted. */
export type MeteredCall = Pick<
  FinishedCall,
  | 'key'
  | 'class'
  | 'path'
  | 'model'
  | 'outcome'
  | 'reason'
  | 'cause'
  | 'status'
  | 'lateStatus'
  | 'signsMs'
  | 'waitMs'
  | 'firstByteMs'
  | 'totalMs'
  | 'slotMs'
  | 'loadMs'
  | 'tokensIn'
  | 'tokensOut'
  | 'parts'
>

/** One model's figures since the start. Times in seconds. */
export class ModelMeters {
  /** Calls by route and outcome: `OUTCOMES.length` numbers for each route. */
  readonly requests: Float64Array
  /** Refused calls by reason, in the order of `REASONS`. */
  readonly refusals = new Float64Array(REASONS.length)
  /** Loads because an option differed, in the order of `LOAD_OPTIONS`. */
  readonly reloads = new Float64Array(LOAD_OPTIONS.length)
  /** Loads of the model's runner, failed ones included, in the order of `LOAD_REASONS`. */
  readonly loads = new Float64Array(LOAD_REASONS.length)
  failedLoads = 0
  /**
   * Time in line, of calls that got a slot, at once or later, or left the line without a slot. By class, in the order of
   * `CALL_CLASSES`.
   */
  readonly waits = CALL_CLASSES.map(() => new Buckets(CALL_SECONDS))
  /** From arrival to the first byte of Ollama's answer. */
  readonly firstByte = new Buckets(CALL_SECONDS)
  /** Time outside the line, of calls that got a slot. */
  readonly processing = new Buckets(CALL_SECONDS)
  /** Time for each output token after the first, of streams. */
  readonly perToken = new Buckets(TOKEN_SECONDS)
  /** Time that Ollama says it took to get the model ready. For a loaded model that is some milliseconds. */
  readonly load = new Buckets(LOAD_SECONDS)
  retriesAdvised = 0
  /** Calls that a newer call with the same queue key ended. */
  superseded = 0
  /** Calls that got signs of life. */
  signed = 0
  tokensIn = 0
  tokensOut = 0

  constructor(routes: number) {
    this.requests = new Float64Array(routes * OUTCOMES.length)
  }
}

export interface MetersParts {
  /** The decoded paths of gated calls. */
  readonly routes: readonly string[]
  /** Keys of the configured models. They have figures of their own before their first call. */
  readonly models: Iterable<string>
  /** Names of the configured keys. */
  readonly keys: Iterable<string>
}

/**
 * Counts every gated call once the call is over, without allocating. A model gets figures of its own when Ollama answers
 * a call for the model. Until then its calls count under `other`, so that made-up names cannot use up the labels. The
 * calls of every model after the hundredth count there, too.
 */
export class Meters {
  readonly routes: readonly string[]
  /** The same calls by caller. */
  readonly callers: MetersOfCallers
  readonly #routeAt: ReadonlyMap<string, number>
  readonly #models = new Map<string, ModelMeters>()
  readonly #other: ModelMeters
  readonly #none: ModelMeters

  constructor({ routes, models, keys }: MetersParts) {
    this.routes = routes
    this.callers = new MetersOfCallers(keys)
    this.#routeAt = new Map(routes.map((route, at) => [route, at * OUTCOMES.length]))
    this.#other = this.#add(OTHER)
    this.#none = this.#add(NONE)
    for (const model of models) this.addModel(model)
  }

  /** Gives a model figures of its own, unless a hundred models have them. */
  addModel(model: string): void {
    if (!this.#models.has(model) && this.#hasRoom) this.#add(model)
  }

  /** The label under which a model's calls are counted now. */
  labelOf(model: string): string {
    return this.#models.has(model) ? model : OTHER
  }

  /** Output tokens of a model since the start; 0 when it has no figures of its own. */
  tokensOut(model: string): number {
    return this.#models.get(model)?.tokensOut ?? 0
  }

  /** All figures by label, `other` and `none` first. */
  models(): Iterable<readonly [label: string, meters: ModelMeters]> {
    return this.#models
  }

  call(call: MeteredCall): void {
    const meters = this.#metersOf(call)
    const route = this.#routeAt.get(call.path)
    if (route !== undefined) increment(meters.requests, route + OUTCOMES.indexOf(call.outcome))
    if (call.reason !== null && call.reason !== 'cancelled' && call.reason !== 'superseded') {
      increment(meters.refusals, REASONS.indexOf(call.reason))
      // All but one of these answers tell the client when to come back. Status 0: the client had left before the answer.
      if (call.status !== 0 && call.reason !== 'model_not_allowed') meters.retriesAdvised++
    } else if (call.outcome === 'refused') increment(meters.refusals, REASONS.indexOf('body_too_large'))
    if (call.outcome === 'cancelled' && isSuperseded(call)) meters.superseded++
    if (call.model !== null && call.outcome !== 'refused') recordTimes(meters, call)
    if (call.signsMs !== null) meters.signed++
    if (call.tokensIn !== null) meters.tokensIn += call.tokensIn
    const tokensOut = tokensOf(call) ?? 0
    meters.tokensOut += tokensOut
    this.callers.call(call, tokensOut)
  }

  /** Ollama loaded a model again for a call, because this option differed. */
  reloaded(model: string, option: LoadOption): void {
    increment((this.#models.get(model) ?? this.#other).reloads, LOAD_OPTIONS.indexOf(option))
  }

  /** A load is over. It counts for one name of the runner: the first that has figures of its own. */
  loaded({ names, reason, failed }: Pick<RunnerLoad, 'names' | 'reason' | 'failed'>): void {
    const model = names.find((name) => this.#models.has(name)) ?? OTHER
    const meters = this.#models.get(model) ?? this.#other
    increment(meters.loads, LOAD_REASONS.indexOf(reason))
    if (failed) meters.failedLoads++
  }

  #metersOf(call: MeteredCall): ModelMeters {
    if (call.model === null) return this.#none
    const known = this.#models.get(call.model)
    if (known) return known
    const status = meantStatus(call)
    const answered = call.firstByteMs !== null && status > 0 && status < 400
    return answered && this.#hasRoom ? this.#add(call.model) : this.#other
  }

  get #hasRoom(): boolean {
    return this.#models.size < MODEL_LABELS + 2
  }

  #add(label: string): ModelMeters {
    const meters = new ModelMeters(this.routes.length)
    this.#models.set(label, meters)
    return meters
  }
}

/** Whether a newer call ended the call, in line or at Ollama. */
export function isSuperseded({ reason, cause }: Pick<MeteredCall, 'reason' | 'cause'>): boolean {
  return reason === 'superseded' || cause === 'superseded_running'
}

function recordTimes(meters: ModelMeters, call: MeteredCall): void {
  const { firstByteMs, parts } = call
  meters.waits[CALL_CLASSES.indexOf(call.class)]?.record(call.waitMs / 1_000)
  // A call with a reason got no slot.
  if (call.reason === null) meters.processing.record((call.totalMs - call.waitMs) / 1_000)
  if (firstByteMs === null) return
  meters.firstByte.record(firstByteMs / 1_000)
  if (call.loadMs > 0) meters.load.record(call.loadMs / 1_000)
  // Only for streams: the first byte of an answer in one piece comes after its last token.
  const tokens = parts === null ? 0 : (tokensOf(call) ?? 0)
  if (tokens >= 2) meters.perToken.record((call.totalMs - firstByteMs) / 1_000 / (tokens - 1))
}

/** Output tokens as Ollama counted them. Of a stream that ended before the count: the number of its parts. */
function tokensOf({ tokensOut, parts }: MeteredCall): number | null {
  return tokensOut ?? parts
}

function increment(counts: Float64Array, at: number): void {
  counts[at] = (counts[at] ?? 0) + 1
}
