/**
 * Where a request goes. It is parsed once per request, so that the path which is routed is the path which is forwarded.
 */
export interface Target {
  /** Path and query for Ollama, in the client's own bytes. Begins with a slash. */
  readonly forwarded: string
  /** The path that routes are matched against: decoded once and as a whole, as Ollama does, without empty segments. */
  readonly path: string
}

const SLASH = 0x2f

/** Scheme and authority of a target in absolute form (RFC 9112 section 3.2.2). The authority must not be empty. */
const AUTHORITY = /^https?:\/\/[^/?#\\\s]+(?=[/?]|$)/i

/** A backslash, an empty segment, or a segment that begins with a dot: rare, so that most paths need no second look. */
const UNUSUAL = /\\|\/[/.]/

/** A dot segment, or a backslash that some servers read as a slash. */
const CLIMBING = /\\|\/\.\.?(?:\/|$)/

/**
 * Reads a request target in origin or absolute form.
 *
 * Undefined for a target that two servers could read in two ways: another form or scheme, an empty authority, a
 * fragment, a dot segment or a backslash (percent-encoded or not), and a path that is encoded twice. Ollama has no route
 * with such a path, but a server between us and Ollama could make a gated route of it, or leave the prefix.
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

/** Percent-encoding undone. A path that does not decode stays as it is: no route of Ollama's has such a path. */
function decoded(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
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

/** Text that is not UTF-8 stays as it is written. Its `%` is no part of any model's name. */
function unescaped(text: string): string {
  return decoded(text.replaceAll('+', ' '))
}
