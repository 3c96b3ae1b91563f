import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NO_LIMITS } from '../../src/callers/caller.ts'
import { loadConfig } from '../../src/config/load.ts'
import { accessSettings, identitySettings } from '../../src/gate/caller-settings.ts'

const HASH = '0A'.repeat(32)

function config(text: string) {
  const readFile = (path: string) => (path === 'keys.yaml' ? '' : text)
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile }).config
}

const authOf = (text: string) => accessSettings(config(text)).auth
const A_KEY = `keys: { alice: { hash: "sha256:${HASH}" } }`

describe('auth that is not set', () => {
  it('is off without keys and enforced with one', () => {
    assert.equal(authOf(''), 'off')
    assert.equal(authOf(A_KEY), 'enforce')
  })

  it('is enforced with a file for keys, even when no key is left', () => {
    assert.equal(authOf('keys_file: keys.yaml'), 'enforce')
  })
})

describe('auth that is set', () => {
  it('is as it is set', () => {
    assert.equal(authOf(`${A_KEY}\nauth: observe`), 'observe')
    assert.equal(authOf(`${A_KEY}\nauth: off`), 'off')
    assert.equal(authOf('auth: enforce'), 'enforce')
  })

  it('to off knows no keys: the credentials of clients are for Ollama', () => {
    const { keys, keysOnly } = identitySettings(config(`${A_KEY}\nauth: off`))
    assert.deepEqual([keys, keysOnly], [[], false])
  })
})

describe('a key', () => {
  it('may infer all models without a limit, unless it says otherwise', () => {
    const [key] = identitySettings(config(A_KEY)).keys
    assert.equal(key?.hash, HASH.toLowerCase())
    assert.deepEqual([...(key?.may ?? [])], ['infer'])
    assert.equal(key?.limits, NO_LIMITS)
    assert.deepEqual([key?.models, key?.class, key?.slotSeconds, key?.tokens], [undefined, 'normal', {}, {}])
  })

  it('keeps what it says', () => {
    const text =
      'keys: { a: { address: 192.0.2.1, may: [view], class: batch, queue: 3, tokens: { month: 9 } } }'
    const [key] = identitySettings(config(text)).keys
    assert.deepEqual(key?.limits, { parallel: Number.POSITIVE_INFINITY, queue: 3 })
    assert.deepEqual([key?.address, [...(key?.may ?? [])], key?.class], [['192.0.2.1'], ['view'], 'batch'])
    assert.deepEqual(key?.tokens, { month: 9 })
  })

  it('may ask for its own class and for normal, unless it says otherwise', () => {
    const most = (fields: string) => {
      const [key] = identitySettings(config(`keys: { a: { address: 192.0.2.1${fields} } }`)).keys
      return [key?.class, key?.maxClass]
    }
    assert.deepEqual(most(''), ['normal', 'normal'])
    assert.deepEqual(most(', class: batch'), ['batch', 'normal'])
    assert.deepEqual(most(', class: interactive'), ['interactive', 'interactive'])
    assert.deepEqual(most(', class: batch, max_class: batch'), ['batch', 'batch'])
    assert.deepEqual(most(', max_class: interactive'), ['normal', 'interactive'])
  })

  it('has a weight among its limits, and shares one object with all keys that have neither', () => {
    const limits = (fields: string) =>
      identitySettings(config(`keys: { a: { address: 192.0.2.1${fields} } }`)).keys[0]?.limits
    assert.equal(limits(', class: batch, max_class: batch'), NO_LIMITS)
    assert.deepEqual(limits(', weight: 2.5'), { ...NO_LIMITS, weight: 2.5 })
    assert.deepEqual(limits(', parallel: 2, weight: 1'), { ...NO_LIMITS, parallel: 2, weight: 1 })
  })
})
