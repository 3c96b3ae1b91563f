/** A model's name with its source, parsed as Ollama's internal/modelref does. */
export interface ModelRef {
  /** The name without the suffix of its source. */
  readonly base: string
  /** Undefined: the name does not say where the model runs. */
  readonly source: 'cloud' | 'local' | undefined
}

/** `gpt-oss:20b-cloud`, `gpt-oss:20b:cloud` and `gpt-oss:cloud` name models of Ollama's cloud; `x:local` does not. */
export function parseModelRef(given: string): ModelRef {
  const name = given.trim()
  const colon = name.lastIndexOf(':')
  if (colon < 0) return { base: name, source: undefined }
  const suffix = name.slice(colon + 1).trim()
  const lower = suffix.toLowerCase()
  if (lower === 'cloud' || lower === 'local') return { base: name.slice(0, colon), source: lower }
  if (!lower.endsWith('-cloud') || lower.includes('/')) return { base: name, source: undefined }
  return { base: name.slice(0, colon + 1) + suffix.slice(0, -'-cloud'.length), source: 'cloud' }
}

/** The name under which Ollama keeps the stub of a cloud model: `gpt-oss:20b-cloud`, or `gpt-oss:cloud`. */
export function stubNameOf(base: string): string {
  return base.lastIndexOf(':') > base.lastIndexOf('/') ? `${base}-cloud` : `${base}:cloud`
}

/** `x:local:cloud` and the like: Ollama refuses a name with two sources. */
export function namesTwoSources(given: string): boolean {
  const { base, source } = parseModelRef(given)
  return source !== undefined && parseModelRef(base).source !== undefined
}

/** The name on the disk for a name of /api/pull or /api/delete. */
export function pullNameOf(given: string): string {
  const { base, source } = parseModelRef(given)
  return source === 'cloud' ? stubNameOf(base) : base
}
