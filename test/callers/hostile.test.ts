import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import type { IdentityProblemCode } from '../../src/callers/identity.ts'
import type { Presented } from '../../src/callers/presented.ts'
import { processCrypto } from '../../src/runtimes/process/crypto.ts'
import { collectGarbage } from '../support/collect-garbage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aKey, anIdentity, aRequest, basic, hashed, OllamaKey } from './support/builders.ts'

const ROUNDS = 100_000
/** Ten thousand addresses, with what is known of each of them, take less. */
const MOST_GROWTH_BYTES = 8 * 2 ** 20

/** Of the shape of `newSecret`, and the same at every run. */
const SECRETS = ['alice', 'bob', 'web'].map(
  (name) => `sk-ogp-${name}-${Buffer.from(hashed(name), 'hex').toString('base64url')}`,
)
const [ALICE = '', BOB = '', WEB = ''] = SECRETS
const SIGNER = new OllamaKey()
const STRANGER = new OllamaKey()
const JWT_SECRET = 'a secret for tests, shared with Open WebUI'

const KEYS = [
  aKey('alice', { hash: hashed(ALICE) }),
  aKey('bob', { hash: hashed(BOB) }),
  aKey('web', { hash: hashed(WEB), users: 'open-webui' }),
  aKey('ops', { ed25519: SIGNER.line }),
  aKey('plc', { address: ['198.51.100.0/24'] }),
]

/** Numbers that look random and are the same at every run: xorshift32. */
class Dice {
  #state = 0x9e3779b9

  below(count: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % count
  }

  of<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)]
    assert.ok(chosen !== undefined)
    return chosen
  }
}

const dice = new Dice()

const HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-forwarded-for', 'x-openwebui-user-id']

const ODD = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\0',
  '\u00a0',
  '\u200b',
  'é',
  '🔑',
  ',',
  ';',
  '"',
  '%',
  '\ufeff',
  'Ａ',
  '=',
]
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const CHANGES: ((secret: string, at: number) => string)[] = [
  (secret, at) => secret.slice(0, at) + dice.of([...LETTERS]) + secret.slice(at + 1),
  (secret, at) => secret.slice(0, at) + secret.slice(at + 1),
  (secret, at) => secret.slice(0, at) + dice.of([...LETTERS]) + secret.slice(at),
  (secret, at) => secret.slice(0, at),
  (secret, at) => secret.slice(at),
  (secret) => secret.toUpperCase(),
  (secret) => secret.toLowerCase(),
  (secret, at) => secret.slice(0, at + 1) + dice.of(ODD) + secret.slice(at + 1),
  (secret, at) => secret.slice(0, at) + dice.of(ODD) + secret.slice(at + 1),
  (secret) => secret + secret,
  (secret, at) => secret.slice(0, at) + BOB.slice(at),
  (secret) => `"${secret}"`,
  (secret) => `${secret}\r\nx-api-key: ${BOB}`,
  (secret) => [...secret].reverse().join(''),
  (secret) => encodeURIComponent(`${secret} `),
  (secret) => btoa(secret),
  (secret) => hashed(secret),
  (secret) => secret + 'x'.repeat(dice.below(20_000)),
  () => hashed(`${dice.below(1e9)}`),
]

/** Like a secret, but none. Space around a secret is no part of a header's value, and an empty value beside the
 * secret is no second one. */
function nearMiss(): string {
  for (;;) {
    const secret = dice.of(SECRETS)
    const changed = dice.of(CHANGES)(secret, 1 + dice.below(secret.length - 1))
    const value = changed.replace(/^[\s,]+|[\s,]+$/g, '')
    if (value !== '' && !SECRETS.includes(value)) return changed
  }
}

const address = () =>
  dice.of([
    () => `203.0.113.${dice.below(256)}`,
    () => `2001:db8:${dice.below(65_536).toString(16)}:${dice.below(65_536).toString(16)}::1`,
    () => '198.51.100.7',
    () => '',
  ])()

const garbage = () =>
  Array.from({ length: dice.below(40) }, () => String.fromCharCode(dice.below(0x250))).join('')

