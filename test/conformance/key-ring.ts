import { createHash } from 'node:crypto'
import type { Variables } from './pair.ts'

/** The secret of the key with this name, in the form that "key add" gives it. */
export function secretOf(name: string): string {
  return `sk-ogp-${name}-${createHash('sha256').update(name).digest('base64url')}`
}

/** The variable with these keys. A key that is known by nothing else is known by its secret. */
export function keyRing(keys: Readonly<Record<string, object>>): Variables {
  const entries = Object.entries(keys).map(([name, key]) => {
    const hash = `sha256:${createHash('sha256').update(secretOf(name)).digest('hex')}`
    return [name, 'ed25519' in key || 'address' in key ? key : { hash, ...key }]
  })
  return { KEYS: JSON.stringify(Object.fromEntries(entries)) }
}

/** The headers in which clients send a secret, in the order in which the proxy looks at them. */
export const CREDENTIALS = {
  'Authorization: Bearer': (secret) => ({ authorization: `Bearer ${secret}` }),
  'x-api-key': (secret) => ({ 'x-api-key': secret }),
  'api-key': (secret) => ({ 'api-key': secret }),
  'Authorization: Basic': (secret) => ({ authorization: `Basic ${btoa(`any:${secret}`)}` }),
} as const satisfies Record<string, (secret: string) => Readonly<Record<string, string>>>

/** The headers of the key with this name, as most clients send it. */
export function bearer(name: string): { readonly authorization: string } {
  return CREDENTIALS['Authorization: Bearer'](secretOf(name))
}

/** The header with which a trusted proxy passes on the request of a client. */
export function from(...addresses: readonly string[]): Readonly<Record<string, string>> {
  return { 'x-forwarded-for': addresses.join(', ') }
}

/** For TRUSTED_PROXIES: the suite itself. */
export const THE_SUITE = '127.0.0.1,::1'

/** The names of the models in a list of Ollama's. */
export function namesIn(list: unknown): readonly string[] {
  const { models, data } = Object(list) as {
    models?: readonly { readonly name: string }[]
    data?: readonly { readonly id: string }[]
  }
  return models?.map(({ name }) => name) ?? data?.map(({ id }) => id) ?? []
}
