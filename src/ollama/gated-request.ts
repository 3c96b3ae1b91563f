import { type Clock, nextTurn } from '../clock.ts'
import { formBoundary, queryField } from './form-request.ts'
import { FormScan } from './form-scan.ts'
import { HeavyWork } from './heavy-work.ts'
import { stringValue, TopLevelScan, type WantedKey } from './json-scan.ts'
import { MOST_NAME_BYTES, type ModelName, parseModelName } from './model-name.ts'
import { type GatedRoute, gatedRoute } from './routes.ts'
import { Unreadable } from './unreadable.ts'
import { beginsLikeZstd, ZstdDecoder } from './zstd.ts'

/** A gated request, read. */
export interface GatedRequest {
  /** The bytes as they came; what goes to Ollama. */
  readonly body: Uint8Array
  /** Undefined: names no model that could run, so Ollama gives its own error. */
  readonly model: ModelName | undefined
  /** False for what never waits: no model, a cloud model, an unload. */
  readonly takesSlot: boolean
}

/** What of a request comes before its body. */
export interface RequestHead {
  /** Path and query as they go to Ollama. */
  readonly target: string
  /** A header by its lower-case name; the values of a repeated header joined by commas. */
  header(name: string): string | undefined
}

/** The call that a body belongs to. */
export interface ReadingCall {
  /** The most bytes that the call may hold, decoded ones too. */
  readonly maxBodyBytes: number
  /** Long work on the body asks this before each turn. Throws when the call is over, which ends the work. */
  throwIfOver(): void
}

/** Ollama decodes zstd only under this very spelling, and looks only at the first of several headers. */
const ZSTD = /^zstd(?:,|$)/

/** Whether Ollama will try to decode the body of this request. */
export function isZstd(request: RequestHead, route: GatedRoute): boolean {
  return route.zstd && ZSTD.test(request.header('content-encoding') ?? '')
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

/** Of this process: at most two bodies are held decoded at a time, with at most 20 MiB each. */
const decoding = new HeavyWork(2)

/**
 * Finds what a gated request asks for. `path`: the route, decoded.
 * Throws Unreadable, or what `call.throwIfOver` throws.
 */
export async function readGatedRequest(
  request: RequestHead,
  path: string,
  body: Uint8Array,
  clock: Clock,
  call: ReadingCall,
): Promise<GatedRequest> {
  const route = gatedRoute(path)
  if (route?.modelIn === 'form') {
    // Ollama's form reader looks at the query first.
    const written = queryField(request.target, 'model') ?? (await modelInForm(request, body, clock, call))
    return callOf(body, written)
  }
  // A body that does not begin like zstd is read as it is: Ollama may take it for plain JSON.
  const encoded = route !== undefined && isZstd(request, route) && beginsLikeZstd(body)
  if (encoded) await decoding.enter()
  try {
    const json = encoded ? await decoded(body, clock, call) : body
    const emptiable = route?.emptyUnloads
    const found = new TopLevelScan(json, emptiable ? UNLOAD_KEYS : MODEL_ONLY)
    if (!found.advance(STEPS_A_TURN)) await finish(found, clock, call)
    // The name is read in full, or the call is refused: Ollama trims any amount of white space from it.
    if (found.size('model') > MOST_NAME_BYTES) throw new Unreadable('invalid_request')
    const written =
      stringValue(found.text('model')) ??
      (route?.modelIn === 'json or form' ? await modelInForm(request, body, clock, call) : undefined)
    return callOf(body, written, emptiable !== undefined && isUnload(found, emptiable))
  } finally {
    if (encoded) decoding.leave()
  }
}

async function modelInForm(
  request: RequestHead,
  body: Uint8Array,
  clock: Clock,
  call: ReadingCall,
): Promise<string | undefined> {
  const boundary = formBoundary(request.header('content-type'))
  if (boundary === undefined) return undefined
  const form = new FormScan(body, boundary)
  if (!form.advance(STEPS_A_TURN)) await finish(form, clock, call)
  return form.model
}

/** A body that Ollama could decode in another way than we is not passed on: it could name a model that runs. */
async function decoded(body: Uint8Array, clock: Clock, call: ReadingCall): Promise<Uint8Array> {
  // The call may have ended while it waited for its place.
  call.throwIfOver()
  const decoder = new ZstdDecoder(body, call.maxBodyBytes)
  if (!decoder.advance(STEPS_A_TURN)) await finish(decoder, clock, call)
  return decoder.bytes
}

/** Goes on with work that is not over, in turns. */
async function finish(work: Work, clock: Clock, call: ReadingCall): Promise<void> {
  do {
    await nextTurn(clock)
    call.throwIfOver()
  } while (!work.advance(STEPS_A_TURN))
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
