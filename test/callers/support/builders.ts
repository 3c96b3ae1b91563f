import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type Key, NO_LIMITS } from '../../../src/callers/caller.ts'
import {
  type Identified,
  Identity,
  type IdentityParts,
  type IdentitySettings,
} from '../../../src/callers/identity.ts'
import type { Presented } from '../../../src/callers/presented.ts'
import { processCrypto } from '../../../src/runtimes/process/crypto.ts'
import { ManualClock } from '../../support/manual-clock.ts'

export const ADDRESS = '192.0.2.1'

export const hashed = (secret: string) => createHash('sha256').update(secret).digest('hex')

export const aKey = (name: string, changes: Partial<Key> = {}): Key => ({
  name,
  address: [],
  models: undefined,
  may: new Set(['infer']),
  class: 'normal',
  maxClass: 'normal',
  limits: NO_LIMITS,
  slotSeconds: {},
  tokens: {},
  users: undefined,
  notify: false,
  ...changes,
})

export const anIdentity = (
  keys: readonly Key[],
  changes: Partial<IdentitySettings> = {},
  parts: Partial<IdentityParts> = {},
) =>
  new Identity(
    { clock: new ManualClock(), crypto: processCrypto, ...parts },
    { keys, trustedProxies: [], openWebuiSecret: undefined, keysOnly: false, ...changes },
  )

export const aRequest = (
  headers: Readonly<Record<string, string>> = {},
  changes: Partial<Omit<Presented, 'header'>> = {},
): Presented => ({
  method: 'POST',
  target: '/api/chat',
  clientAddress: ADDRESS,
  header: (name) => headers[name],
  ...changes,
})

export const basic = (user: string, password: string) => `Basic ${btoa(`${user}:${password}`)}`

/** `bearer:alice` for a caller, with the user behind a slash; the code of a problem. */
export async function outcome(identified: Identified | Promise<Identified>): Promise<string> {
  const found = await identified
  if ('code' in found) return found.code
  return `${found.by}:${found.caller.id}${found.user === undefined ? '' : `/${found.user}`}`
}

/** A key of `ollama`, as `ssh-keygen -t ed25519` writes it. */
export class OllamaKey {
  readonly #privateKey: KeyObject
  readonly wire: string

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.#privateKey = privateKey
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    this.wire = Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0 ', 'latin1'), raw]).toString('base64')
  }

  get line(): string {
    return `ssh-ed25519 ${this.wire} alice@example`
  }

  authorization(method: string, target: string): string {
    return `${this.wire}:${sign(null, Buffer.from(`${method},${target}`), this.#privateKey).toString('base64')}`
  }

  /** What the command sends. */
  request(
    seconds: number,
    {
      method = 'POST',
      path = '/api/chat',
      address = ADDRESS,
    }: { method?: string; path?: string; address?: string } = {},
  ): Presented {
    const target = `${path}?ts=${seconds}`
    return aRequest(
      { authorization: this.authorization(method, target) },
      { method, target, clientAddress: address },
    )
  }
}
