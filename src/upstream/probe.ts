import { type Cause, named } from './cause.ts'

/** A probe that takes longer than this, in milliseconds, counts as no answer. */
export const PROBE_TIMEOUT_MS = 2_000
/** A version is told in a few bytes. What is longer than this comes from another program and is not read on. */
export const PROBE_MOST_BYTES = 16 * 1024
export const PROBE_PATH = '/api/version'

/** What came back when Ollama was asked for its version. */
export interface ProbeAnswer {
  readonly status: number
  /** Where a redirect leads. */
  readonly location?: string | undefined
  /** At most PROBE_MOST_BYTES of it; only read with status 200. */
  readonly body: string
}

/** What an answer says of who gave it. */
export interface Finding {
  /** Null where the answer tells none. */
  readonly version: string | null
  /** Why there is no version; undefined for an Ollama that told it. */
  readonly oddity?: Cause
  /** Another program answered. Any status but 200 may be that of a server before Ollama. */
  readonly stranger: boolean
}

/** `authorized`: the probe carried an Authorization. */
export function readProbe({ status, location, body }: ProbeAnswer, authorized: boolean): Finding {
  if (status !== 200)
    return { version: null, oddity: oddityOf(status, location, authorized), stranger: false }
  const version = versionIn(body)
  return version === undefined
    ? { version: null, oddity: named('NOT_OLLAMA'), stranger: true }
    : { version, stranger: false }
}

function versionIn(body: string): string | undefined {
  try {
    const told: unknown = JSON.parse(body)
    const found = typeof told === 'object' && told !== null && 'version' in told ? told.version : undefined
    return typeof found === 'string' ? found : undefined
  } catch {
    return undefined
  }
}

function oddityOf(status: number, location: string | undefined, authorized: boolean): Cause {
  const [why, advice] = explain(status, location, authorized)
  return { code: `HTTP_${status}`, message: `Ollama answers the version probe with ${status}${why}`, advice }
}

function explain(
  status: number,
  location: string | undefined,
  authorized: boolean,
): readonly [string, string] {
  if (status >= 300 && status < 400) {
    const address = ollamaBehind(location)
    if (address === undefined)
      return [': it redirects elsewhere', 'set ollama_url to the address of the Ollama itself']
    return [`: it redirects to ${address}`, 'set ollama_url to that']
  }
  if (status === 401 || status === 403) {
    if (authorized) return [': it does not accept ollama_authorization', 'check its value']
    return status === 401
      ? [': it wants an Authorization', 'set ollama_authorization']
      : [': it refuses the proxy', 'a server before Ollama may want ollama_authorization']
  }
  if (status >= 500) return ['', 'look into the log of Ollama, or of the server before it']
  return ['', 'check the path in ollama_url']
}

/** The ollama_url that a redirect leads to; undefined where it leads to another page, such as a login. */
function ollamaBehind(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined
  const { protocol, origin, pathname } = new URL(location)
  if (!/^https?:$/.test(protocol) || !pathname.endsWith(PROBE_PATH)) return undefined
  return origin + pathname.slice(0, -PROBE_PATH.length)
}
