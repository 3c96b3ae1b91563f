import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { webCrypto } from '../../src/runtimes/fetch/crypto.ts'
import { ADDRESS, aKey, anIdentity, aRequest, basic, hashed, outcome } from './support/builders.ts'

const SECRET = 'sk-ogp-alice-Zm9yIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldCBhdCA'
const OTHER = 'sk-ogp-bob-Zm9yIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldCBhdCA'
const KEYS = [
  aKey('alice', { hash: hashed(SECRET) }),
  aKey('bob', { hash: hashed(OTHER) }),
  aKey('plc', { address: ['192.0.2.20', '2001:db8::/64', '10.0.0.0/8'] }),
  aKey('hall', { address: ['10.1.0.0/16'] }),
]

describe('a credential', () => {
  const identity = anIdentity(KEYS)
  const ways: [string, Record<string, string>, string][] = [
    ['Bearer', { authorization: `Bearer ${SECRET}` }, 'bearer:alice'],
    ['Bearer in any case, after any space', { authorization: `bEaReR  \t${SECRET} ` }, 'bearer:alice'],
    ['x-api-key', { 'x-api-key': SECRET }, 'x-api-key:alice'],
    ['api-key', { 'api-key': SECRET }, 'api-key:alice'],
    ['Basic with any user', { authorization: basic('any', SECRET) }, 'basic:alice'],
    ['Basic without a user', { authorization: basic('', SECRET) }, 'basic:alice'],
    ['none', {}, `address:${ADDRESS}`],
    ['Bearer before x-api-key', { authorization: `Bearer ${SECRET}`, 'x-api-key': OTHER }, 'bearer:alice'],
    ['x-api-key before api-key', { 'x-api-key': SECRET, 'api-key': OTHER }, 'x-api-key:alice'],
    ['api-key before Basic', { authorization: basic('a', OTHER), 'api-key': SECRET }, 'api-key:alice'],
    ['the same Bearer twice', { authorization: `Bearer ${SECRET}, Bearer ${SECRET}` }, 'bearer:alice'],
    ['a wrong Bearer and a right key', { authorization: 'Bearer x', 'x-api-key': SECRET }, 'wrong_key'],
    ['a wrong x-api-key and a right api-key', { 'x-api-key': 'x', 'api-key': SECRET }, 'wrong_key'],
    ['two Bearers', { authorization: `Bearer ${SECRET}, Bearer ${OTHER}` }, 'wrong_key'],
    ['a scheme of others before a Bearer', { authorization: `Digest a=b, Bearer ${SECRET}` }, 'wrong_key'],
    ['two keys', { 'x-api-key': `${SECRET},x` }, 'wrong_key'],
    ['Basic without a colon', { authorization: `Basic ${btoa(SECRET)}` }, 'wrong_key'],
    ['Basic that is no base64', { authorization: 'Basic ***' }, 'wrong_key'],
    ['a very long Basic', { authorization: basic('a'.repeat(4_000), SECRET) }, 'wrong_key'],
    ['a secret of 513 characters', { authorization: `Bearer ${'x'.repeat(513)}` }, 'wrong_key'],
    ['an empty Bearer', { authorization: 'Bearer ' }, `address:${ADDRESS}`],
    ['a Bearer without anything', { authorization: 'Bearer' }, `address:${ADDRESS}`],
    ['an empty Basic', { authorization: basic('a', '') }, `address:${ADDRESS}`],
    ['empty keys', { 'x-api-key': ' ', 'api-key': '' }, `address:${ADDRESS}`],
    ['Digest', { authorization: 'Digest username="a", uri="/a:b"' }, `address:${ADDRESS}`],
    ['Token', { authorization: `Token ${SECRET}` }, `address:${ADDRESS}`],
    ['no scheme', { authorization: SECRET }, `address:${ADDRESS}`],
  ]
  for (const [name, headers, expected] of ways)
    it(`${name}: ${expected.replace(/:.*/, '')}`, async () => {
      assert.equal(await outcome(identity.identify(aRequest(headers))), expected)
    })

  it('is found at once on Node, and with promises where the runtime has only promises', async () => {
    const request = aRequest({ authorization: `Bearer ${SECRET}` })
    assert.ok(!(identity.identify(request) instanceof Promise))
    const patient = anIdentity(KEYS, {}, { crypto: webCrypto }).identify(request)
    assert.ok(patient instanceof Promise)
    assert.equal(await outcome(patient), 'bearer:alice')
    const wrong = anIdentity(KEYS, {}, { crypto: webCrypto }).identify(
      aRequest({ authorization: 'Bearer x' }),
    )
    assert.equal(await outcome(wrong), 'wrong_key')
  })

  it('gives the same Caller for all calls of a key, whatever the way', () => {
    const callers = [{ authorization: `Bearer ${SECRET}` }, { 'api-key': SECRET }].map((headers) => {
      const found = identity.identify(aRequest(headers))
      assert.ok(!(found instanceof Promise) && !('code' in found))
      return found.caller
    })
    assert.equal(callers[0], callers[1])
    assert.equal(callers[0]?.key, KEYS[0])
    assert.equal(callers[0]?.limits, KEYS[0]?.limits)
  })

  it('is another one after an update', async () => {
    const changing = anIdentity(KEYS)
    const ask = (secret: string) =>
      outcome(changing.identify(aRequest({ authorization: `Bearer ${secret}` })))
    assert.equal(await ask(SECRET), 'bearer:alice')
    changing.update({
      keys: [aKey('carol', { hash: hashed('new') })],
      trustedProxies: [],
      openWebuiSecret: undefined,
      keysOnly: true,
    })
    assert.equal(await ask(SECRET), 'wrong_key')
    assert.equal(await ask('new'), 'bearer:carol')
  })
})

