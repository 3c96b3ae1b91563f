/** Where a request goes. A request is parsed once, so the path that is routed is the path that is forwarded. */
export interface Target {
  /** Path and query for Ollama, in the client's own bytes. Begins with a slash. */
  readonly forwarded: string
  /** The path for the router: decoded once and as a whole, as in Ollama, and without empty segments. */
  readonly path: string
}

const SLASH = 0x2f

/** Scheme and authority of a target in absolute form (RFC 9112 section 3.2.2). The authority must not be empty. */
const AUTHORITY = /^https?:\/\/[^/?#\\\s]+(?=[/?]|$)/i

/** A backslash, an empty segment, or a segment that begins with a dot. Most paths have none and need no other check. */
const UNUSUAL = /\\|\/[/.]/

/** A dot segment, or a backslash, which some servers read as a slash. */
const CLIMBING = /\\|\/\.\.?(?:\/|$)/

/**
 * Reads a request target in origin or absolute form.
 *
 * Undefined for a target that two servers could read in two ways: another form or scheme, an empty authority, a
 * fragment, a dot segment or a backslash (percent-encoded or not), a path that is encoded twice. Ollama has no route
 * with such a path. But a server between the proxy and Ollama could turn the path into a gated route, or into a path
 * outside the prefix.
 */
export function parseTarget(raw: string): Target | undefined {
  const origin = raw.charCodeAt(0) === SLASH ? raw : originForm(raw)
  if (origin === undefined || origin.includes('#')) return undefined
  const question = origin.indexOf('?')
  const written = question < 0 ? origin : origin.slice(0, question)
  const path = decoded(written)
  if (!UNUSUAL.test(path) && !path.includes('%')) return { forwarded: origin, path }
  if (CLIMBING.test(path) || decoded(path) !== path) return undefined
  return { forwarded: origin, path: path.replace(/\/{2,}/g, '/') }
}

/** The target of a request whose platform has made a URL of it already. */
export function targetOfUrl(url: string): Target | undefined {
  return parseTarget(url.slice(url.indexOf('/', url.indexOf('://') + 3)))
}

function originForm(raw: string): string | undefined {
  const authority = AUTHORITY.exec(raw)?.[0]
  if (authority === undefined) return undefined
  const rest = raw.slice(authority.length)
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
}

/**
 * Undoes percent-encoding. Bytes that are no UTF-8 become a character each, because Ollama decodes them, too. A `%` without
 * two hexadecimal digits stays: Ollama refuses such a path.
 */
function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replace(/%([\da-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
  }
}

/**
 * The first value under a key in the query of a target, as Go reads it. Go skips a pair that it cannot decode.
 * Undefined: no such key.
 */
export function queryField(target: string, field: string): string | undefined {
  const question = target.indexOf('?')
  if (question < 0) return undefined
  for (const pair of target.slice(question + 1).split('&')) {
    if (pair.includes(';') || /%(?![\da-f]{2})/i.test(pair)) continue
    const equals = pair.indexOf('=')
    if (unescaped(equals < 0 ? pair : pair.slice(0, equals)) !== field) continue
    return equals < 0 ? '' : unescaped(pair.slice(equals + 1))
  }
  return undefined
}

/** Decodes a key or a value of a query. */
function unescaped(text: string): string {
  return decoded(text.replaceAll('+', ' '))
}
