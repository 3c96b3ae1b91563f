import type { Context, MiddlewareHandler } from 'hono'
import { isSecret } from '../callers/secret.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'
import { addressBlock } from './address-block.ts'
import { Attempts } from './attempts.ts'
import { FOREIGN_HOST, type Peer, whyNotLocal } from './peer.ts'
import { HttpProblem } from './problem.ts'
import { RefusalLines } from './refusal-lines.ts'

/** Why somebody was not taken for an admin. Where a token is set, `not_local` is said of a Host that is refused anyway. */
export type AdminRefusal = 'no_token' | 'wrong_token' | 'not_local' | 'too_many_attempts'

export interface AdminGuardParts {
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Unset: whoever sits at this machine is an admin. */
  readonly token: string | undefined
  /** This machine's own name. */
  readonly hostname: string
  readonly peer: (c: Context) => Peer
}

/** Values of an action for the log. */
type Told = Readonly<Record<string, string | number | undefined>>

/** A client chooses names and ids, so they must not fill the log. */
const LONGEST_VALUE = 256

/** Knows who administers: whoever shows the token, or, where none is set, whoever sits at this machine. */
export class AdminGuard {
  /** Refused attempts since the start. */
  readonly refused: Record<AdminRefusal, number> = {
    no_token: 0,
    wrong_token: 0,
    not_local: 0,
    too_many_attempts: 0,
  }
  readonly #parts: AdminGuardParts
  readonly #attempts: Attempts
  readonly #lines: RefusalLines
  readonly #told = new WeakMap<Request, Told>()

  constructor(parts: AdminGuardParts) {
    this.#parts = parts
    this.#attempts = new Attempts(parts.clock)
    this.#lines = new RefusalLines(parts.clock, parts.log)
  }

  /** Lets admins alone through to a route, and logs what they did there and how the route answered. */
  lets(action: string): MiddlewareHandler {
    const { log, token } = this.#parts
    const by = token === undefined ? 'local' : 'token'
    const guard = this
    return async function guardAdmin(c, next) {
      const refusal = guard.#whyRefused(c)
      if (refusal !== undefined) throw refusal
      // Asked for now: not every runtime knows it once the request is over.
      const { address } = guard.#parts.peer(c)
      await next()
      const told = guard.#told.get(c.req.raw)
      log.info('admin action', { action, client: address, by, ...told, status: c.res.status })
    }
  }

  /** Adds what an action was about to its line in the log. */
  tell(c: Context, told: Told): void {
    const brief = Object.entries(told).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.slice(0, LONGEST_VALUE) : value,
    ])
    this.#told.set(c.req.raw, Object.fromEntries(brief))
  }

  /** Who wants to listen to the queue, which is open to everybody: a wrong token counts as an attempt all the same. */
  listener(c: Context): { readonly address: string; readonly operator: boolean } {
    const address = addressBlock(this.#parts.peer(c).address)
    if (this.#parts.token === undefined) return { address, operator: this.#whyNotLocal(c) === undefined }
    return { address, operator: bearerOf(c) !== undefined && this.#whyRefused(c) === undefined }
  }

  /** A request for a route of admins was refused before it came here, for its Host. */
  refusedHost(peer: Peer, path: string): void {
    this.#note(peer, 'not_local', path, FOREIGN_HOST)
  }

  /** Writes what is still to be said of refused attempts. */
  stop(): void {
    this.#lines.flush()
  }

  #whyRefused(c: Context): HttpProblem | undefined {
    const { token } = this.#parts
    if (token === undefined) {
      const why = this.#whyNotLocal(c)
      return why === undefined ? undefined : this.#refuse(c, 'not_local', why)
    }
    const who = this.#accountOf(c)
    const waitMs = this.#attempts.waitMs(who)
    if (waitMs > 0) return this.#refuse(c, 'too_many_attempts', undefined, waitMs)
    const given = bearerOf(c)
    if (given !== undefined && isSecret(given, token)) return undefined
    this.#attempts.failed(who)
    return this.#refuse(c, given === undefined ? 'no_token' : 'wrong_token')
  }

  #refuse(c: Context, reason: AdminRefusal, why?: string, waitMs = 0): HttpProblem {
    this.#note(this.#parts.peer(c), reason, c.req.path, why)
    switch (reason) {
      case 'no_token':
        return new HttpProblem('unauthorized', {
          headers: ['WWW-Authenticate', 'Bearer realm="ollama-guard-proxy"'],
        })
      case 'too_many_attempts':
        return new HttpProblem(reason, { headers: ['Retry-After', String(Math.ceil(waitMs / 1_000))] })
      default:
        return new HttpProblem('forbidden')
    }
  }

  #note({ address }: Peer, reason: AdminRefusal, path: string, why?: string): void {
    this.refused[reason]++
    const line = {
      client: address,
      reason,
      ...(why !== undefined && { why }),
      path: path.slice(0, LONGEST_VALUE),
    }
    this.#lines.refused(addressBlock(address), line)
  }

  /**
   * Whose attempts are counted together. Somebody at this machine is not locked out by those who come from
   * elsewhere through a proxy at this machine, as long as the proxy can be told.
   */
  #accountOf(c: Context): string {
    const block = addressBlock(this.#parts.peer(c).address)
    return this.#whyNotLocal(c) === undefined ? block : `${block} from elsewhere`
  }

  #whyNotLocal(c: Context): string | undefined {
    return whyNotLocal(this.#parts.peer(c), c.req.header(), this.#parts.hostname)
  }
}

function bearerOf(c: Context): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
}
