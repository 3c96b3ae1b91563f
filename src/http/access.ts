import type { Context, MiddlewareHandler } from 'hono'
import type { Caller } from '../callers/caller.ts'
import type { Identified, Identity, IdentityProblemCode } from '../callers/identity.ts'
import { mayUse } from '../callers/permissions.ts'
import type { Presented } from '../callers/presented.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { RouteUse } from '../ollama/route-use.ts'
import type { Requester } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import { Attempts } from './attempts.ts'
import { type Peer, whyNotLocal } from './peer.ts'
import { HttpProblem } from './problem.ts'
import { RefusalLines } from './refusal-lines.ts'
import { withheldBy } from './withheld.ts'

/** Why a request is refused, or would be if `auth` were `enforce`. */
export type AccessRefusal = IdentityProblemCode | 'route_not_allowed' | 'use_not_allowed' | CallRefusal

/** Why a caller may not have one call. */
export type CallRefusal = 'model_not_allowed' | 'insufficient_quota'

export interface AccessSettings extends Pick<Config, 'manage' | 'forward_identity'> {
  readonly auth: 'off' | 'observe' | 'enforce'
}

export interface AccessParts {
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  /** Read again for every request: a reload can change the settings. */
  readonly settings: () => AccessSettings
  readonly identity: Pick<Identity, 'identify' | 'byAddress'>
  /** This machine's name. */
  readonly hostname: string
  readonly peer: (c: Context) => Peer
  /** Whether a request has the admin token. */
  readonly isAdmin: (c: Context) => boolean
}

/** The client chooses the path, so a long one is cut in the log. */
const LONGEST_PATH = 256

/** Decides whether a request is served, and finds out who sends it. */
export class Access {
  /** Requests that were refused since the start, and with `auth: observe` those that would have been. */
  readonly refused: Partial<Record<AccessRefusal, number>> = {}
  readonly #parts: AccessParts
  readonly #attempts: Attempts
  readonly #lines: RefusalLines
  #viewings = 0

  constructor(parts: AccessParts) {
    this.#parts = parts
    this.#attempts = new Attempts(parts.clock)
    this.#lines = new RefusalLines(parts.clock, parts.log, 'request')
  }

