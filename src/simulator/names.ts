/** A model's name, parsed by Ollama's rules. */
export interface ParsedName {
  /** The complete name in lower case. All spellings of a model's name have the same key. */
  readonly key: string
  /** The name without a default host and namespace, but always with its tag. */
  readonly short: string
}

const HOST = 'registry.ollama.ai'
const NAMESPACE = 'library'
const PART = /^[a-z0-9_][a-z0-9_.-]{0,79}$/i
const NAMESPACE_PART = /^[a-z0-9_][a-z0-9_-]{0,79}$/i
const HOST_PART = /^[a-z0-9_][a-z0-9_.:-]{0,349}$/i

/** Undefined: the name is invalid. Callers check for an empty name first. */
export function parseModelName(given: string): ParsedName | undefined {
  const name = withoutSource(given.trim())
  const colon = name.lastIndexOf(':')
  const tagged = colon > name.lastIndexOf('/')
  const tag = tagged ? name.slice(colon + 1) : 'latest'
  const parts = (tagged ? name.slice(0, colon) : name).replace(/^[a-z]+:\/\//i, '').split('/')
  const model = parts.pop() ?? ''
  const namespace = parts.pop() ?? NAMESPACE
  const host = parts.length > 0 ? parts.join('/') : HOST
  if (!PART.test(model) || !PART.test(tag) || !NAMESPACE_PART.test(namespace) || !HOST_PART.test(host)) {
    return undefined
  }
  const key = `${host}/${namespace}/${model}:${tag}`.toLowerCase()
  const isDefaultHost = host.toLowerCase() === HOST
  const isDefaultSpace = isDefaultHost && namespace.toLowerCase() === NAMESPACE
  const path = isDefaultSpace
    ? model
    : isDefaultHost
      ? `${namespace}/${model}`
      : `${host}/${namespace}/${model}`
  return { key, short: `${path}:${tag}` }
}

/** `:local` says that the name is not that of a cloud model. A cloud name has its suffix on the disk, too. */
function withoutSource(name: string): string {
  return name.replace(/:local$/i, '')
}
