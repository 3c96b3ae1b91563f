import type { UpstreamQuestion } from './asking.ts'
import { type Cause, causeOfCode } from './cause.ts'

const PROBE_PATH = '/api/version'

/** Asks for Ollama's version. */
export const PROBE: UpstreamQuestion = {
  method: 'GET',
  path: PROBE_PATH,
  // Ollama's answer has a few bytes. A longer answer comes from another program.
  mostBytes: 16 * 1024,
  // A probe that takes longer counts as unanswered.
  timeoutMs: 2_000,
}

/** The answer to a request for Ollama's version. */
export interface ProbeAnswer {
  readonly status: number
  /** Target of a redirect. */
  readonly location?: string | undefined
  /** Read only with status 200. */
  readonly body: string
}

export interface Finding {
  /** Null where the answer holds no version. */
  readonly version: string | null
  /** Why there is no version; undefined when there is one. */
  readonly problem?: Cause
  /** Another program answered. False for any status but 200: that may come from a server in front of Ollama. */
  readonly otherProgram: boolean
}

/** `authorized`: the probe carried an Authorization header. */
export function readProbe({ status, location, body }: ProbeAnswer, authorized: boolean): Finding {
  if (status !== 200)
    return { version: null, problem: problemOf(status, location, authorized), otherProgram: false }
  const version = versionIn(body)
  return version === undefined
    ? { version: null, problem: causeOfCode('NOT_OLLAMA'), otherProgram: true }
    : { version, otherProgram: false }
}

function versionIn(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    const found =
      typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined
    return typeof found === 'string' ? found : undefined
  } catch {
    return undefined
  }
}

function problemOf(status: number, location: string | undefined, authorized: boolean): Cause {
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
      return [': it redirects to another page', 'set ollama_url to the address of Ollama itself']
    return [`: it redirects to ${address}`, 'set ollama_url to that address']
  }
  if (status === 401 || status === 403) {
    if (authorized) return [': it does not accept ollama_authorization', 'check that value']
    return status === 401
      ? [': it requires an Authorization', 'set ollama_authorization']
      : [
          ': it refuses the proxy',
          'if a server in front of Ollama requires credentials, set ollama_authorization',
        ]
  }
  if (status >= 500) return ['', 'look into the log of Ollama, or of the server in front of Ollama']
  return ['', 'check the path in ollama_url']
}

/** The ollama_url for the target of a redirect; undefined where the target is another page, such as a login. */
function ollamaBehind(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined
  const { protocol, origin, pathname } = new URL(location)
  if (!/^https?:$/.test(protocol) || !pathname.endsWith(PROBE_PATH)) return undefined
  return origin + pathname.slice(0, -PROBE_PATH.length)
}
