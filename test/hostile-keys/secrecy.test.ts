import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { OllamaKey } from '../callers/support/builders.ts'
import { bearer, from, keyRing, secretOf, THE_SUITE } from '../conformance/key-ring.ts'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { Recorder } from './recorder.ts'

const JWT_SECRET = 'of-open-webui-of-open-webui-of-open-webui'

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token of Open WebUI that expired in 2001. */
function expired(): string {
  const text = `${base64url({ alg: 'HS256' })}.${base64url({ iss: 'open-webui', sub: 'ann-7', exp: 1_000_000_000 })}`
  return `${text}.${createHmac('sha256', JWT_SECRET).update(text).digest('base64url')}`
}

const CALL = { method: 'POST', body: '{"model":"llama3.2","messages":[{}]}' }

describe('what Ollama hears of a caller', () => {
  let ollama: Recorder
  let observing: Started
  let enforcing: Started
  const signer = new OllamaKey()
  const ring = {
    ...keyRing({
      alice: {},
      webui: { users: 'open-webui' },
      signer: { ed25519: signer.line },
      plc: { address: ['192.0.2.20'] },
    }),
    OPEN_WEBUI_JWT_SECRET: JWT_SECRET,
    TRUSTED_PROXIES: THE_SUITE,
  }
  before(async () => {
    ollama = await Recorder.start()
    observing = await startProxy(node, ollama.url, [], { ...ring, AUTH: 'observe' })
    enforcing = await startProxy(node, ollama.url, [], ring)
  })
  beforeEach(() => {
    ollama.heard.length = 0
  })
  after(() => Promise.all([observing.stop('SIGKILL'), enforcing.stop('SIGKILL'), ollama.stop()]))

  async function isNothingOf(proxy: Started, headers: Readonly<Record<string, string>>, secret: string) {
    const answer = await fetch(`${proxy.url}/api/chat`, { ...CALL, headers })
    assert.equal(answer.status, 200, await answer.text())
    assert.equal(ollama.heard.filter(({ line }) => line === 'POST /api/chat').length, 1)
    assert.ok(!ollama.has(secret), JSON.stringify(ollama.heard.at(-1)))
  }

  it('is no key whose token of Open WebUI has expired, while auth observes', () =>
    isNothingOf(observing, { ...bearer('webui'), 'x-openwebui-user-jwt': expired() }, secretOf('webui')))

  it('is no right key beside a wrong one, while auth observes', () =>
    isNothingOf(
      observing,
      { authorization: 'Bearer ollama', 'x-api-key': secretOf('alice') },
      secretOf('alice'),
    ))

  it('is no person whose client has no key yet, while auth observes', () =>
    isNothingOf(observing, { 'x-openwebui-user-email': 'ann@example.com' }, 'ann@example.com'))

  it('is no signature that came too late, while auth observes', () =>
    isNothingOf(observing, { authorization: signer.authorization('POST', '/api/chat?ts=1') }, signer.wire))

  it('is no key as the user name of a Basic credential', () =>
    isNothingOf(
      enforcing,
      { authorization: `Basic ${btoa(`${secretOf('alice')}:`)}`, 'x-api-key': secretOf('alice') },
      btoa(`${secretOf('alice')}:`),
    ))

  it('is no key without a scheme, from an address that is known', () =>
    isNothingOf(enforcing, { authorization: secretOf('alice'), ...from('192.0.2.20') }, secretOf('alice')))

  it('is no key in Authorization: Token, from an address that is known', () =>
    isNothingOf(
      enforcing,
      { authorization: `Token ${secretOf('alice')}`, ...from('192.0.2.20') },
      secretOf('alice'),
    ))
})
