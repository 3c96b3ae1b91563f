import { createHash } from 'node:crypto'
import { parseModelName } from './names.ts'

/** A model on the simulator's imaginary disk. */
export interface Model {
  /** The short form with the tag, as in /api/tags. */
  readonly name: string
  /** The model's name in the engine. As in Ollama, copies of a model share their weights and so one runner. */
  readonly weights: string
  /** sha256 of the manifest, in 64 hex digits. */
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly family: string
  readonly parameterSize: string
  readonly quantization: string
  readonly embeddingOnly: boolean
  readonly makesImages: boolean
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

export const DEFAULT_MODELS: readonly string[] = ['llama3.2', 'llama2', 'qwen2.5:7b', 'mistral', 'all-minilm']

/** The models on disk. With `anyModel`, find() adds the model for every valid name. */
export class Library {
  readonly #models = new Map<string, Model>()
  readonly #anyModel: boolean
  /** Keys of the models that a pull can find: the models at the start. */
  readonly #registry: ReadonlySet<string>
  readonly #wallTime: () => number

  /** Throws a RangeError for an invalid name. */
  constructor(names: readonly string[], anyModel: boolean, wallTime: () => number) {
    this.#anyModel = anyModel
    this.#wallTime = wallTime
    for (const name of names) this.add(name)
    this.#registry = new Set(this.#models.keys())
  }

  find(given: string): Model | undefined {
    const name = parseModelName(given)
    if (!name) return undefined
    return this.#models.get(name.key) ?? (this.#anyModel ? this.add(given) : undefined)
  }

  add(given: string): Model {
    const name = parseModelName(given)
    if (!name) throw new RangeError(`invalid model name: ${JSON.stringify(given)}`)
    const model = inventModel(name.short, this.#wallTime())
    this.#models.set(name.key, model)
    return model
  }

  copy(source: Model, destination: string): boolean {
    const name = parseModelName(destination)
    if (name) this.#models.set(name.key, { ...source, name: name.short, modifiedAt: this.#wallTime() })
    return name !== undefined
  }

  delete(given: string): boolean {
    const name = parseModelName(given)
    return name !== undefined && this.#models.delete(name.key)
  }

  canPull(given: string): boolean {
    const name = parseModelName(given)
    return name !== undefined && (this.#anyModel || this.#registry.has(name.key))
  }

  /** Newest first. */
  list(): Model[] {
    return [...this.#models.values()].sort((a, b) => b.modifiedAt - a.modifiedAt)
  }
}

function inventModel(name: string, modifiedAt: number): Model {
  const embeddingOnly = /minilm|embed|bge-/i.test(name)
  const billions = /(\d+(?:\.\d+)?)b\b/i.exec(name)?.[1] ?? (embeddingOnly ? '0.023' : '3.2')
  return {
    name,
    weights: name.toLowerCase(),
    digest: createHash('sha256').update(name.toLowerCase()).digest('hex'),
    size: Math.round(Number(billions) * 0.63e9),
    family: embeddingOnly
      ? 'bert'
      : (/^[a-z]+/i.exec(name.split('/').pop() ?? '')?.[0] ?? 'llama').toLowerCase(),
    parameterSize: `${billions}B`,
    quantization: embeddingOnly ? 'F16' : 'Q4_K_M',
    embeddingOnly,
    makesImages: /flux|z-image/i.test(name),
    modifiedAt,
  }
}
