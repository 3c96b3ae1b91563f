import type { Credentials } from '../upstream/credentials.ts'
import { isSameOrigin } from './origins.ts'

/** Headers that speak of one connection, not of the message (RFC 9110 section 7.6.1), and those of the same kind. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Those of an answer to a gated call that stay behind: what we say of it ourselves must not be there twice. */
export const NOT_OF_A_CALL: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id', 'x-queue-wait-ms'])

/** Set anew for Ollama: its own host name, the length of what is really sent, no second 100-continue. */
const SET_ANEW: ReadonlySet<string> = new Set(['host', 'content-length', 'expect'])

/** Names that a Connection header declares to be hop by hop too. */
function declaredHops(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^\s*(?:keep-alive|close)\s*$/i.test(connection)) return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

/**
 * A request's headers for Ollama, as a flat list of names and values in their order and spelling.
 * `raw`: the flat list as received. An Origin that is our own would be a foreign one to Ollama, whose Host
 * differs from ours, and be refused: it stays behind. `credentials` decides about the Authorization.
 */
export function requestHeaders(
  raw: readonly string[],
  facts: {
    connection: string | undefined
    host: string | undefined
    keepLength: boolean
    credentials: Credentials | undefined
  },
): string[] {
  const { credentials } = facts
  const declared = declaredHops(facts.connection)
  const kept: string[] = []
  let authorized = false
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || declared?.has(lower)) continue
    if (SET_ANEW.has(lower) && !(facts.keepLength && lower === 'content-length')) continue
    if (lower === 'origin' && isSameOrigin(value, facts.host)) continue
    if (credentials !== undefined && lower === 'authorization') {
      if (value === '' || credentials.isOurs(value)) continue
      authorized = true
    }
    kept.push(name, value)
  }
  if (credentials?.authorization !== undefined && !authorized)
    kept.push('Authorization', credentials.authorization)
  return kept
}

/**
 * An answer's headers for the client, flat, in their order and spelling, without those in `dropped`. A 204 must not
 * carry a length (RFC 9110 section 8.6), and some clients wait for a body that was announced. A 304 may: that length
 * is the length of a 200.
 */
export function responseHeaders(
  raw: readonly string[],
  status: number,
  dropped: ReadonlySet<string>,
): string[] {
  let connection: string | undefined
  const kept: string[] = []
  const hasNoLength = status === 204
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'connection') connection = connection === undefined ? value : `${connection},${value}`
    if (dropped.has(lower) || (hasNoLength && lower === 'content-length')) continue
    kept.push(name, value)
  }
  const declared = declaredHops(connection)
  if (declared === undefined) return kept
  return kept.filter((_, index) => !declared.has((kept[index - (index % 2)] ?? '').toLowerCase()))
}

/** The value under a lower-case name in a flat list; undefined when it is not there. */
export function flatHeader(flat: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const given = flat[index] ?? ''
    if (given.length === name.length && given.toLowerCase() === name) return flat[index + 1]
  }
  return undefined
}