  /** Who sends a request for Ollama. Throws or rejects with an HttpProblem. At once, as Identity.identify is. */
  requesterOf(c: Context, request: Presented, use: RouteUse): Requester | Promise<Requester> {
    const { identity } = this.#parts
    const settings = this.#parts.settings()
    if (settings.auth === 'off') {
      if (use === 'manage' && !this.#mayManage(c, undefined)) this.#refuse(c, request, 'route_not_allowed')
      return { ...identity.byAddress(request), withheld: undefined }
    }
    if (use === 'open') return { ...identity.byAddress(request), withheld: withheldBy(settings, true) }
    const found = identity.identify(request)
    return found instanceof Promise
      ? found.then((settled) => this.#admit(c, request, use, settled))
      : this.#admit(c, request, use, found)
  }

  /** Guards a page of ours. */
  get view(): MiddlewareHandler {
    return async (c, next) => {
      if (!this.#seesAll(c)) await this.#checkView(c)
      await next()
    }
  }

  /** A number that changes when a client that was let in to view has to be asked again. */
  get viewings(): number {
    return this.#viewings
  }

  /** A reload may have changed who may view. */
  viewersChanged(): void {
    this.#viewings++
  }

  /** The caller of a request for a page of ours. Throws an HttpProblem where a key is needed. */
  async callerOf(c: Context): Promise<Requester> {
    return this.requesterOf(c, this.#presented(c), 'read')
  }

  /**
   * Whose calls a client may see on a page of ours: its own, or undefined for everybody's. As for the other pages, all
   * may see everything while keys are not enforced, and with keys operators and those who may view. Throws an
   * HttpProblem where a key is needed.
   */
  async viewerOf(c: Context): Promise<Requester | undefined> {
    if (this.#seesAll(c)) return undefined
    const viewings = this.#viewings
    const requester = await this.callerOf(c)
    // A reload while a token was checked may have taken the key away.
    if (viewings !== this.#viewings) return this.viewerOf(c)
    return mayUse(requester.caller, 'view') ? undefined : requester
  }

  /** The account of the client's address, as `trusted_proxies` tell the address. An IPv6 network is one account. */
  accountOf(c: Context): string {
    return this.#parts.identity.byAddress(this.#presented(c)).caller.id
  }

  /** Whether requests without a key are refused. */
  get needsKeys(): boolean {
    return this.#parts.settings().auth === 'enforce'
  }

  /** The models that a caller may know of; undefined: all. */
  modelsOf({ caller }: Requester): readonly string[] | undefined {
    return this.needsKeys ? caller.key?.models : undefined
  }

  /** A caller may not have a call. Returns whether the call is refused: with `auth: observe` it is only counted. */
  refusesCall(reason: CallRefusal): boolean {
    this.#count(reason)
    return this.needsKeys
  }

  /** Writes the remaining log lines. */
  stop(): void {
    this.#lines.flush()
  }

  #admit(c: Context, request: Presented, use: RouteUse, found: Identified): Requester {
    const { identity } = this.#parts
    const settings = this.#parts.settings()
    if ('code' in found) {
      const bySelf = use === 'manage' && found.code === 'no_key' && this.#mayManageWithoutKey(c)
      if (!bySelf) this.#refuse(c, request, found.code)
      if (use === 'manage' && !this.#mayManage(c, undefined)) this.#refuse(c, request, 'route_not_allowed')
      return { ...identity.byAddress(request), withheld: withheldBy(settings, true) }
    }
    const { by, caller, user } = found
    if (use === 'infer' && !mayUse(caller, 'infer')) this.#refuse(c, request, 'use_not_allowed')
    if (use === 'manage' && !this.#mayManage(c, caller)) this.#refuse(c, request, 'route_not_allowed')
    return { caller, user, withheld: withheldBy(settings, by === 'address') }
  }

  /** Whether a client needs no key for the pages of ours. */
  #seesAll(c: Context): boolean {
    return !this.needsKeys || this.#isLocal(c) || this.#hasToken(c)
  }

  /** An address with many wrong credentials waits with the admin token as well: people choose such tokens. */
  #hasToken(c: Context): boolean {
    return this.#attempts.waitMs(this.accountOf(c)) === 0 && this.#parts.isAdmin(c)
  }

  async #checkView(c: Context): Promise<void> {
    const request = this.#presented(c)
    const viewings = this.#viewings
    const found = await this.#parts.identity.identify(request)
    // A reload while a token was checked may have taken the key away.
    if (viewings !== this.#viewings) return this.#checkView(c)
    if ('code' in found) this.#refuse(c, request, found.code)
    else if (!mayUse(found.caller, 'view')) this.#refuse(c, request, 'use_not_allowed')
  }

  #mayManage(c: Context, caller: Caller | undefined): boolean {
    const { manage } = this.#parts.settings()
    if (manage === 'open' || (caller && mayUse(caller, 'manage'))) return true
    return manage === 'local' && this.#isLocal(c)
  }

  /** Whoever is at this machine can also ask Ollama itself. */
  #mayManageWithoutKey(c: Context): boolean {
    return this.#parts.settings().manage === 'local' && this.#isLocal(c)
  }

  #isLocal(c: Context): boolean {
    return whyNotLocal(this.#parts.peer(c), c.req.header(), this.#parts.hostname) === undefined
  }

  /** Throws, except where `auth: observe` only counts. Management is closed all the same. */
  #refuse(c: Context, request: Presented, reason: AccessRefusal): void {
    const { identity, settings } = this.#parts
    const { auth } = settings()
    this.#count(reason)
    const account = identity.byAddress(request).caller.id
    const line = { client: account, reason, path: c.req.path.slice(0, LONGEST_PATH), auth }
    this.#lines.refused(account, line)
    if (reason === 'route_not_allowed') throw new HttpProblem(reason)
    if (auth === 'observe') return
    if (reason === 'use_not_allowed') throw new HttpProblem(reason)
    throw reason === 'no_key' ? unauthorized() : this.#wrongCredential(account)
  }

  /** A right credential is served however often others at the same address were wrong. */
  #wrongCredential(account: string): HttpProblem {
    const waitMs = this.#attempts.waitMs(account)
    if (waitMs > 0)
      return new HttpProblem('too_many_attempts', {
        headers: ['Retry-After', String(Math.ceil(waitMs / 1_000))],
      })
    this.#attempts.failed(account)
    return unauthorized()
  }

  #presented(c: Context): Presented {
    const { url, method } = c.req
    return {
      method,
      target: url.slice(url.indexOf('/', url.indexOf('://') + 3)),
      header: (name) => c.req.header(name),
      clientAddress: this.#parts.peer(c).address,
    }
  }

  #count(reason: AccessRefusal): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1
  }
}

function unauthorized(): HttpProblem {
  return new HttpProblem('invalid_api_key', {
    headers: ['WWW-Authenticate', 'Bearer realm="ollama-guard-proxy"'],
  })
}
