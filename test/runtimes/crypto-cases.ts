import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Crypto } from '../../src/callers/crypto.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const raw = Uint8Array.from(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
const message = new TextEncoder().encode('POST,/api/chat?ts=1')
const signature = Uint8Array.from(sign(null, message, privateKey))

const flipped = (bytes: Uint8Array, bit: number) =>
  bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))

/** What the cryptography of every runtime must do. */
export function cryptoCases(name: string, crypto: Crypto): void {
  describe(name, () => {
    it('hashes the UTF-8 of a text', async () => {
      for (const text of ['', 'abc', 'ключ 🔑'])
        assert.equal(await crypto.sha256(text), createHash('sha256').update(text, 'utf8').digest('hex'))
    })
    it('verifies a signature, and none with one other bit', async () => {
      const verify = crypto.verifyEd25519
      assert.equal(await verify(raw, message, signature), true)
      for (let bit = 0; bit < 8 * signature.length; bit++)
        assert.equal(await verify(raw, message, flipped(signature, bit)), false, `bit ${bit}`)
      for (let bit = 0; bit < 8 * message.length; bit++)
        assert.equal(await verify(raw, flipped(message, bit), signature), false, `bit ${bit}`)
    })
    it('refuses a signature that adds the order of the group', async () => {
      // RFC 8032, section 5.1.7: S must be below L. Without the check there are two signatures for one text.
      const order = 2n ** 252n + 27742317777372353535851937790883648493n
      const half = [...signature.slice(32)].reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) + order
      const other = Uint8Array.from(signature)
      for (let index = 0; index < 32; index++) other[32 + index] = Number((half >> BigInt(8 * index)) & 255n)
      assert.equal(await crypto.verifyEd25519(raw, message, other), false)
    })
  })
}
