import { isShown, type ListedModel, type ModelDetails } from './library.ts'

/** A model of Ollama. */
export interface CatalogModel {
  readonly key: string
  /** sha256 of the manifest, in 64 hex digits; undefined where the server tells none. Copies have the same one. */
  readonly digest: string | undefined
  /** Names the weights: models with the same ones share a runner. Undefined: not known, or on another server. */
  readonly weights: string | undefined
  readonly family: string
  readonly format: string
  /** Undefined: not told. */
  readonly capabilities: readonly string[] | undefined
  /** A stub: the model runs on ollama.com. */
  readonly remote: boolean
}

/** `shown`: what /api/show has told about the digest of this model. */
export function catalogModel(listed: ListedModel, shown: ModelDetails | undefined): CatalogModel {
  const { key, digest, family, format, remote } = listed
  const told = isShown(listed) ? shown : undefined
  // Ollama tells runners of this format apart by the manifest (server/sched.go, schedulerModelKey).
  const byManifest = format === 'safetensors' && !remote && digest !== undefined
  return {
    key,
    digest,
    weights: byManifest ? `sha256-${digest}` : told?.weights,
    family,
    format,
    // /api/show asks the same function as Ollama's scheduler. /api/tags reads less of the file of the weights.
    capabilities: told?.capabilities ?? listed.capabilities,
    remote,
  }
}

export function isSame(one: CatalogModel, other: CatalogModel): boolean {
  return (
    one.digest === other.digest &&
    one.weights === other.weights &&
    one.family === other.family &&
    one.format === other.format &&
    one.remote === other.remote &&
    areSame(one.capabilities, other.capabilities)
  )
}

function areSame(some: readonly string[] | undefined, others: readonly string[] | undefined): boolean {
  if (some === undefined || others === undefined) return some === others
  return some.length === others.length && some.every((each, index) => each === others[index])
}
