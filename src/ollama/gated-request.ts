import type { Clock } from '../clock.ts'
import type { ClientRequest } from '../relay/contract.ts'
import { Failure } from '../relay/failure.ts'
import { nextTurn } from '../relay/next-turn.ts'
import { formBoundary, queryField } from './form-request.ts'
import { FormScan } from './form-scan.ts'
import { HeavyWork } from './heavy-work.ts'
import { stringValue, TopLevelScan, type WantedKey } from './json-scan.ts'
import { MOST_NAME_BYTES, type ModelName, parseModelName } from './model-name.ts'
import { type GatedRoute, gatedRoute } from './routes.ts'
import { beginsLikeZstd, ZstdDecoder } from './zstd.ts'
import { ZstdError } from './zstd-bits.ts'

/** A gated request, read. */
export interface GatedRequest {
  /** The bytes as they came; what goes to Ollama. */
  readonly body: Uint8Array
  /** Undefined: names no model that could run, so Ollama gives its own error. */
  readonly model: ModelName | undefined
  /** False for what never waits: no model, a cloud model, an unload. */
  readonly takesSlot: boolean
}

/** Ollama decodes zstd only under this very spelling, and looks only at the first of several headers. */
const ZSTD = /^zstd(?:,|$)/

/** Whether Ollama will try to decode the body of this request. */
export function isZstd(exchange: ClientRequest, route: GatedRoute): boolean {
  return route.zstd && ZSTD.test(exchange.header('content-encoding') ?? '')
}

type BodyKey = 'model' | 'keep_alive' | 'prompt' | 'messages'
const MODEL_ONLY: readonly WantedKey<BodyKey>[] = [{ key: 'model', nullEmpties: false }]
const UNLOAD_KEYS: readonly WantedKey<BodyKey>[] = [
  ...MODEL_ONLY,
  { key: 'keep_alive', nullEmpties: true },
  { key: 'prompt', nullEmpties: false },
  { key: 'messages', nullEmpties: true },
]

/** Bytes that are looked at to see whether a value is empty or zero. A longer one counts as something to do. */
const MOST_EMPTY_BYTES = 1024

/** Steps of work on one body before other calls get their turn: below a millisecond, some five where nothing is compiled yet. */
const STEPS_A_TURN = 2 ** 17

/** Work on a body that stops after about `most` steps and says whether it is over. */
interface Work {
  advance(most: number): boolean
}

/** What reading a body needs to know of its call. */
interface Reading {
  /** Bytes that the call may hold. */
  readonly maxBodyBytes: number
  /** Why the call was ended meanwhile, by an operator or by its deadline; undefined while it goes on. */
  readonly stopped: Error | undefined
}

/** Of this process: at most two bodies are held decoded at a time, with at most 20 MiB each. */
const decoding = new HeavyWork(2)

/**
 * Finds what a gated request asks for. `path`: the route, decoded.
 * Throws Failure invalid_form, invalid_request, body_too_large or client_gone, or what the call was stopped with.
 */
export async function readGatedRequest(
  exchange: ClientRequest,
  path: string,
  body: Uint8Array,
  clock: Clock,
  call: Reading,
): Promise<GatedRequest> {
  const route = gatedRoute(path)
  if (route?.modelIn === 'form') {
    // Ollama's form reader looks at the query first.
    const inQuery = queryField(exchange.target, 'model')
    if (inQuery !== undefined) return callOf(body, inQuery)
    return callOf(body, await modelInForm(body, { exchange, clock, call }))
  }
  // What does not begin like zstd is read as it is: a header that only begins with zstd may mean a plain body to Ollama.
  const encoded = route !== undefined && isZstd(exchange, route) && beginsLikeZstd(body)
  if (encoded) await decoding.enter()
  try {
    const json = encoded ? await decoded(body, { exchange, clock, call }) : body
    const emptiable = route?.emptyUnloads
    const found = new TopLevelScan(json, emptiable ? UNLOAD_KEYS : MODEL_ONLY)
    if (!found.advance(STEPS_A_TURN)) await finish(found, { exchange, clock, call })
    // The name is read in full, or the call is refused: Ollama trims any amount of white space from it.
    if (found.size('model') > MOST_NAME_BYTES) throw new Failure('invalid_request')
    const written =
      stringValue(found.text('model')) ??
      (route?.modelIn === 'json or form' ? await modelInForm(body, { exchange, clock, call }) : undefined)
    return callOf(body, written, emptiable !== undefined && isUnload(found, emptiable))
  } finally {
    if (encoded) decoding.leave()
  }
}

/** What the work on one body takes its turns by. */
interface Turns {
  readonly exchange: ClientRequest
  readonly clock: Clock
  readonly call: Reading
}

async function modelInForm(body: Uint8Array, turns: Turns): Promise<string | undefined> {
  const boundary = formBoundary(turns.exchange.header('content-type'))
  if (boundary === undefined) return undefined
  const form = new FormScan(body, boundary)
  if (!form.advance(STEPS_A_TURN)) await finish(form, turns)
  return form.model
}

/** Goes on with work that is not over, in turns. */
async function finish(work: Work, turns: Turns): Promise<void> {
  do {
    await nextTurn(turns.clock)
    check(turns)
  } while (!work.advance(STEPS_A_TURN))
}

/** A call that has ended needs no more work. */
function check({ exchange, call }: Turns): void {
  if (call.stopped) throw call.stopped
  if (exchange.gone) throw new Failure('client_gone')
}

/** A body that Ollama could decode in another way than we is not passed on: it could name a model that runs. */
async function decoded(body: Uint8Array, turns: Turns): Promise<Uint8Array> {
  // It may have ended while it waited for its place.
  check(turns)
  const decoder = new ZstdDecoder(body, turns.call.maxBodyBytes)
  try {
    if (!decoder.advance(STEPS_A_TURN)) await finish(decoder, turns)
  } catch (error) {
    throw error instanceof ZstdError ? new Failure('invalid_request', { cause: error }) : error
  }
  return decoder.bytes
}

function callOf(body: Uint8Array, written: string | undefined, unload = false): GatedRequest {
  const model = written === undefined ? undefined : parseModelName(written)
  return { body, model, takesSlot: model !== undefined && !model.cloud && !unload }
}

function isUnload(found: TopLevelScan<BodyKey>, emptiable: 'prompt' | 'messages'): boolean {
  if (found.size('keep_alive') > MOST_EMPTY_BYTES || found.size(emptiable) > MOST_EMPTY_BYTES) return false
  const keepAlive = found.text('keep_alive')
  if (keepAlive === undefined || !isZeroDuration(keepAlive)) return false
  const content = found.text(emptiable)
  return content === undefined || content === '""' || content === 'null' || /^\[\s*\]$/.test(content)
}

/** Ollama's keep_alive: a number of seconds, of which whole nanoseconds count, or a Go duration such as "0", "0s". */
function isZeroDuration(raw: string): boolean {
  const text = stringValue(raw)
  if (text !== undefined) return /^[+-]?(?:0|(?:0+(?:\.0*)?(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)
  const seconds = /^-?\d/.test(raw) ? Number(raw) : Number.NaN
  return seconds >= 0 && seconds * 1e9 < 1
}
