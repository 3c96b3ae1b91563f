import type { Outcome } from '../admission/observer.ts'
import type { RefusalCode } from '../admission/refusal.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { Buckets } from './buckets.ts'

/** How many models have figures of their own: each is some hundred lines of a scrape. */
export const MODEL_LABELS = 100
/** Whose the figures of all the other models are. */
export const OTHER = 'other'
/** Whose those of calls are that name no model. */
export const NONE = 'none'

export const OUTCOMES = ['done', 'failed', 'cancelled', 'timed_out', 'refused'] as const
/** Why a call was turned away. One that left by itself was not. */
export const REASONS = ['queue_full', 'timeout', 'shutting_down', 'body_too_large'] as const

/** Bounds in seconds. The thresholds of docs/monitoring/alerts.yml are among them, where quantiles are exact. */
const CALL_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5]
const LOAD_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]

const OUTCOME_AT: Readonly<Record<Outcome | 'refused', number>> = {
  done: 0,
  failed: 1,
  cancelled: 2,
  timed_out: 3,
  refused: 4,
}
const REASON_AT: Readonly<Record<Exclude<RefusalCode, 'cancelled'>, number>> = {
  queue_full: 0,
  timeout: 1,
  shutting_down: 2,
}
const BODY_TOO_LARGE_AT = 3

/** What is counted of a call. */
export type MeteredCall = Pick<
  FinishedCall,
  | 'path'
  | 'model'
  | 'outcome'
  | 'reason'
  | 'status'
  | 'waitMs'
  | 'firstByteMs'
  | 'totalMs'
  | 'loadMs'
  | 'tokensIn'
  | 'tokensOut'
  | 'parts'
>

/** One model's figures since the start. Times in seconds. */
export class ModelMeters {
  /** Calls by route and outcome: `OUTCOMES.length` places to each route. */
  readonly requests: Float64Array
  /** By reason, in the order of `REASONS`. */
  readonly refusals = new Float64Array(REASONS.length)
  /** Calls that had their turn or gave up waiting for it, those that got one at once included. */
  readonly wait = new Buckets(CALL_SECONDS)
  /** From arrival to the first byte of Ollama's answer. */
  readonly firstByte = new Buckets(CALL_SECONDS)
  /** All of the time but the wait, of calls that had their turn. */
  readonly processing = new Buckets(CALL_SECONDS)
  /** Seconds to each output token after the first, of streams. */
  readonly perToken = new Buckets(TOKEN_SECONDS)
  /** What Ollama says it spent on having the model ready; a loaded one takes it some milliseconds. */
  readonly load = new Buckets(LOAD_SECONDS)
  retriesAdvised = 0
  tokensIn = 0
  tokensOut = 0

  constructor(routes: number) {
    this.requests = new Float64Array(routes * OUTCOMES.length)
  }
}

export interface MetersParts {
  /** The gated paths, decoded. */
  readonly routes: readonly string[]
  /** Keys of models that have figures of their own before their first call: those of the configuration. */
  readonly models: Iterable<string>
}

/**
 * Counts every gated call once it is over, without allocating. A model gets figures of its own when Ollama has
 * answered a call for it: until then, and past the hundredth, its calls count under `other`, so that made-up names
 * cannot use the places up.
 */
export class Meters {
  readonly routes: readonly string[]
  readonly #routeAt: ReadonlyMap<string, number>
  readonly #models = new Map<string, ModelMeters>()
  readonly #other: ModelMeters
  readonly #none: ModelMeters

  constructor({ routes, models }: MetersParts) {
    this.routes = routes
    this.#routeAt = new Map(routes.map((route, at) => [route, at * OUTCOMES.length]))
    this.#other = this.#add(OTHER)
    this.#none = this.#add(NONE)
    for (const model of models) this.name(model)
  }

  /** Gives a model figures of its own while there are places. */
  name(model: string): void {
    if (!this.#models.has(model) && this.#hasPlace) this.#add(model)
  }

  /** The label under which a model's calls are counted now. */
  labelOf(model: string): string {
    return this.#models.has(model) ? model : OTHER
  }

  /** Output tokens of a model since the start; 0 when it has no figures of its own. */
  tokensOut(model: string): number {
    return this.#models.get(model)?.tokensOut ?? 0
  }

  /** By label, `other` and `none` first. */
  models(): Iterable<readonly [label: string, meters: ModelMeters]> {
    return this.#models
  }

  call(call: MeteredCall): void {
    const meters = this.#metersOf(call)
    const route = this.#routeAt.get(call.path)
    if (route !== undefined) increment(meters.requests, route + OUTCOME_AT[call.outcome])
    if (call.reason !== null && call.reason !== 'cancelled') {
      increment(meters.refusals, REASON_AT[call.reason])
      // All of these answers say when to come back; status 0 is a client that was gone before it could hear.
      if (call.status !== 0) meters.retriesAdvised++
    } else if (call.outcome === 'refused') increment(meters.refusals, BODY_TOO_LARGE_AT)
    if (call.model !== null && call.outcome !== 'refused') recordTimes(meters, call)
    if (call.tokensIn !== null) meters.tokensIn += call.tokensIn
    meters.tokensOut += tokensOf(call) ?? 0
  }

  #metersOf(call: MeteredCall): ModelMeters {
    if (call.model === null) return this.#none
    const known = this.#models.get(call.model)
    if (known) return known
    const answered = call.firstByteMs !== null && call.status > 0 && call.status < 400
    return answered && this.#hasPlace ? this.#add(call.model) : this.#other
  }

  get #hasPlace(): boolean {
    return this.#models.size < MODEL_LABELS + 2
  }

  #add(label: string): ModelMeters {
    const meters = new ModelMeters(this.routes.length)
    this.#models.set(label, meters)
    return meters
  }
}

function recordTimes(meters: ModelMeters, call: MeteredCall): void {
  const { firstByteMs, parts } = call
  meters.wait.record(call.waitMs / 1_000)
  // With a reason it left the line without a turn.
  if (call.reason === null) meters.processing.record((call.totalMs - call.waitMs) / 1_000)
  if (firstByteMs === null) return
  meters.firstByte.record(firstByteMs / 1_000)
  if (call.loadMs > 0) meters.load.record(call.loadMs / 1_000)
  // Sent in one piece, the first byte comes after the last token.
  const tokens = parts === null ? 0 : (tokensOf(call) ?? 0)
  if (tokens >= 2) meters.perToken.record((call.totalMs - firstByteMs) / 1_000 / (tokens - 1))
}

/** What Ollama counted; of a stream that did not come to its count, its parts. */
function tokensOf({ tokensOut, parts }: MeteredCall): number | null {
  return tokensOut ?? parts
}

function increment(counts: Float64Array, at: number): void {
  counts[at] = (counts[at] ?? 0) + 1
}
