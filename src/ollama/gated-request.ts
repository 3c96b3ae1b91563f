import { type Clock, nextTurn } from '../clock.ts'
import { type AskedWork, askedFor, bodyKeys } from './call-work.ts'
import { formBoundary } from './form-header.ts'
import { stringValue, TopLevelScan } from './json-scan.ts'
import { MOST_NAME_BYTES, type ModelName, parseModelName } from './model-name.ts'
import { FormScan } from './multipart.ts'
import { type GatedRoute, gatedRoute } from './routes.ts'
import { queryField } from './target.ts'
import { Unreadable } from './unreadable.ts'
import { beginsLikeZstd, ZstdDecoder } from './zstd.ts'

/** A gated request after its body was read. Its `work` is none without a model, and run for a cloud model. */
export interface GatedRequest extends AskedWork {
  /** The bytes that the client sent. They go to Ollama unchanged. */
  readonly body: Uint8Array
  /** Bytes of the decoded body. */
  readonly decodedBytes: number
  /** Undefined: the request names no model that Ollama could run. Ollama answers it with an error. */
  readonly model: ModelName | undefined
}

/** No form can ask for less than a run. */
const FORM: AskedWork = {
  work: 'run',
  inputs: 1,
  options: undefined,
  keepsLoaded: undefined,
  serviceTier: undefined,
  streams: false,
  tools: false,
}

/** The part of a request that comes before its body. */
interface RequestHead {
  /** Path and query as they go to Ollama. */
  readonly target: string
  /** A header by its lower-case name. The values of a repeated header are joined by commas. */
  header(name: string): string | undefined
}

/** The call that a body belongs to. */
interface ReadingCall {
  /** The most bytes that the call may hold. The bound counts for the decoded body as well. */
  readonly maxBodyBytes: number
  /** Long work on the body calls this before each turn. It throws when the call is over, and so ends the work. */
  throwIfOver(): void
}

/** Ollama decodes zstd only under this exact spelling. Of a repeated header it reads the first one. */
const ZSTD = /^zstd(?:,|$)/

/**
 * Steps of work on one body before other calls get their turn. They take less than a millisecond, or about five while
 * the engine has not compiled the code yet.
 */
const STEPS_A_TURN = 2 ** 17

/** Long work on a body. `advance` stops after about `most` steps and returns whether the work is done. */
interface Stepwise {
  advance(most: number): boolean
}

/** Admits a few calls at a time to work that needs much memory. The other calls wait in the order of their arrival. */
class Semaphore {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(places: number) {
    this.#free = places
  }

  /** Resolves when the caller has a place. The caller must leave it exactly once. */
  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  leave(): void {
    const longestWaiting = this.#waiting.shift()
    if (longestWaiting) longestWaiting()
    else this.#free++
  }
}

/** Shared by all calls of the process, which so holds at most two decoded bodies of at most 20 MiB each. */
const decoders = new Semaphore(2)

/**
 * Finds what a gated request asks for. `path`: decoded, without query.
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
    return gatedRequest(body, written)
  }
  // Ollama can read a body as plain JSON although the header begins with zstd: "zstd, gzip".
  const encoded = isZstd(request, route) && beginsLikeZstd(body)
  if (encoded) await decoders.enter()
  try {
    const json = encoded ? await decoded(body, clock, call) : body
    const found = new TopLevelScan(json, bodyKeys(route), route?.runsEach)
    if (!found.advance(STEPS_A_TURN)) await finish(found, clock, call)
    // Ollama trims any amount of white space from a name. A name that is too long to be read in full is refused.
    if (found.size('model') > MOST_NAME_BYTES) throw new Unreadable('invalid_request')
    const written =
      stringValue(found.text('model')) ??
      (route?.modelIn === 'json or form' ? await modelInForm(request, body, clock, call) : undefined)
    return gatedRequest(body, written, askedFor(found, route), json.length)
  } finally {
    if (encoded) decoders.leave()
  }
}

/** Whether Ollama tries to decode the body of this request. */
function isZstd(request: RequestHead, route: GatedRoute | undefined): boolean {
  return route?.zstd === true && ZSTD.test(request.header('content-encoding') ?? '')
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

/** Throws Unreadable for a body that Ollama could decode in another way: the body could name a model that runs. */
async function decoded(body: Uint8Array, clock: Clock, call: ReadingCall): Promise<Uint8Array> {
  // The call may have ended while it waited for a decoder.
  call.throwIfOver()
  const decoder = new ZstdDecoder(body, call.maxBodyBytes)
  if (!decoder.advance(STEPS_A_TURN)) await finish(decoder, clock, call)
  return decoder.bytes
}

/** Continues unfinished work to its end, a turn at a time. */
async function finish(work: Stepwise, clock: Clock, call: ReadingCall): Promise<void> {
  do {
    await nextTurn(clock)
    call.throwIfOver()
  } while (!work.advance(STEPS_A_TURN))
}

function gatedRequest(
  body: Uint8Array,
  written: string | undefined,
  asked = FORM,
  decodedBytes = body.length,
): GatedRequest {
  const model = written === undefined ? undefined : parseModelName(written)
  const { inputs, options, keepsLoaded, serviceTier, streams, tools } = asked
  return {
    body,
    decodedBytes,
    model,
    work: model === undefined ? 'none' : model.cloud ? 'run' : asked.work,
    inputs,
    options,
    keepsLoaded,
    serviceTier,
    streams,
    tools,
  }
}
