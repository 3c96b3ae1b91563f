import type { Clock } from '../clock.ts'
import { stringValue, TopLevelScan, type WantedKey } from './body-scan.ts'
import { Failure } from './failure.ts'
import { formBoundary, queryField } from './form-request.ts'
import { FormScan } from './form-scan.ts'
import { MOST_NAME_BYTES, type ModelName, parseModelName } from './model-name.ts'
import { nextTurn } from './next-turn.ts'
import type { Exchange } from './transport.ts'
import { decodeZstd } from './zstd.ts'

/** A gated request, read. */
export interface ReadCall {
  /** The bytes as they came; what goes to Ollama. */
  readonly body: Uint8Array
  /** Undefined: names no model that could run, so Ollama gives its own error. */
  readonly model: ModelName | undefined
  /** False for what never waits: no model, a cloud model, an unload. */
  readonly takesSlot: boolean
}

/**
 * Ollama decodes zstd on its /v1 routes alone, only under this very spelling, and of a repeated header it looks
 * at the first one alone.
 */
const ZSTD = /^zstd(?:,|$)/

const TRANSCRIPTIONS = '/v1/audio/transcriptions'
/** Ollama reads JSON here whatever the Content-Type says, so a form is looked at only where there is no model in JSON. */
const IMAGE_EDITS = '/v1/images/edits'

/** Whether Ollama will try to decode the body of this request. */
export function isZstd(exchange: Exchange, path: string): boolean {
  return path.startsWith('/v1/') && ZSTD.test(exchange.header('content-encoding') ?? '')
}

/** The routes on which an empty prompt with keep_alive 0 means: unload. */
const UNLOADING = new Map<string, 'prompt' | 'messages'>([
  ['/api/generate', 'prompt'],
  ['/api/chat', 'messages'],
])

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

/** Steps of work on one body before other calls get their turn: a millisecond on a slow machine. */
const STEPS_A_TURN = 2 ** 18

/** Work on a body that stops after about `most` steps and says whether it is over. */
interface Work {
  advance(most: number): boolean
}

/**
 * Finds what a gated request asks for. `path`: the route, decoded.
 * Throws Failure invalid_form, invalid_request or client_gone.
 */
export async function readCall(
  exchange: Exchange,
  path: string,
  body: Uint8Array,
  clock: Clock,
): Promise<ReadCall> {
  if (path === TRANSCRIPTIONS) {
    // Ollama's form reader looks at the query first.
    const inQuery = queryField(exchange.target, 'model')
    if (inQuery !== undefined) return callOf(body, inQuery)
    return callOf(body, await modelInForm(exchange, body, clock))
  }
  // What does not decode is read as it is: a header that only begins with zstd may mean a plain body to Ollama.
  const json = (isZstd(exchange, path) ? await decodeZstd(body, clock) : undefined) ?? body

  const emptiable = UNLOADING.get(path)
  const found = new TopLevelScan(json, emptiable ? UNLOAD_KEYS : MODEL_ONLY)
  if (!found.advance(STEPS_A_TURN)) await finish(found, exchange, clock)
  // The name is read in full, or the call is refused: Ollama trims any amount of white space from it.
  if (found.size('model') > MOST_NAME_BYTES) throw new Failure('invalid_request')
  const written =
    stringValue(found.text('model')) ??
    (path === IMAGE_EDITS ? await modelInForm(exchange, body, clock) : undefined)
  return callOf(body, written, emptiable !== undefined && isUnload(found, emptiable))
}

async function modelInForm(exchange: Exchange, body: Uint8Array, clock: Clock): Promise<string | undefined> {
  const boundary = formBoundary(exchange.header('content-type'))
  if (boundary === undefined) return undefined
  const form = new FormScan(body, boundary)
  if (!form.advance(STEPS_A_TURN)) await finish(form, exchange, clock)
  return form.model
}

/** Goes on with work that is not over, in turns. */
async function finish(work: Work, exchange: Exchange, clock: Clock): Promise<void> {
  do {
    await nextTurn(clock)
    if (exchange.gone) throw new Failure('client_gone')
  } while (!work.advance(STEPS_A_TURN))
}

function callOf(body: Uint8Array, written: string | undefined, unload = false): ReadCall {
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