/** Wrong secrets in every place, also behind or before a right one in a place that does not count. */
const SECRET_WAYS: (() => Record<string, string>)[] = [
  () => ({ authorization: `Bearer ${nearMiss()}` }),
  () => ({ authorization: `Bearer ${nearMiss()}`, 'x-api-key': ALICE }),
  () => ({ authorization: `Bearer ${ALICE}, Bearer ${nearMiss().replaceAll(',', 'x')}` }),
  () => ({ authorization: `Bearer ${nearMiss()}, ${dice.of(['Bearer', 'Basic', 'bearer'])} ${ALICE}` }),
  () => ({ authorization: `Bearer Bearer ${ALICE}` }),
  () => ({ authorization: `Bearer ${ALICE} ${garbage()}!` }),
  () => ({ 'x-api-key': nearMiss(), 'api-key': ALICE }),
  () => ({ 'x-api-key': `Bearer ${ALICE}` }),
  () => ({ 'x-api-key': `${ALICE},${nearMiss().replaceAll(',', 'x')}x` }),
  () => ({ 'api-key': nearMiss(), authorization: basic('a', ALICE) }),
  () => ({ authorization: basic('a', nearMiss().replace(/[^ -~]/g, '~')) }),
  () => ({ authorization: basic(ALICE, 'x') }),
  () => ({ authorization: `Basic ${basic('a', ALICE).slice(6, -8 - dice.below(50))}` }),
  () => ({ authorization: `Basic x${garbage()}` }),
  () => ({ authorization: basic('a:b', ALICE) }),
]

/** What is no credential: the address counts, with whatever else the client says of itself. */
const NOT_THERE: (() => Record<string, string>)[] = [
  () => ({ authorization: `Digest ${ALICE}` }),
  () => ({ authorization: `Bearer${ALICE}` }),
  () => ({ authorization: `Bearer\u00a0${ALICE}` }),
  () => ({ authorization: `Token ${garbage().replaceAll(',', 'x')}` }),
  () => ({ 'x-forwarded-for': `198.51.100.7, ${garbage()}` }),
  () => ({ 'x-openwebui-user-id': garbage() }),
  () => ({ 'X-Api-Key': ALICE }),
]

