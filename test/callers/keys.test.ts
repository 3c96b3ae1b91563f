import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashOf, KeyIndex, newSecret, parseSshKey } from '../../src/callers/keys.ts'
import { aKey, hashed, OllamaKey } from './support/builders.ts'

describe('a new secret', () => {
  it('has the name of its key, and 43 characters', () => {
    assert.match(newSecret('alice'), /^sk-ogp-alice-[\w-]{43}$/)
  })
  it('is another one each time, with all the bits', () => {
    const secrets = Array.from({ length: 1_000 }, () => newSecret('a'))
    assert.equal(new Set(secrets).size, secrets.length)
    const bytes = secrets.map((secret) => Buffer.from(secret.slice('sk-ogp-a-'.length), 'base64url'))
    for (let bit = 0; bit < 256; bit++) {
      const ones = bytes.filter((each) => ((each[bit >> 3] ?? 0) >> (bit & 7)) & 1).length
      // Nine standard deviations of 1 000 throws of a coin.
      assert.ok(ones > 350 && ones < 650, `bit ${bit}: ${ones}`)
    }
  })
})

describe('a hash', () => {
  it('is SHA-256 in hexadecimal digits', async () => {
    assert.equal(await hashOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    assert.equal(await hashOf('ключ'), hashed('ключ'))
  })
})

describe('an SSH public key', () => {
  const { line, wire } = new OllamaKey()
  it('is read with and without a comment', () => {
    for (const text of [line, `ssh-ed25519 ${wire}`, `  ssh-ed25519\t${wire} two words\n`])
      assert.equal(parseSshKey(text)?.wire, wire, text)
    assert.equal(parseSshKey(line)?.publicKey.length, 32)
  })
  const rsa = `ssh-rsa ${Buffer.from('\0\0\0\x07ssh-rsa'.padEnd(51, 'x')).toString('base64')}`
  for (const text of [
    '',
    wire,
    'ssh-ed25519',
    `ssh-ed25519 ${wire.slice(1)}`,
    `ssh-ed25519 ${wire}A`,
    rsa,
    rsa.replace('rsa', 'ed25519'),
  ])
    it(`is not ${JSON.stringify(text.slice(0, 30))}…`, () => void assert.equal(parseSshKey(text), undefined))
})

describe('the index of keys', () => {
  it('lets the first of two equal credentials count', () => {
    const { line, wire } = new OllamaKey()
    const both = { hash: hashed('x'), ed25519: line, address: ['192.0.2.1'] }
    const index = new KeyIndex([aKey('first', both), aKey('second', both)])
    assert.equal(index.byHash.get(hashed('x'))?.id, 'first')
    assert.equal(index.bySigner.get(wire)?.caller.id, 'first')
    assert.equal(index.byNetwork.find([0xc000, 0x0201])?.id, 'first')
  })
})
