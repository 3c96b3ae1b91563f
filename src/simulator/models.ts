import { createHash } from 'node:crypto'
import { parseModelName } from './names.ts'

/** A model that the simulator has on its imaginary disk. */
export interface Model {
  /** Shortest form with its tag, as /api/tags shows it. */
  readonly name: string
  /** What the engine schedules by. Copies of a model share it, and so one runner, as Ollama's share their weights. */
  readonly weights: string
  /** Manifest's sha256 in 64 hex digits. */
  readonly digest: string
  readonly size: number
  readonly family: string
  readonly parameterSize: string
  readonly quantization: string
  readonly embeddingOnly: boolean
  /** Makes images. */
  readonly paints: boolean
  readonly modifiedAt: number
}

export const DEFAULT_MODELS: readonly string[] = ['llama3.2', 'llama2', 'qwen2.5:7b', 'mistral', 'all-minilm']

/** Models by name. With `anyModel` every valid name is there as soon as somebody asks for it. */
export class Library {
  readonly #models = new Map<string, Model>()
  readonly #anyModel: boolean
  /** What a pull can find: all that was there at the start. */
  readonly #registry: ReadonlySet<string>
  readonly #wallTime: () => number

  /** Throws a RangeError for a name that is none. */
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
    const model = imagine(name.short, this.#wallTime())
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

function imagine(name: string, modifiedAt: number): Model {
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
    paints: /flux|z-image/i.test(name),
    modifiedAt,
  }
}
