import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import { ManualClock } from '../support/manual-clock.ts'
import { aKey, anIdentity, aRequest, hashed, outcome } from './support/builders.ts'

const SECRET = 'a secret for tests, shared with Open WebUI'
const KEYS = [
  aKey('web', { hash: hashed('web'), users: 'open-webui' }),
  aKey('alice', { hash: hashed('alice') }),
]
const PERSON = { sub: 'u-1', email: 'a@example.org', name: 'A', role: 'user' }

const clock = new ManualClock()
const now = clock.wallTime() / 1_000

const signed = (claims: Record<string, unknown>, secret = SECRET, alg = 'HS256') =>
  new SignJWT({ iss: 'open-webui', exp: now + 300, ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret))

const unsigned = (header: object, claims: object, signature = '') =>
  [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') +
  `.${signature}`

async function ask(headers: Record<string, string>, openWebuiSecret: string | undefined, key = 'web') {
  const identity = anIdentity(KEYS, { openWebuiSecret }, { clock })
  return outcome(identity.identify(aRequest({ authorization: `Bearer ${key}`, ...headers })))
}

const withToken = (token: string) => ask({ 'x-openwebui-user-jwt': token }, SECRET)

describe('the token of Open WebUI', () => {
  it('tells the user by id, or by mail address', async () => {
    assert.equal(await withToken(await signed(PERSON)), 'bearer:web/u-1')
    assert.equal(await withToken(await signed({ email: 'a@example.org' })), 'bearer:web/a@example.org')
    assert.equal(await withToken(await signed({ ...PERSON, sub: '' })), 'bearer:web/a@example.org')
  })
  it('may be absent: then there is no user, whatever the plain header says', async () => {
    assert.equal(await ask({}, SECRET), 'bearer:web')
    assert.equal(await ask({ 'x-openwebui-user-id': 'u-2' }, SECRET), 'bearer:web')
    assert.equal(
      await ask({ 'x-openwebui-user-jwt': ' ', 'x-openwebui-user-id': 'u-2' }, SECRET),
      'bearer:web',
    )
  })
  it('wins over the plain header', async () => {
    const headers = { 'x-openwebui-user-jwt': await signed(PERSON), 'x-openwebui-user-id': 'u-2' }
    assert.equal(await ask(headers, SECRET), 'bearer:web/u-1')
  })
  it('means nothing from another key, or without a secret', async () => {
    const headers = { 'x-openwebui-user-jwt': await signed(PERSON) }
    assert.equal(await ask(headers, SECRET, 'alice'), 'bearer:alice')
    assert.equal(await ask(headers, undefined), 'bearer:web')
  })
  it('cannot carry a wrong key', async () => {
    assert.equal(await ask({ 'x-openwebui-user-jwt': await signed(PERSON) }, SECRET, 'x'), 'wrong_key')
  })

  const claims = { iss: 'open-webui', exp: now + 300, ...PERSON }
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const bad: Record<string, () => string | Promise<string>> = {
    'with another secret': () => signed(PERSON, 'another secret for these tests'),
    'with an empty alg none': () => unsigned({ alg: 'none' }, claims),
    'with a forged alg None': () => unsigned({ alg: 'None' }, claims, 'AAAA'),
    'without alg': () => unsigned({}, claims, 'AAAA'),
    'with HS512': () => signed(PERSON, SECRET, 'HS512'),
    'with RS256': () => new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey),
    'with a public key as the secret': () => signed(PERSON, pem),
    'that has expired': () => signed({ ...PERSON, exp: now - 1 }),
    'that never expires': () => signed({ ...PERSON, exp: undefined }),
    'that is not valid yet': () => signed({ ...PERSON, nbf: now + 60 }),
    'of another issuer': () => signed({ ...PERSON, iss: 'open-webui2' }),
    'of no issuer': () => signed({ ...PERSON, iss: undefined }),
    'of nobody': () => signed({ name: 'A' }),
    'whose id is a number': () => signed({ ...PERSON, sub: 7 }),
    'whose id is a list': () => signed({ ...PERSON, sub: ['u-1'] }),
    'whose id has a line break': () => signed({ ...PERSON, sub: 'u-1\nu-2' }),
    'whose id is very long': () => signed({ ...PERSON, sub: 'u'.repeat(129) }),
    'of 1 MB': () => signed({ ...PERSON, name: 'x'.repeat(1_000_000) }),
    'with a part too few': () => 'a.b',
    'that is two': async () => `${await signed(PERSON)}, ${await signed(PERSON)}`,
    'that is no token': () => 'u-1',
    'with a critical extension': () => unsigned({ alg: 'HS256', crit: ['x'], x: 1 }, claims, 'AAAA'),
  }
  for (const [name, token] of Object.entries(bad))
    it(`${name} is refused`, async () => assert.equal(await withToken(await token()), 'wrong_user'))

  it('is refused with any bit of its signature flipped', async () => {
    const token = await signed(PERSON)
    const head = token.slice(0, token.lastIndexOf('.') + 1)
    const signature = Buffer.from(token.slice(head.length), 'base64url')
    for (let bit = 0; bit < 8 * signature.length; bit++) {
      const other = Buffer.from(signature)
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(await withToken(head + other.toString('base64url')), 'wrong_user')
    }
  })
})

describe('the plain header of Open WebUI', () => {
  const withId = (id: string, key = 'web') => ask({ 'x-openwebui-user-id': id }, undefined, key)

  it('tells the user where there is no secret', async () => {
    assert.equal(await withId(' u-1 '), 'bearer:web/u-1')
    assert.equal(await withId('u'.repeat(128)), `bearer:web/${'u'.repeat(128)}`)
    assert.equal(await withId(''), 'bearer:web')
    assert.equal(await withId('u-1', 'alice'), 'bearer:alice')
  })
  for (const id of ['u'.repeat(129), 'a\tb', 'a\u202eb', 'a\x7fb', 'a\u2028b', '\ud800'])
    it(`is refused as ${JSON.stringify(id.slice(0, 8))}`, async () =>
      assert.equal(await withId(id), 'wrong_user'))
  it('is found at once', () => {
    const identity = anIdentity(KEYS)
    const request = aRequest({ authorization: 'Bearer web', 'x-openwebui-user-id': 'u-1' })
    assert.ok(!(identity.identify(request) instanceof Promise))
  })
})
