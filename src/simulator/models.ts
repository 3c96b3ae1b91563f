import { stubNameOf } from './model-ref.ts'
import { inventModel, type Model, type ModelSpec, type OptionValue, sha256 } from './model-spec.ts'
import { parseModelName } from './names.ts'

export const DEFAULT_MODELS: readonly string[] = ['llama3.2', 'llama2', 'qwen2.5:7b', 'mistral', 'all-minilm']

/** What a child changes of the model that it is created from. */
export interface ModelChange {
  readonly system: string | undefined
  readonly template: string | undefined
  readonly parameters: Readonly<Record<string, OptionValue>>
}

/** The models on disk. With `anyModel`, find() adds the model for every valid name. */
export class Library {
  readonly #models = new Map<string, Model>()
  readonly #anyModel: boolean
  /** Keys of the models that a pull can find: the models at the start. */
  readonly #registry: ReadonlySet<string>
  readonly #wallTime: () => number

  /** Throws a RangeError for an invalid name. */
  constructor(models: readonly (string | ModelSpec)[], anyModel: boolean, wallTime: () => number) {
    this.#anyModel = anyModel
    this.#wallTime = wallTime
    for (const model of models) this.add(model)
    this.#registry = new Set(this.#models.keys())
  }

  find(given: string): Model | undefined {
    const name = parseModelName(given)
    if (!name) return undefined
    return this.#models.get(name.key) ?? (this.#anyModel ? this.add(given) : undefined)
  }

  /** Throws a RangeError for an invalid name. */
  add(given: string | ModelSpec): Model {
    const model = inventModel(typeof given === 'string' ? { name: given } : given, this.#wallTime())
    this.#put(model)
    return model
  }

  copy(source: Model, destination: string): boolean {
    const name = parseModelName(destination)
    if (name) this.#put({ ...source, name: name.short, modifiedAt: this.#wallTime() })
    return name !== undefined
  }

  /** As copy(), with other layers around the same weights, and so with another manifest. */
  create(source: Model, destination: string, change: ModelChange): boolean {
    const name = parseModelName(destination)
    if (!name) return false
    const system = change.system || source.system
    const template = change.template || source.template
    const parameters = { ...source.parameters, ...change.parameters }
    const parentModel = source.remote ? '' : source.name
    const manifest = [source.weights, source.name, template, system, parameters]
    this.#put({
      ...source,
      name: name.short,
      digest: sha256(JSON.stringify(manifest)),
      parentModel,
      template,
      system,
      parameters,
      remote: source.remote && { ...source.remote, byName: false },
      modifiedAt: this.#wallTime(),
    })
    return true
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

  /** The model `base` of Ollama's cloud, which knows every valid name. Undefined: the name is invalid. */
  cloudModel(base: string): Model | undefined {
    if (!parseModelName(base)) return undefined
    const model = inventModel({ name: stubNameOf(base) }, this.#wallTime())
    return model.remote && { ...model, remote: { ...model.remote, model: base, byName: true } }
  }

  #put(model: Model): void {
    const key = parseModelName(model.name)?.key
    if (key) this.#models.set(key, model)
  }
}
