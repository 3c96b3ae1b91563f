import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { webCrypto } from '../../src/runtimes/fetch/crypto.ts'
import { processCrypto } from '../../src/runtimes/process/crypto.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aKey, anIdentity, aRequest, OllamaKey, outcome } from './support/builders.ts'

const ALICE = new OllamaKey()
const BOB = new OllamaKey()
const STRANGER = new OllamaKey()
const KEYS = [aKey('alice', { ed25519: ALICE.line }), aKey('bob', { ed25519: BOB.line })]

function world(crypto = processCrypto) {
  const clock = new ManualClock()
  const counts = { verified: 0 }
  const counting: typeof crypto = {
    sha256: crypto.sha256,
    verifyEd25519: (...given) => {
      counts.verified++
      return crypto.verifyEd25519(...given)
    },
  }
  const identity = anIdentity(KEYS, {}, { clock, crypto: counting })
  const ask = (request: ReturnType<typeof aRequest>) => outcome(identity.identify(request))
  return { clock, counts, identity, ask, seconds: () => Math.floor(clock.wallTime() / 1_000) }
}

describe('a signature of the ollama command', () => {
  for (const [name, crypto] of Object.entries({ Node: processCrypto, 'the Web': webCrypto })) {
    it(`tells the caller, with the cryptography of ${name}`, async () => {
      const { ask, seconds } = world(crypto)
      assert.equal(await ask(ALICE.request(seconds())), 'signature:alice')
      assert.equal(await ask(BOB.request(seconds(), { method: 'HEAD', path: '/' })), 'signature:bob')
      const { authorization } = { authorization: ALICE.authorization('POST', `/api/show?ts=${seconds()}`) }
      const elsewhere = aRequest({ authorization }, { target: `/api/chat?ts=${seconds()}` })
      assert.equal(await ask(elsewhere), 'wrong_signature')
    })
  }

  it('is accepted for 300 s before and after its time', async () => {
    const { ask, seconds } = world()
    assert.equal(await ask(ALICE.request(seconds() - 300)), 'signature:alice')
    assert.equal(await ask(ALICE.request(seconds() + 300)), 'signature:alice')
    assert.equal(await ask(ALICE.request(seconds() - 301)), 'signature_expired')
    assert.equal(await ask(ALICE.request(seconds() + 301)), 'signature_expired')
  })

  it('of a key that nobody configured is not verified', async () => {
    const { ask, seconds, counts } = world()
    assert.equal(await ask(STRANGER.request(seconds())), 'wrong_key')
    assert.equal(counts.verified, 0)
  })

  it('of another method, path, query or key is wrong', async () => {
    const { ask, seconds } = world()
    const target = `/api/chat?ts=${seconds()}`
    const signed = (authorization: string, changes: { method?: string; target?: string } = {}) =>
      ask(aRequest({ authorization }, { target, ...changes }))
    const right = ALICE.authorization('POST', target)
    assert.equal(await signed(right, { method: 'DELETE' }), 'wrong_signature')
    assert.equal(await signed(right, { target: `/api/push?ts=${seconds()}` }), 'wrong_signature')
    assert.equal(await signed(right, { target: `${target}&a=b` }), 'wrong_signature')
    assert.equal(await signed(right, { target: `/api/chat?ts=${seconds() + 1}` }), 'wrong_signature')
    assert.equal(await signed(right.replace(ALICE.wire, BOB.wire)), 'wrong_signature')
    for (const other of ['/api/chat', '/api/chat?ts=', '/api/chat?ts=1e9', `${target}&ts=${seconds()}`])
      assert.equal(
        await signed(ALICE.authorization('POST', other), { target: other }),
        'wrong_signature',
        other,
      )
    const long = `/api/${'x'.repeat(600)}?ts=${seconds()}`
    assert.equal(await signed(ALICE.authorization('POST', long), { target: long }), 'wrong_signature')
  })

  it('has one spelling', async () => {
    const { ask, seconds } = world()
    const target = `/api/chat?ts=${seconds()}`
    const right = ALICE.authorization('POST', target)
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const last = letters.indexOf(right.at(-3) ?? '')
    const respelled = `${right.slice(0, -3)}${letters[last + 1]}==`
    const bytes = (text: string) => Buffer.from(text.slice(text.indexOf(':') + 1), 'base64')
    assert.deepEqual(bytes(respelled), bytes(right))
    assert.equal(await ask(aRequest({ authorization: respelled }, { target })), 'wrong_signature')
    assert.equal(await ask(aRequest({ authorization: right }, { target })), 'signature:alice')
  })

  it('may come again for 2 s from the same address block, and is not verified again', async () => {
    const { ask, seconds, clock, counts } = world()
    const request = ALICE.request(seconds(), { address: '2001:db8::1' })
    assert.equal(await ask(request), 'signature:alice')
    clock.advance(2_000)
    assert.equal(await ask({ ...request, clientAddress: '2001:db8::2' }), 'signature:alice')
    assert.equal(await ask({ ...request, clientAddress: '2001:db8:0:1::2' }), 'signature_replayed')
    clock.advance(1)
    assert.equal(await ask(request), 'signature_replayed')
    assert.equal(counts.verified, 1)
  })

  it('is a replay until it has expired', async () => {
    const { ask, seconds, clock } = world()
    const request = ALICE.request(seconds() + 300)
    assert.equal(await ask(request), 'signature:alice')
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(60_000)
      assert.equal(await ask(request), 'signature_replayed')
      await ask(BOB.request(seconds()))
    }
    clock.advance(1)
    assert.equal(await ask(request), 'signature_expired')
  })

  it('is a replay also after an update of the keys', async () => {
    const { ask, seconds, clock, identity } = world()
    const request = ALICE.request(seconds())
    await ask(request)
    clock.advance(3_000)
    identity.update({ keys: KEYS, trustedProxies: [], openWebuiSecret: undefined, keysOnly: false })
    assert.equal(await ask(request), 'signature_replayed')
  })

  it('that comes twice while it is verified counts as one use', async () => {
    const { ask, seconds } = world(webCrypto)
    const request = ALICE.request(seconds())
    const answers = await Promise.all([ask(request), ask({ ...request, clientAddress: '192.0.2.99' })])
    // Which of the two is verified first is up to the platform.
    assert.deepEqual(answers.sort(), ['signature:alice', 'signature_replayed'])
  })

  it('is refused when the share of its key in the memory is used up, and others are not', async () => {
    const clock = new ManualClock()
    const sure = { sha256: processCrypto.sha256, verifyEd25519: () => true }
    const identity = anIdentity(KEYS, {}, { clock, crypto: sure })
    const seconds = Math.floor(clock.wallTime() / 1_000)
    const request = (key: OllamaKey, index: number) =>
      aRequest(
        { authorization: `${key.wire}:${'A'.repeat(86)}==` },
        { target: `/api/chat/${index}?ts=${seconds}` },
      )
    const ask = (key: OllamaKey, index: number) => {
      const found = identity.identify(request(key, index))
      assert.ok(!(found instanceof Promise))
      return 'code' in found ? found.code : found.caller.id
    }
    for (let index = 0; index < 50_000; index++) assert.equal(ask(ALICE, index), 'alice')
    assert.equal(ask(ALICE, 50_000), 'signature_replayed')
    assert.equal(ask(BOB, 0), 'bob')
    clock.advance(300_000)
    assert.equal(ask(ALICE, 0), 'signature_replayed')
    clock.advance(300_001)
    const later = aRequest(
      { authorization: `${ALICE.wire}:${'A'.repeat(86)}==` },
      { target: `/api/chat?ts=${seconds + 600}` },
    )
    assert.equal(await outcome(identity.identify(later)), 'signature:alice')
  })
})
