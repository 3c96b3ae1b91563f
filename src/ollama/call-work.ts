import type { WantedKey } from './json-key.ts'
import { stringValue, type TopLevelScan } from './json-scan.ts'
import { type ContentKey, GATED_PATHS, type GatedRoute, gatedRoute } from './routes.ts'

/**
 * What Ollama does for a call. none: the call names no model that Ollama could run. unload: Ollama frees the model and
 * waits for nothing. load: Ollama loads the model, which can wait, and takes no parallel place of the model. run: all
 * else.
 */
type CallWork = 'none' | 'unload' | 'load' | 'run'

/** What a call asks Ollama for, besides its model. */
export interface AskedWork {
  readonly work: CallWork
  /** Inputs that Ollama runs side by side: the length of an array of inputs, at least 1. */
  readonly inputs: number
  /** The options of the call as raw JSON, for loadOptions. Undefined: none, or more than 4 KiB. */
  readonly options: string | undefined
  /** From keep_alive: false for zero. Undefined: the call does not say. */
  readonly keepsLoaded: boolean | undefined
  /** The service_tier of OpenAI's API. Undefined: none, or no text. */
  readonly serviceTier: string | undefined
  /** Whether the call asks for its answer piece by piece. */
  readonly streams: boolean
  /** Whether the model may call tools. Ollama holds a call of a tool back until the model has written all of it. */
  readonly tools: boolean
}

/** The keys of a JSON body that tell what a call asks for. */
export type BodyKey = 'model' | 'stream' | 'tools' | 'keep_alive' | 'options' | 'service_tier' | ContentKey

/** A value with more bytes than this counts as not empty and not zero. */
const MOST_EMPTY_BYTES = 1024
/** All options of Ollama together have some 500 bytes. */
const MOST_OPTIONS_BYTES = 4096
/** The longest value is false. */
const MOST_STREAM_BYTES = 8
/** The tiers of OpenAI have at most eight letters. */
const MOST_TIER_BYTES = 64

/** How each content key looks when Ollama has nothing under the key. A missing key is empty as well. */
const CONTENT: Readonly<Record<ContentKey, { readonly nullEmpties: boolean; readonly empty: RegExp }>> = {
  // A string in Go.
  prompt: { nullEmpties: false, empty: /^""$/ },
  // A slice in Go.
  messages: { nullEmpties: true, empty: /^(?:null|\[\s*\])$/ },
  // Any value in Go.
  input: { nullEmpties: true, empty: /^(?:null|""|\[\s*\])$/ },
}

const MODEL: WantedKey<BodyKey> = { key: 'model', nullEmpties: false }
const KEYS_BY_PATH: ReadonlyMap<string, readonly WantedKey<BodyKey>[]> = new Map(
  GATED_PATHS.map((path) => [path, wantedKeys(gatedRoute(path))]),
)

/** The keys to look for in a JSON body on this route. */
export function bodyKeys(route: GatedRoute | undefined): readonly WantedKey<BodyKey>[] {
  return KEYS_BY_PATH.get(route?.path ?? '') ?? [MODEL]
}

/** What the scanned body of a call that names a model asks for. */
export function askedFor(found: TopLevelScan<BodyKey>, route: GatedRoute | undefined): AskedWork {
  const keepsLoaded = keeps(found)
  const work = workOf(found, route, keepsLoaded)
  return {
    work,
    inputs: found.elements,
    options: optionsOf(found),
    keepsLoaded,
    serviceTier: tierOf(found),
    streams: streams(found, route),
    tools: hasTools(found),
  }
}

/**
 * What Ollama does for a call that names a model. Real work must not count as load or unload, because such a call can
 * pass without a slot. The other mistake is harmless: a value that is too long to be read counts as work.
 */
function workOf(
  found: TopLevelScan<BodyKey>,
  route: GatedRoute | undefined,
  keepsLoaded: boolean | undefined,
): CallWork {
  if (route?.loadsWithout === undefined || !isEmpty(found, route.loadsWithout)) return 'run'
  return route.unloads && keepsLoaded === false ? 'unload' : 'load'
}

/** Ollama merges the options of equal keys. Here the last options count. */
function optionsOf(found: TopLevelScan<BodyKey>): string | undefined {
  return found.size('options') > MOST_OPTIONS_BYTES ? undefined : found.text('options')
}

function tierOf(found: TopLevelScan<BodyKey>): string | undefined {
  return found.size('service_tier') > MOST_TIER_BYTES ? undefined : stringValue(found.text('service_tier'))
}

/** Ollama refuses any other value than true, false and null. */
function streams(found: TopLevelScan<BodyKey>, route: GatedRoute | undefined): boolean {
  const written = found.size('stream') > MOST_STREAM_BYTES ? undefined : found.text('stream')
  if (route?.streams === 'by default') return written !== 'false'
  return route?.streams === 'if asked' && written === 'true'
}

function hasTools(found: TopLevelScan<BodyKey>): boolean {
  if (found.size('tools') > MOST_EMPTY_BYTES) return true
  const raw = found.text('tools')
  return raw !== undefined && !/^(?:null|\[\s*\])$/.test(raw)
}

function wantedKeys(route: GatedRoute | undefined): readonly WantedKey<BodyKey>[] {
  const keys = [MODEL]
  const content = route?.loadsWithout ?? route?.runsEach
  if (content !== undefined) keys.push({ key: content, nullEmpties: CONTENT[content].nullEmpties })
  // A pointer in Go where Ollama streams by default, else a bool.
  if (route && route.streams !== 'never')
    keys.push({ key: 'stream', nullEmpties: route.streams === 'by default' })
  if (route?.operation === 'chat') keys.push({ key: 'tools', nullEmpties: true })
  if (route?.takesOptions) {
    keys.push({ key: 'options', nullEmpties: true })
    keys.push({ key: 'keep_alive', nullEmpties: true })
  }
  // Ollama knows no tiers, so the key is read as OpenAI would read it.
  if (route?.dialect === 'openai') keys.push({ key: 'service_tier', nullEmpties: true, exact: true })
  return keys
}

function isEmpty(found: TopLevelScan<BodyKey>, content: ContentKey): boolean {
  if (found.size(content) > MOST_EMPTY_BYTES) return false
  const raw = found.text(content)
  return raw === undefined || CONTENT[content].empty.test(raw)
}

/**
 * Ollama's keep_alive is a Go duration such as "0" or "0s", or a number of seconds. Ollama keeps the whole nanoseconds
 * of the number, so a number below one nanosecond is zero.
 */
function keeps(found: TopLevelScan<BodyKey>): boolean | undefined {
  const raw = found.size('keep_alive') > MOST_EMPTY_BYTES ? undefined : found.text('keep_alive')
  if (raw === undefined) return undefined
  const text = stringValue(raw)
  if (text !== undefined) return !/^[+-]?(?:0|(?:0+(?:\.0*)?(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)
  const seconds = /^-?\d/.test(raw) ? Number(raw) : Number.NaN
  return !(seconds >= 0 && seconds * 1e9 < 1)
}
