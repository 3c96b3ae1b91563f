import type { Context, MiddlewareHandler } from 'hono'
import { addressBlock } from '../callers/address-block.ts'
import { isSecret } from '../callers/secret.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'

import { Attempts } from './attempts.ts'
import type { ListenerIdentity } from './event-listeners.ts'
import { FOREIGN_HOST, type Peer, whyNotLocal } from './peer.ts'
import { HttpProblem } from './problem.ts'
import { RefusalLines } from './refusal-lines.ts'

/**
 * Why an attempt to administer was refused. Where a token is set, `not_local` stands for a foreign Host, which is
 * refused before the token is looked at.
 */
export type AdminRefusal = 'no_token' | 'wrong_token' | 'not_local' | 'too_many_attempts'

export interface AdminGuardParts {
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Without a token, every client at this machine is an admin. */
  readonly token: string | undefined
  /** This machine's name. */
  readonly hostname: string
  readonly peer: (c: Context) => Peer
  /** The account of the client's address. Behind a trusted proxy each client has an account of its own. */
  readonly accountOf: (c: Context) => string
}

/** Fields of an action for the log. */
type LogFields = Readonly<Record<string, string | number | undefined>>

/** The client chooses names and ids, so long ones are cut in the log. */
const LONGEST_VALUE = 256

/** Decides who may administer: a client with the token, or, where none is set, a client at this machine. */
export class AdminGuard {
  /** Refused attempts since the start, by reason. */
  readonly refused: Record<AdminRefusal, number> = {
    no_token: 0,
    wrong_token: 0,
    not_local: 0,
    too_many_attempts: 0,
  }
  readonly #parts: AdminGuardParts
  readonly #attempts: Attempts
  readonly #lines: RefusalLines
  readonly #fields = new WeakMap<Request, LogFields>()

  constructor(parts: AdminGuardParts) {
    this.#parts = parts
    this.#attempts = new Attempts(parts.clock)
    this.#lines = new RefusalLines(parts.clock, parts.log, 'admin attempt')
  }

  /** A guard for a route of admins. It logs each action with the status of the answer. */
  lets(action: string): MiddlewareHandler {
    const { log, token } = this.#parts
    const by = token === undefined ? 'local' : 'token'
    const guard = this
    return async function guardAdmin(c, next) {
      const refusal = guard.#whyRefused(c)
      if (refusal !== undefined) throw refusal
      // Read before the request is over: some runtimes forget the address then.
      const { address } = guard.#parts.peer(c)
      await next()
      const fields = guard.#fields.get(c.req.raw)
      log.info('admin action', { action, client: address, by, ...fields, status: c.res.status })
    }
  }

  /** Adds fields to the log line of the current action. */
  addToLog(c: Context, fields: LogFields): void {
    const brief = Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.slice(0, LONGEST_VALUE) : value,
    ])
    this.#fields.set(c.req.raw, Object.fromEntries(brief))
  }

  /** Whether a request has the token. A wrong one is not counted as a failed attempt: it may be a caller's key. */
  hasToken(c: Context): boolean {
    const { token } = this.#parts
    const given = bearerOf(c)
    return token !== undefined && given !== undefined && isSecret(given, token)
  }

  /**
   * The identity of a client that follows the queue. `keyed`: the client has shown a key, so what it sends is no wrong
   * token. Otherwise every client may follow the queue, and a wrong token counts as a failed attempt.
   */
  listener(c: Context, keyed: boolean): ListenerIdentity {
    const address = this.#parts.accountOf(c)
    if (this.#parts.token === undefined) return { address, operator: this.#whyNotLocal(c) === undefined }
    if (keyed) return { address, operator: this.hasToken(c) }
    return { address, operator: bearerOf(c) !== undefined && this.#whyRefused(c) === undefined }
  }

  /** Notes a request for a route of admins that was refused because of its Host, before it reached this guard. */
  refusedHost(peer: Peer, path: string): void {
    this.#note(addressBlock(peer.address), 'not_local', path, FOREIGN_HOST)
  }

  /** Writes the remaining log lines about refused attempts. */
  stop(): void {
    this.#lines.flush()
  }

  #whyRefused(c: Context): HttpProblem | undefined {
    const { token } = this.#parts
    if (token === undefined) {
      const why = this.#whyNotLocal(c)
      return why === undefined ? undefined : this.#refuse(c, 'not_local', why)
    }
    const account = this.#attemptsOf(c)
    const waitMs = this.#attempts.waitMs(account)
    if (waitMs > 0) return this.#refuse(c, 'too_many_attempts', undefined, waitMs)
    const given = bearerOf(c)
    if (given !== undefined && isSecret(given, token)) return undefined
    this.#attempts.failed(account)
    return this.#refuse(c, given === undefined ? 'no_token' : 'wrong_token')
  }

  #refuse(c: Context, reason: AdminRefusal, why?: string, waitMs = 0): HttpProblem {
    this.#note(this.#parts.accountOf(c), reason, c.req.path, why)
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

  #note(account: string, reason: AdminRefusal, path: string, why?: string): void {
    this.refused[reason]++
    const line = {
      client: account,
      reason,
      ...(why !== undefined && { why }),
      path: path.slice(0, LONGEST_VALUE),
    }
    this.#lines.refused(account, line)
  }

  /**
   * The account on which failed attempts are counted. Clients that come through a proxy at this machine have another
   * account than clients at this machine, and cannot lock them out, as long as the proxy is recognised as one.
   */
  #attemptsOf(c: Context): string {
    const account = this.#parts.accountOf(c)
    return this.#whyNotLocal(c) === undefined ? account : `${account} from elsewhere`
  }

  #whyNotLocal(c: Context): string | undefined {
    return whyNotLocal(this.#parts.peer(c), c.req.header(), this.#parts.hostname)
  }
}

function bearerOf(c: Context): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
}
