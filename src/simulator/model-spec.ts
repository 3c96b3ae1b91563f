import { createHash } from 'node:crypto'
import { type ModelTraits, traitsOf } from './families.ts'
import type { LoadFaultInput } from './load-faults.ts'
import { parseModelRef } from './model-ref.ts'
import { parseModelName } from './names.ts'

/** An option of a model or of a request: num_ctx, stop, … */
export type OptionValue = number | string | boolean | readonly string[]

/** A model for the simulator's disk. The name suggests every absent fact. */
export interface ModelSpec extends Partial<ModelTraits> {
  readonly name: string
  /** The longest context that the model was trained for, in tokens. */
  readonly trainedContext?: number
  /** Bytes of the weights, on disk and in memory. */
  readonly size?: number
  /** Bytes of memory for one token of the context of a slot. */
  readonly bytesPerToken?: number
  /** Time to load the model. Absent: as long as the engine says. */
  readonly loadMs?: number
  /** Loads of the model that fail, from the start of the simulator. */
  readonly loadFault?: LoadFaultInput
  /** As PARAMETER lines of a Modelfile. */
  readonly parameters?: Readonly<Record<string, OptionValue>>
  readonly system?: string
  /** Made from a file on the Ollama host, and not pulled. */
  readonly fromFile?: boolean
  /** The model runs on this host, and Ollama has only a stub. A name with the suffix `cloud` is always a stub. */
  readonly remoteHost?: string
  /** The model's name on the remote host. */
  readonly remoteModel?: string
}

/** Where a model runs that Ollama does not run. */
export interface RemotePlace {
  readonly host: string
  readonly model: string
  /** Whether the client's own spelling named the cloud. If not, a stub on the disk did. */
  readonly byName: boolean
}

/** A model on the simulator's imaginary disk. */
export interface Model extends ModelTraits {
  /** The short form with the tag, as in /api/tags. */
  readonly name: string
  /** Name of the blob with the weights: `sha256-` and 64 hex digits. Copies and children share it. Empty for a stub. */
  readonly weights: string
  /** sha256 of the manifest, in 64 hex digits. */
  readonly digest: string
  /** Bytes of the weights, on disk and in memory. */
  readonly size: number
  /** Bytes of memory for one token of the context of a slot. */
  readonly bytesPerToken: number
  /** Time to load the model. Undefined: as long as the engine says. */
  readonly loadMs: number | undefined
  readonly parameterSize: string
  readonly quantization: string
  /** The model that this model was created from, or the path of the blob, or empty. */
  readonly parentModel: string
  readonly template: string
  readonly system: string
  readonly parameters: Readonly<Record<string, OptionValue>>
  /** Tokens. */
  readonly trainedContext: number
  readonly embeddingLength: number
  readonly remote: RemotePlace | undefined
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

/** Where Ollama keeps its blobs in a container. */
export const BLOBS = '/root/.ollama/models/blobs'

/** Ollama's name for its own cloud. */
const CLOUD_HOST = 'https://ollama.com:443'

/** Bytes of the layers of a stub: it has a configuration and no weights. */
const STUB_BYTES = 384

/** As Q4_K_M files have. */
const BYTES_PER_WEIGHT = 0.63
/**
 * Bytes of one token of context in a model with a billion weights. They grow with the root of the weights: a token of
 * llama3.1 needs 128 KiB with 8 billion and 320 KiB with 70 billion (layers * KV heads * head size * 2 * 2 bytes).
 */
const TOKEN_BYTES = 40 * 1024

/** Makes up the facts that the spec leaves open. Equal names give equal facts. Throws a RangeError for a bad name. */
export function inventModel(spec: ModelSpec, modifiedAt: number): Model {
  const name = parseModelName(spec.name)?.short
  if (!name) throw new RangeError(`invalid model name: ${JSON.stringify(spec.name)}`)
  const traits = traitsOf(name.split('/').pop() ?? '')
  const remote = remotePlace(spec)
  const capabilities = spec.capabilities ?? traits.capabilities
  const embedsOnly = !capabilities.includes('completion') && capabilities.includes('embedding')
  const billions = /(\d+(?:\.\d+)?)b\b/i.exec(name)?.[1] ?? (embedsOnly ? '0.023' : '3.2')
  const weights = remote ? '' : `sha256-${sha256(`weights of ${name.toLowerCase()}`)}`
  return {
    name,
    weights,
    digest: sha256(name.toLowerCase()),
    size: spec.size ?? (remote ? STUB_BYTES : Math.round(Number(billions) * BYTES_PER_WEIGHT * 1e9)),
    bytesPerToken: spec.bytesPerToken ?? Math.round(Math.sqrt(Number(billions)) * TOKEN_BYTES),
    loadMs: spec.loadMs,
    format: spec.format ?? (remote ? '' : traits.format),
    family: spec.family ?? traits.family,
    capabilities,
    parameterSize: `${billions}B`,
    quantization: embedsOnly ? 'F16' : 'Q4_K_M',
    parentModel: spec.fromFile ? `${BLOBS}/${weights}` : '',
    template: '{{ .Prompt }}',
    system: spec.system ?? '',
    parameters: spec.parameters ?? {},
    trainedContext: spec.trainedContext ?? (embedsOnly ? 512 : 131_072),
    embeddingLength: embedsOnly ? 384 : 3072,
    remote,
    modifiedAt,
  }
}

/** How an answer names the model: in the client's spelling, but Ollama's cloud does not know its own suffix. */
export function nameInAnswer({ remote }: Model, spelled: string): string {
  return remote?.byName ? remote.model : spelled
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function remotePlace({ name, remoteHost, remoteModel }: ModelSpec): RemotePlace | undefined {
  const { base, source } = parseModelRef(name)
  if (!remoteHost && source !== 'cloud') return undefined
  return { host: remoteHost ?? CLOUD_HOST, model: remoteModel ?? base, byName: false }
}
