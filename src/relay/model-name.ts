/** A model name as Ollama understands it. */
export interface ModelName {
  /** Lane key and display form: lower case, defaults left out, `:latest` left out. */
  readonly key: string
  /** Runs on ollama.com, not on the guarded server: takes no slot. */
  readonly cloud: boolean
}

const DEFAULT_HOST = 'registry.ollama.ai'
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'

/** Go trims a NEL too, which JavaScript's trim leaves: a name must not slip by on that. */
const OUTER_SPACE = /^[\s\u0085]+|[\s\u0085]+$/g

const HOST = /^[a-z0-9_][a-z0-9_.:-]{0,349}$/
const NAMESPACE = /^[a-z0-9_][a-z0-9_-]{0,79}$/
const MODEL_OR_TAG = /^[a-z0-9_][a-z0-9_.-]{0,79}$/

/**
 * Reads any spelling of a name in the steps Ollama takes: trim, strip the source suffix, split, fill in
 * host, namespace and tag, lower case. Undefined: a name that Ollama refuses, so nothing will run.
 */
export function parseModelName(written: string): ModelName | undefined {
  const { base, source } = stripSource(written.replace(OUTER_SPACE, '').toLowerCase())
  if (stripSource(base).source !== undefined) return undefined

  const slash = base.lastIndexOf('/')
  const colon = base.lastIndexOf(':')
  const tagged = colon > slash
  const tag = tagged ? base.slice(colon + 1) : DEFAULT_TAG
  const path = tagged ? base.slice(0, colon) : base

  const [rest, model] = splitLast(path)
  const [hostPart, namespacePart] = rest === undefined ? [undefined, undefined] : splitLast(rest)
  const namespace = namespacePart ?? DEFAULT_NAMESPACE
  const host = hostPart === undefined ? DEFAULT_HOST : withoutScheme(hostPart)

  if (!MODEL_OR_TAG.test(model) || !MODEL_OR_TAG.test(tag)) return undefined
  if (!NAMESPACE.test(namespace) || !HOST.test(host)) return undefined

  const name = tag === DEFAULT_TAG ? model : `${model}:${tag}`
  const cloud = source === 'cloud'
  if (host !== DEFAULT_HOST) return { key: `${host}/${namespace}/${name}`, cloud }
  if (namespace !== DEFAULT_NAMESPACE) return { key: `${namespace}/${name}`, cloud }
  return { key: name, cloud }
}

/** `x:cloud` and `x:20b-cloud` run in the cloud, `x:local` must not. */
function stripSource(name: string): { base: string; source?: 'cloud' | 'local' } {
  const colon = name.lastIndexOf(':')
  if (colon < 0) return { base: name }
  const suffix = name.slice(colon + 1)
  if (suffix === 'cloud' || suffix === 'local') return { base: name.slice(0, colon), source: suffix }
  if (suffix.endsWith('-cloud') && !suffix.includes('/')) {
    return { base: name.slice(0, -'-cloud'.length), source: 'cloud' }
  }
  return { base: name }
}

/** Splits at the last slash; the left side is undefined when there is none. */
function splitLast(path: string): [string | undefined, string] {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? [undefined, path] : [path.slice(0, slash), path.slice(slash + 1)]
}

function withoutScheme(host: string): string {
  const scheme = host.indexOf('://')
  return scheme < 0 ? host : host.slice(scheme + 3)
}