describe('hostile credentials', () => {
  it('are never admitted, never throw, and leave nothing behind', async () => {
    const clock = new ManualClock()
    const identity = anIdentity(
      KEYS,
      { openWebuiSecret: JWT_SECRET, keysOnly: true, trustedProxies: ['127.0.0.1'] },
      { clock, crypto: processCrypto },
    )
    const codes = new Map<IdentityProblemCode, number>()
    const refused = (request: Presented) => {
      const found = identity.identify(request)
      assert.ok(!(found instanceof Promise))
      assert.ok('code' in found, JSON.stringify([HEADERS.map(request.header), found]))
      for (const secret of SECRETS) assert.ok(!JSON.stringify(found).includes(secret))
      codes.set(found.code, (codes.get(found.code) ?? 0) + 1)
    }
    const round = (index: number) => {
      const from = address()
      // Behind 198.51.100.7 stands a key that is known by the address, as long as nothing else is there.
      if (index % 5 > 0 || from === '198.51.100.7')
        refused(aRequest(dice.of(SECRET_WAYS)(), { clientAddress: from }))
      else refused(aRequest(dice.of(NOT_THERE)(), { clientAddress: from }))
    }
    for (let index = 0; index < ROUNDS / 10; index++) round(index)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < ROUNDS; index++) round(index)
    collectGarbage()
    const growth = process.memoryUsage().heapUsed - before
    assert.ok(growth < MOST_GROWTH_BYTES, `${growth} bytes`)
    assert.ok((codes.get('wrong_key') ?? 0) > ROUNDS / 2 && (codes.get('no_key') ?? 0) > ROUNDS / 20)
    for (const secret of SECRETS)
      assert.ok(!('code' in (await identity.identify(aRequest({ authorization: `Bearer ${secret}` })))))
  })

  it('do not keep the headers in memory from which an address was read', () => {
    const identity = anIdentity(KEYS, { trustedProxies: ['127.0.0.1'] })
    const filler = '1.1.1.1, '.repeat(900)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < 10_000; index++) {
      // As long as a part of a long text is in use, V8 keeps the whole text.
      const client = `2001:db8:${index.toString(16)}:1111:2222:3333:4444:5555`
      const header = Buffer.from(filler + client).toString('latin1')
      identity.identify(aRequest({ 'x-forwarded-for': header }, { clientAddress: '127.0.0.1' }))
    }
    collectGarbage()
    const growth = process.memoryUsage().heapUsed - before
    assert.ok(growth < MOST_GROWTH_BYTES, `${growth} bytes`)
    // The last use keeps what is measured from being collected before.
    assert.ok('caller' in identity.byAddress(aRequest()))
  })

  it('are never a signature that is admitted', async () => {
    const clock = new ManualClock()
    const identity = anIdentity(KEYS, { keysOnly: true }, { clock })
    const seconds = () => Math.floor(clock.wallTime() / 1_000)
    const first = SIGNER.request(seconds())
    assert.ok(!('code' in (await identity.identify(first))))
    clock.advance(10_000)

    const fresh = () => {
      const target = `/api/chat?ts=${seconds()}`
      return { target, authorization: SIGNER.authorization('POST', target) }
    }
    const bitFlipped = (text: string) => {
      const [wire, signature = ''] = text.split(':')
      const bytes = Buffer.from(signature, 'base64')
      const bit = dice.below(8 * bytes.length)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return `${wire}:${bytes.toString('base64')}`
    }
    const good = fresh()
    const attempts: Record<string, () => Presented> = {
      'a replay': () => ({ ...first, clientAddress: address() }),
      'a flipped bit': () => aRequest({ authorization: bitFlipped(good.authorization) }, good),
      'a cut': () => {
        const cut = good.authorization.slice(0, dice.below(good.authorization.length - 1))
        return aRequest({ authorization: cut, 'x-api-key': 'x' }, good)
      },
      'more at the end': () => aRequest({ authorization: `${good.authorization}${dice.of(ODD)}x` }, good),
      'another method': () =>
        aRequest(
          { authorization: good.authorization },
          { ...good, method: dice.of(['GET', 'DELETE', 'post', '']) },
        ),
      'another path': () =>
        aRequest(
          { authorization: good.authorization },
          {
            target: good.target.replace(
              '/api/chat',
              dice.of(['/api/push', '/api/chat/', '//api/chat', '/API/chat']),
            ),
          },
        ),
      'more in the query': () =>
        aRequest(
          { authorization: good.authorization },
          { target: good.target + dice.of(['&a=b', '&ts=1', '&', '#', '?', '%20', `&ts=${seconds()}`, '0']) },
        ),
      'another time': () => {
        const apart = 301 + dice.below(1e6)
        return SIGNER.request(seconds() + (dice.below(2) === 0 ? apart : -apart))
      },
      'a stranger': () => STRANGER.request(seconds()),
      'a stranger with our key': () => {
        const { authorization } = { authorization: STRANGER.authorization('POST', good.target) }
        return aRequest({ authorization: authorization.replace(STRANGER.wire, SIGNER.wire) }, good)
      },
      'our key alone': () => aRequest({ authorization: `${SIGNER.wire}:` }, good),
      'as a Bearer': () => aRequest({ authorization: `Bearer ${good.authorization}` }, good),
      'in another header': () => aRequest({ 'x-api-key': good.authorization }, good),
      twice: () =>
        aRequest({ authorization: `${good.authorization}, ${bitFlipped(good.authorization)}` }, good),
    }
    for (let index = 0; index < ROUNDS / 20; index++) {
      const [name, attempt] = dice.of(Object.entries(attempts))
      const found = identity.identify(attempt())
      assert.ok(!(found instanceof Promise) && 'code' in found, name)
    }
    assert.ok(!('code' in (await identity.identify(aRequest({ authorization: good.authorization }, good)))))
  })

  it('are never a token that is admitted', async () => {
    const clock = new ManualClock()
    const identity = anIdentity(KEYS, { openWebuiSecret: JWT_SECRET }, { clock })
    const exp = clock.wallTime() / 1_000 + 300
    const good = await new SignJWT({ iss: 'open-webui', sub: 'u-1', exp })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(JWT_SECRET))
    const [head = '', claims = '', signature = ''] = good.split('.')
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const variants: (() => string)[] = [
      () =>
        `${encoded({ alg: dice.of(['none', 'None', 'RS256', 'HS384', 'ES256', 'dir', '']) })}.${claims}.${signature}`,
      () =>
        `${head}.${encoded({ iss: 'open-webui', sub: `u-${dice.below(1e6)}`, exp: exp + 1 })}.${signature}`,
      () => `${head}.${claims}.`,
      () => `${head}.${claims}`,
      () => good.slice(0, 1 + dice.below(good.length - 2)),
      () => `${good}.${signature}`,
      () => `${good}${dice.of(ODD)}x`,
      () => garbage() || 'x',
      () => `${head}.${claims}.${hashed(garbage())}`,
      () => 'x'.repeat(dice.below(1_000_000) + 1),
    ]
    for (let index = 0; index < ROUNDS / 20; index++) {
      const token = dice.of(variants)()
      if (token.trim() === '') continue
      const found = await identity.identify(
        aRequest({
          authorization: `Bearer ${WEB}`,
          'x-openwebui-user-jwt': token,
          'x-openwebui-user-id': 'root',
        }),
      )
      assert.deepEqual(found, { code: 'wrong_user' }, token.slice(0, 200))
    }
    const found = await identity.identify(
      aRequest({ authorization: `Bearer ${WEB}`, 'x-openwebui-user-jwt': good }),
    )
    assert.ok(!('code' in found) && found.user === 'u-1')
  })
})
