import type { Crypto } from '../../callers/crypto.ts'
import { hashOf } from '../../callers/keys.ts'

/** To read a key costs as much as to verify a signature. */
const readKeys = new WeakMap<Uint8Array, Promise<CryptoKey>>()

/** The cryptography of the Web. Answers with promises. */
export const webCrypto: Crypto = {
  sha256: hashOf,
  verifyEd25519: async (publicKey, message, signature) =>
    crypto.subtle.verify('Ed25519', await keyOf(publicKey), bytes(signature), bytes(message)),
}

function keyOf(publicKey: Uint8Array): Promise<CryptoKey> {
  const known = readKeys.get(publicKey)
  if (known !== undefined) return known
  const key = crypto.subtle.importKey('raw', bytes(publicKey), 'Ed25519', false, ['verify'])
  readKeys.set(publicKey, key)
  return key
}

/** The types of the Web want bytes that no other thread shares. */
const bytes = (given: Uint8Array) => Uint8Array.from(given)
