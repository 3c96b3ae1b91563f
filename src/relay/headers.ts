import type { Credentials } from '../upstream/credentials.ts'
import { QUEUE_NOTIFY } from './begun-answer.ts'
import type { Withheld } from './contract.ts'
import { isSameOrigin } from './origins.ts'
import { QUEUE_KEY, QUEUE_KEY_RUNNING } from './queue-keys.ts'

/** Headers of one connection and not of the message (RFC 9110 section 7.6.1), and headers of the same kind. */
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

/** Headers of Ollama's answer to a gated call that the client does not get: the proxy adds its own under these names. */
export const NOT_OF_A_CALL: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id', 'x-queue-wait-ms'])

/**
 * Headers that stay here. Some are made anew for Ollama: its host name, the length of the bytes that are sent, no second
 * 100-continue. The others speak to the proxy alone, and Ollama would pass them on to ollama.com.
 */
const NOT_FOR_OLLAMA: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  QUEUE_KEY,
  QUEUE_KEY_RUNNING,
  QUEUE_NOTIFY,
])

/** Further hop-by-hop names that a Connection header declares. */
function declaredHops(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^\s*(?:keep-alive|close)\s*$/i.test(connection)) return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

/**
 * A request's headers for Ollama, as a flat list of names and values in their order and spelling.
 * `raw`: the flat list as received. An Origin of our own stays behind: Ollama has another Host, so Ollama would refuse
 * that Origin as foreign. `credentials` decides about the Authorization of requests that keep theirs.
 */
export function requestHeaders(
  raw: readonly string[],
  facts: {
    connection: string | undefined
    host: string | undefined
    keepLength: boolean
    credentials: Credentials | undefined
    withheld: Withheld | undefined
  },
): string[] {
  const { credentials, withheld } = facts
  const declared = declaredHops(facts.connection)
  const kept: string[] = []
  let authorized = false
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || declared?.has(lower)) continue
    if (withheld?.(lower)) continue
    if (NOT_FOR_OLLAMA.has(lower) && !(facts.keepLength && lower === 'content-length')) continue
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
 * An answer's headers for the client, flat, in their order and spelling, without the names in `dropped`. A 204 must
 * not carry a length (RFC 9110 section 8.6): some clients wait for a body that was announced. A 304 may carry one: the
 * length that a 200 would have.
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

/** The value under a lower-case name in a flat list; undefined when the name is not there. */
export function flatHeader(flat: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const given = flat[index] ?? ''
    if (given.length === name.length && given.toLowerCase() === name) return flat[index + 1]
  }
  return undefined
}