describe('an address', () => {
  const at = (address: string, forwarded?: string) =>
    aRequest(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, { clientAddress: address })
  const identity = anIdentity(KEYS, { trustedProxies: ['127.0.0.0/8', '10.9.9.9'] })
  const ask = (address: string, forwarded?: string) => outcome(identity.identify(at(address, forwarded)))

  it('is the caller where nothing else is: IPv4, mapped IPv4, and the /64 of IPv6', async () => {
    assert.equal(await ask('203.0.113.7'), 'address:203.0.113.7')
    assert.equal(await ask('::ffff:203.0.113.7'), 'address:203.0.113.7')
    assert.equal(await ask('2001:db8:1:2::7'), 'address:2001:db8:1:2::/64')
    assert.equal(await ask(''), 'address:unknown')
  })
  it('has the key that lists the address, or the most specific network around it', async () => {
    assert.equal(await ask('192.0.2.20'), 'address:plc')
    assert.equal(await ask('::ffff:192.0.2.20'), 'address:plc')
    assert.equal(await ask('192.0.2.21'), 'address:192.0.2.21')
    assert.equal(await ask('2001:db8::ffff'), 'address:plc')
    assert.equal(await ask('10.2.0.1'), 'address:plc')
    assert.equal(await ask('10.1.255.1'), 'address:hall')
  })
  it('is that of the client in front of a trusted proxy', async () => {
    assert.equal(await ask('127.0.0.1', '192.0.2.20'), 'address:plc')
    assert.equal(await ask('127.0.0.1', '192.0.2.20, 203.0.113.7, 10.9.9.9'), 'address:203.0.113.7')
    assert.equal(await ask('203.0.113.9', '192.0.2.20'), 'address:203.0.113.9')
  })
  it('without a key is a problem where keys are needed', async () => {
    const strict = anIdentity(KEYS, { keysOnly: true })
    assert.equal(await outcome(strict.identify(at('203.0.113.7'))), 'no_key')
    assert.equal(await outcome(strict.identify(at('192.0.2.20'))), 'address:plc')
  })
  it('is no way out for a wrong credential', async () => {
    const request = aRequest({ authorization: 'Bearer x' }, { clientAddress: '192.0.2.20' })
    assert.equal(await outcome(identity.identify(request)), 'wrong_key')
  })
  it('can be asked for by itself, without the rights of a key', () => {
    const { caller, by } = identity.byAddress(at('192.0.2.20'))
    assert.deepEqual([caller.id, caller.key, by], ['192.0.2.20', undefined, 'address'])
  })
  it('is found again after an update, with the new keys', async () => {
    const changing = anIdentity(KEYS)
    assert.equal(await outcome(changing.identify(at('192.0.2.20'))), 'address:plc')
    changing.update({ keys: [], trustedProxies: [], openWebuiSecret: undefined, keysOnly: false })
    assert.equal(await outcome(changing.identify(at('192.0.2.20'))), 'address:192.0.2.20')
  })
})
