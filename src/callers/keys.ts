import type { Caller, Key } from './caller.ts'
import { Networks } from './networks.ts'

/** An Ed25519 key that signs requests. */
export interface SigningKey {
  readonly caller: Caller
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

/** The callers of a configuration, by what they send. There is one Caller object for each key. */
export class KeyIndex {
  readonly byHash = new Map<string, Caller>()
  /** By the public key as it stands in front of a signature: base64 of the wire form of SSH. */
  readonly bySigner = new Map<string, SigningKey>()
  readonly byNetwork: Networks<Caller>

  /** Of two keys with the same credential the first counts: the configuration refuses such keys. */
  constructor(keys: readonly Key[]) {
    const networks: [string, Caller][] = []
    for (const key of keys) {
      const caller: Caller = { id: key.name, key, limits: key.limits }
      if (key.hash !== undefined && !this.byHash.has(key.hash)) this.byHash.set(key.hash, caller)
      const signer = key.ed25519 === undefined ? undefined : parseSshKey(key.ed25519)
      if (signer !== undefined && !this.bySigner.has(signer.wire))
        this.bySigner.set(signer.wire, { caller, publicKey: signer.publicKey })
      for (const network of key.address) networks.push([network, caller])
    }
    this.byNetwork = new Networks(networks)
  }
}

/** Length and name of the type, length of the key (RFC 8709, section 4), then the 32 bytes of the key. */
const WIRE_HEAD = '\0\0\0\x0bssh-ed25519\0\0\0 '
const PUBLIC_KEY_BYTES = 32

/** Reads `ssh-ed25519 AAAA… comment`. Undefined: the text is no such key. */
export function parseSshKey(text: string): { wire: string; publicKey: Uint8Array } | undefined {
  const [, wire] = /^ssh-ed25519[ \t]+([A-Za-z\d+/]{68})(?:[ \t\r\n]|$)/.exec(text.trim()) ?? []
  if (wire === undefined) return undefined
  const bytes = atob(wire)
  if (!bytes.startsWith(WIRE_HEAD)) return undefined
  const publicKey = Uint8Array.from(bytes.slice(-PUBLIC_KEY_BYTES), (char) => char.charCodeAt(0))
  return { wire, publicKey }
}

/** 256 bits: nobody guesses them, so a quick hash is enough. */
const SECRET_BYTES = 32

/** A new secret for a key: `sk-ogp-NAME-` and 43 characters. Several tools insist on `sk-`. */
export function newSecret(name: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  const text = btoa(String.fromCharCode(...bytes))
  return `sk-ogp-${name}-${text.replaceAll('+', '-').replaceAll('/', '_').replace('=', '')}`
}

/** The `hash` of a key with this secret: 64 lower-case hexadecimal digits. */
export async function hashOf(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
