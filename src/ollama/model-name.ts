/** A model name as Ollama understands it. */
export interface ModelName {
  /**
   * The name as people see it: in lower case, without default host and namespace, without `:latest`. The key of a cloud
   * model has the tag `cloud`, or a tag that ends in `-cloud`, as in Ollama's own list.
   */
  readonly key: string
  /** The model runs on ollama.com and not on the guarded server. */
  readonly cloud: boolean
}

/**
 * Bytes of a name as the client writes it, with the white space that Ollama trims. A longer name is refused: nobody has
 * such a name, and to read it would take too long.
 */
export const MOST_NAME_BYTES = 64 * 1024

const DEFAULT_HOST = 'registry.ollama.ai'
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'

// Names are tested before lower case turns the Kelvin sign into a k: Ollama refuses that sign.
const HOST = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}$/
const NAMESPACE = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$/
const MODEL_OR_TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/

/**
 * Reads any spelling of a name in the steps of Ollama: trim, strip the source suffix, split, fill in host, namespace
 * and tag, turn into lower case. Undefined: Ollama refuses the name, so no model runs.
 */
export function parseModelName(written: string): ModelName | undefined {
  const { base, source } = stripSource(trimmed(written))
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
  const cloud = source === 'cloud'
  const shownTag = !cloud ? tag : tag.toLowerCase() === DEFAULT_TAG ? 'cloud' : `${tag}-cloud`
  return { key: shortForm(host.toLowerCase(), namespace.toLowerCase(), model, shownTag), cloud }
}

/** Whether a model key is that of a cloud model. */
export function isCloudKey(key: string): boolean {
  return /:(?:[^:/]*-)?cloud$/.test(key)
}

function shortForm(host: string, namespace: string, model: string, tag: string): string {
  const name = (tag.toLowerCase() === DEFAULT_TAG ? model : `${model}:${tag}`).toLowerCase()
  if (host !== DEFAULT_HOST) return `${host}/${namespace}/${name}`
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`
}

/** A pattern for the space at the end would take quadratic time over much space in the middle. */
function trimmed(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** White space as Go defines it: with NEL, without the byte-order mark. */
function isSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return code === 0x85 || (code !== 0xfeff && /\s/.test(String.fromCharCode(code)))
}

/** `x:cloud` and `x:20b-cloud` run in the cloud. `x:local` must not run there. */
function stripSource(name: string): { base: string; source?: 'cloud' | 'local' } {
  const colon = name.lastIndexOf(':')
  if (colon < 0) return { base: name }
  const written = trimmed(name.slice(colon + 1))
  const suffix = written.toLowerCase()
  if (suffix === 'cloud' || suffix === 'local') return { base: name.slice(0, colon), source: suffix }
  if (suffix.endsWith('-cloud') && !suffix.includes('/')) {
    return { base: name.slice(0, colon + 1) + written.slice(0, -'-cloud'.length), source: 'cloud' }
  }
  return { base: name }
}

/** Splits at the last slash. Without a slash the left side is undefined. */
function splitLast(path: string): [string | undefined, string] {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? [undefined, path] : [path.slice(0, slash), path.slice(slash + 1)]
}

/** `http:///library/x` has a scheme and no host, which means the default host. */
function withoutScheme(host: string): string {
  const scheme = host.indexOf('://')
  return scheme < 0 ? host : host.slice(scheme + 3) || DEFAULT_HOST
}
