import { parseModelName } from '../ollama/model-name.ts'
import type { UpstreamQuestion } from './asking.ts'

/** A model as /api/tags tells it. */
export interface ListedModel {
  /** One text for all spellings of the name. */
  readonly key: string
  /** The name as Ollama writes it. */
  readonly name: string
  /** sha256 of the manifest, in 64 hex digits. Undefined: not told; other servers that imitate Ollama tell none. */
  readonly digest: string | undefined
  /** Empty where Ollama tells none. */
  readonly family: string
  /** `gguf` or `safetensors`. Empty where Ollama tells none. */
  readonly format: string
  /** Undefined: not told, as by Ollama before 2026. */
  readonly capabilities: readonly string[] | undefined
  /** A stub: the model runs on ollama.com. */
  readonly remote: boolean
}

/** What /api/show tells about a model and /api/tags does not, or not as surely. */
export interface ModelDetails {
  /** Names the weights: `sha256-` and 64 hex digits, or what else the modelfile has after FROM. */
  readonly weights: string
  readonly capabilities: readonly string[] | undefined
}

/** Ollama answers both questions from memory and disk, as a rule within milliseconds. */
const TIMEOUT_MS = 10_000

/** The list of all models. An entry has about 500 bytes. */
export const TAGS: UpstreamQuestion = {
  method: 'GET',
  path: '/api/tags',
  mostBytes: 16 * 1024 * 1024,
  timeoutMs: TIMEOUT_MS,
}

/** The details of one model: a template and a license may be long, and so may the metadata of the weights. */
export function show(name: string): UpstreamQuestion {
  return {
    method: 'POST',
    path: '/api/show',
    body: JSON.stringify({ model: name }),
    mostBytes: 4 * 1024 * 1024,
    timeoutMs: TIMEOUT_MS,
  }
}

/** No more entries of a list are looked at. */
export const MOST_MODELS = 10_000
/** Characters of a name. The longest valid name, with host and scheme, has some 600. */
export const MOST_NAME = 1_024
/** Characters of the other texts. */
const MOST_TEXT = 512
const MOST_CAPABILITIES = 32

/**
 * Reads an answer to TAGS. Undefined: no list of models. Left out are entries that cannot be read, the second of two
 * names with one key (Ollama lists the newest first), and names that mean a model on ollama.com by themselves: the key
 * of `x:20b-cloud` is that of `x:20b`, which is another model and perhaps not there.
 *
 * Nothing else runs meanwhile. On Node 20, 10 000 models (4 MB) take 30 ms, half of that in JSON.parse; 16 MiB take
 * 80 ms, or up to 1.4 s where another program sends five million empty objects.
 */
export function readTags(text: string): ListedModel[] | undefined {
  const { models } = fieldsOf(parsed(text))
  // Go can write an empty list as null, as Ollama does in /v1/models.
  if (models === null) return []
  if (!Array.isArray(models)) return undefined
  const list = new Map<string, ListedModel>()
  let readable = models.length === 0
  for (const entry of models.slice(0, MOST_MODELS)) {
    const fields = fieldsOf(entry)
    const name = textOf(fields.name, MOST_NAME) || textOf(fields.model, MOST_NAME)
    const parsedName = parseModelName(name)
    if (parsedName === undefined) continue
    readable = true
    const { cloud, key } = parsedName
    if (!cloud && !list.has(key)) list.set(key, listedModel(key, name, fields))
  }
  return readable ? [...list.values()] : undefined
}

function listedModel(key: string, name: string, fields: AnswerObject): ListedModel {
  const details = fieldsOf(fields.details)
  return {
    key,
    name,
    digest: /^(?:sha256:)?([0-9a-f]{64})$/.exec(textOf(fields.digest))?.[1],
    family: textOf(details.family),
    format: textOf(details.format),
    capabilities: capabilitiesOf(fields.capabilities),
    remote: textOf(fields.remote_host) !== '',
  }
}

/** Whether /api/show is asked for a model. A stub has no weights here, and MLX weights are named by the manifest. */
export function isShown({ digest, format, remote }: ListedModel): boolean {
  return digest !== undefined && !remote && format !== 'safetensors'
}

/** Reads an answer to `show`. Undefined where the answer does not name the weights. */
export function readShow(text: string): ModelDetails | undefined {
  const fields = fieldsOf(parsed(text))
  const weights = weightsIn(fields.modelfile)
  return weights === undefined ? undefined : { weights, capabilities: capabilitiesOf(fields.capabilities) }
}

/**
 * The weights in the first line `FROM …` of a modelfile. Ollama writes the path of a file there, whose name is
 * `sha256-…`; the folder differs between machines. A value that is too long is none: the beginning of two long values
 * can be the same.
 */
export function weightsIn(modelfile: unknown): string | undefined {
  if (typeof modelfile !== 'string') return undefined
  const value = /^[ \t]*FROM(?![^\s])([^\r\n]*)/m.exec(modelfile)?.[1]?.trim() ?? ''
  const hash = /sha256-[0-9a-f]{64}(?![0-9a-f])/.exec(value)?.[0]
  return hash ?? (value === '' || value.length > MOST_TEXT ? undefined : value)
}

type AnswerObject = Readonly<Record<string, unknown>>

/** Undefined for a text that is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** No fields for any other value than an object. */
export function fieldsOf(value: unknown): AnswerObject {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is AnswerObject {
  return typeof value === 'object' && value !== null
}

/** Empty for any other value, and for a text with more than `most` characters. */
export function textOf(value: unknown, most = MOST_TEXT): string {
  return typeof value === 'string' && value.length <= most ? value : ''
}

function capabilitiesOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.slice(0, MOST_CAPABILITIES).filter((each) => textOf(each) !== '')
}
