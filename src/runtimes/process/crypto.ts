import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { Crypto } from '../../callers/crypto.ts'

/** To read a key costs as much as to verify a signature. */
const readKeys = new WeakMap<Uint8Array, KeyObject>()

/** The cryptography of Node, also in Bun. Answers at once. */
export const processCrypto: Crypto = {
  sha256: (text) => hash('sha256', text, 'hex'),
  verifyEd25519: (publicKey, message, signature) => verify(null, message, keyOf(publicKey), signature),
}

function keyOf(publicKey: Uint8Array): KeyObject {
  const known = readKeys.get(publicKey)
  if (known !== undefined) return known
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  readKeys.set(publicKey, key)
  return key
}
