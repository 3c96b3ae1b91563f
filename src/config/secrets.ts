/** Secrets of ours begin with `sk-ogp-`, those of other services with `sk-` and at least eight more characters. */
const SECRET = /sk-ogp-[\w-]*|(?<![a-z\d])sk-[\w-]{8,}/gi

/** The text with `sk-***` for each part that looks like a secret: somebody may have put a secret at any place. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET, 'sk-***')
}

/** The same for each text and each name in a value of the configuration. */
export function valueWithoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (Array.isArray(value)) return value.map(valueWithoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [withoutSecrets(name), valueWithoutSecrets(inner)]),
  )
}
