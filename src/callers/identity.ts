import type { Clock } from '../clock.ts'
import { addressBlock } from './address-block.ts'
import { type Caller, type Key, NO_LIMITS } from './caller.ts'
import { clientAddress } from './client-address.ts'
import type { Crypto } from './crypto.ts'
import { KeyIndex } from './keys.ts'
import { Networks, parseAddress } from './networks.ts'
import { OpenWebuiUsers } from './open-webui.ts'
import { type CredentialKind, credentialOf, type Presented } from './presented.ts'
import { type SignatureProblem, Signatures } from './signature.ts'

/** The caller of a request. */
export interface Found {
  readonly caller: Caller
  /** The person behind the key, as Open WebUI says. */
  readonly user: string | undefined
  readonly by: CredentialKind
}

/** Why a request has no caller. `no_key`: there is no credential, and a key is needed. */
export type IdentityProblemCode = 'no_key' | 'wrong_key' | 'wrong_user' | SignatureProblem

/** A request without a caller. Tells nothing of what was sent. */
interface IdentityProblem {
  readonly code: IdentityProblemCode
}

/** `'code' in identified` tells a problem from a caller. */
export type Identified = Found | IdentityProblem

export interface IdentityParts {
  readonly clock: Clock
  readonly crypto: Crypto
}

/** A reload may change these. */
export interface IdentitySettings {
  readonly keys: readonly Key[]
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** The secret with which Open WebUI signs X-OpenWebUI-User-Jwt. */
  readonly openWebuiSecret: string | undefined
  /** An address without a key is no caller. */
  readonly keysOnly: boolean
}

/** What is known of the address of a client. */
interface KnownAddress {
  readonly block: string
  /** The caller of the key that lists the address. */
  readonly listed: Caller | undefined
  /** The caller that the address is by itself. */
  readonly plain: Caller
}

/** A secret has no space and no comma: several headers of one name are joined with commas. */
const SECRET = /^[!-+\--~]{1,512}$/

/** The caller id where the runtime does not know the address. */
const UNKNOWN = 'unknown'

/** Some 300 bytes each. */
const MOST_CLIENTS = 10_000

/** Finds out who is calling. A reload keeps the memory of the signatures that were used. */
export class Identity {
  readonly #parts: IdentityParts
  readonly #signatures: Signatures
  #settings: IdentitySettings
  #keys: KeyIndex
  #trusted: Networks<true>
  #users: OpenWebuiUsers
  /** By address, the oldest first. */
  readonly #clients = new Map<string, KnownAddress>()

  constructor(parts: IdentityParts, settings: IdentitySettings) {
    this.#parts = parts
    this.#signatures = new Signatures(parts)
    this.#settings = settings
    this.#keys = new KeyIndex(settings.keys)
    this.#trusted = networksOf(settings)
    this.#users = new OpenWebuiUsers(parts.clock, settings.openWebuiSecret)
  }

  /** Applies a new configuration. Every key gets a new Caller, with the same id. */
  update(settings: IdentitySettings): void {
    this.#settings = settings
    this.#keys = new KeyIndex(settings.keys)
    this.#trusted = networksOf(settings)
    this.#users = new OpenWebuiUsers(this.#parts.clock, settings.openWebuiSecret)
    this.#clients.clear()
  }

  /**
   * The caller of a request. The first credential that is there decides; a wrong one is a problem, and no other is
   * looked at. At once on Node and Bun, except where a JWT has to be checked.
   */
  identify(request: Presented): Identified | Promise<Identified> {
    const credential = credentialOf(request)
    if (credential === undefined) return this.#findByAddress(request)
    if (credential === 'several') return { code: 'wrong_key' }
    const { by, value } = credential
    if (by === 'signature') return this.#findBySignature(request, value)
    if (!SECRET.test(value)) return { code: 'wrong_key' }
    const hash = this.#parts.crypto.sha256(value)
    if (typeof hash === 'string') return this.#findByHash(request, hash, by)
    return hash.then((text) => this.#findByHash(request, text, by))
  }

  /** What the address of a request is by itself, also where a key lists the address or a credential is wrong. */
  byAddress(request: Presented): Found {
    return { caller: this.#clientOf(request).plain, user: undefined, by: 'address' }
  }

  /** A map finds the hash: the time tells where two hashes differ, and nothing of the secrets. */
  #findByHash(request: Presented, hash: string, by: CredentialKind): Identified | Promise<Identified> {
    const caller = this.#keys.byHash.get(hash)
    return caller === undefined ? { code: 'wrong_key' } : this.#withUser(request, caller, by)
  }

  #findByAddress(request: Presented): Identified | Promise<Identified> {
    const { listed, plain } = this.#clientOf(request)
    if (listed !== undefined) return this.#withUser(request, listed, 'address')
    return this.#settings.keysOnly ? { code: 'no_key' } : { caller: plain, user: undefined, by: 'address' }
  }

  #findBySignature(request: Presented, value: string): Identified | Promise<Identified> {
    const { block } = this.#clientOf(request)
    const found = this.#signatures.check(request, value, block, this.#keys.bySigner)
    const answer = (result: Caller | SignatureProblem) =>
      typeof result === 'string' ? { code: result } : this.#withUser(request, result, 'signature')
    return found instanceof Promise ? found.then(answer) : answer(found)
  }

  #withUser(request: Presented, caller: Caller, by: CredentialKind): Identified | Promise<Identified> {
    if (caller.key?.users !== 'open-webui') return { caller, user: undefined, by }
    const told = this.#users.userOf(request)
    const answer = (result: Awaited<typeof told>): Identified =>
      result === 'wrong_user' ? { code: result } : { caller, user: result.user, by }
    return told instanceof Promise ? told.then(answer) : answer(told)
  }

  #clientOf(request: Presented): KnownAddress {
    const address = clientAddress(request.clientAddress, request.header('x-forwarded-for'), this.#trusted)
    const known = this.#clients.get(address)
    if (known !== undefined) return known
    const client = this.#newClient(address)
    if (this.#clients.size >= MOST_CLIENTS)
      for (const oldest of this.#clients.keys()) {
        this.#clients.delete(oldest)
        break
      }
    this.#clients.set(address, client)
    return client
  }

  #newClient(address: string): KnownAddress {
    const block = addressBlock(address)
    const groups = parseAddress(address)
    return {
      block,
      listed: groups && this.#keys.byNetwork.find(groups),
      plain: { id: block === '' ? UNKNOWN : block, key: undefined, limits: NO_LIMITS },
    }
  }
}

function networksOf({ trustedProxies }: IdentitySettings): Networks<true> {
  return new Networks(trustedProxies.map((network) => [network, true]))
}
