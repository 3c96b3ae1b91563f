import type { Context, MiddlewareHandler } from 'hono'
import { isSameOrigin } from '../relay/origins.ts'
import { isAllowedHost } from './host-guard.ts'
import { HttpProblem } from './problem.ts'

export interface AdminGuardParts {
  readonly config: { readonly admin_token?: string | undefined }
  /** True when the Host of every request was checked before it came here. */
  readonly listensOnLoopback: boolean
  /** Address of the peer's socket, not of what a header claims. */
  readonly clientAddress: (c: Context) => string
}

const LOOPBACK = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i
const NO_NAMES = { hostname: '', addresses: [] }

/** Lets in who holds the token; where there is none, who sits at this machine and is no web page from elsewhere. */
export const adminGuard = (parts: AdminGuardParts): MiddlewareHandler => {
  const token = parts.config.admin_token
  return async function guardAdmin(c, next) {
    if (token === undefined) requireLocal(c, parts)
    else await requireToken(c, token)
    await next()
  }
}

async function requireToken(c: Context, token: string): Promise<void> {
  const given = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
  if (given === undefined) {
    throw new HttpProblem('unauthorized', {
      headers: { 'WWW-Authenticate': 'Bearer realm="ollama-guard-proxy"' },
    })
  }
  if (!(await areEqual(given, token))) throw new HttpProblem('forbidden')
}

function requireLocal(c: Context, { clientAddress, listensOnLoopback }: AdminGuardParts): void {
  if (!LOOPBACK.test(clientAddress(c)) || isForwarded(c)) throw new HttpProblem('forbidden')
  const origin = c.req.header('origin')
  if (origin === undefined) return
  // A page can make its own name point here and then has the same origin as we do: its name must be a local one.
  const host = c.req.header('host')
  if (!isSameOrigin(origin, host)) throw new HttpProblem('forbidden')
  if (!listensOnLoopback && !isAllowedHost(host, NO_NAMES)) throw new HttpProblem('forbidden')
}

/** Behind a proxy on this machine every peer is loopback, whoever asks. */
function isForwarded(c: Context): boolean {
  return c.req.header('x-forwarded-for') !== undefined || c.req.header('forwarded') !== undefined
}

/** Compares digests, so that the time taken tells nothing about where two texts differ. */
async function areEqual(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([digest(a), digest(b)])
  let difference = 0
  for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0)
  return difference === 0
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
