import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closedToOthers, openToNetwork, whoManages, whoMayCall } from '../../src/cli/access-lines.ts'
import { loadConfig } from '../../src/config/load.ts'

const HASH = `sha256:${'0a'.repeat(32)}`
const ONE = `keys: { a: { hash: "${HASH}" } }`
const TWO = `keys: { a: { hash: "${HASH}" }, b: { address: 192.0.2.1, may: [manage] } }`

function load(...lines: string[]) {
  const readFile = (path: string) => (path === 'keys.yaml' ? '' : lines.join('\n'))
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile }).config
}

describe('whoMayCall', () => {
  it('names auth in force and the number of keys', () => {
    assert.equal(whoMayCall(load()), 'everybody who reaches the proxy (auth is off)')
    assert.equal(whoMayCall(load(ONE)), 'everybody with a key (auth is enforce, 1 key)')
    assert.equal(whoMayCall(load(TWO)), 'everybody with a key (auth is enforce, 2 keys)')
    assert.equal(whoMayCall(load(TWO, 'auth: off')), 'everybody who reaches the proxy (auth is off)')
    assert.match(whoMayCall(load(TWO, 'auth: observe')), /^everybody; .*observe, 2 keys\)$/)
  })

  it('says what to do where nobody may call', () => {
    assert.match(whoMayCall(load('keys_file: keys.yaml')), /^nobody yet: .*key add NAME/)
  })
})

describe('whoManages', () => {
  it('names manage in force and the keys that count', () => {
    assert.equal(whoManages(load()), 'clients on this machine (manage is local)')
    assert.equal(whoManages(load(TWO)), 'clients on this machine and 1 key (manage is local)')
    assert.equal(whoManages(load(TWO, 'auth: off')), 'clients on this machine (manage is local)')
    assert.equal(whoManages(load(TWO, 'manage: keys')), '1 key (manage is keys)')
    assert.equal(whoManages(load(ONE, 'manage: keys')), 'nobody (manage is keys, and no key may manage)')
    assert.equal(whoManages(load('manage: open')), 'everybody who may call (manage is open)')
  })
})

describe('a proxy that other machines reach', () => {
  it('says that management is closed to them, and how to open it', () => {
    for (const host of ['0.0.0.0', '"::"', '192.0.2.1', 'gpu.example'])
      assert.match(
        closedToOthers(load(`proxy_host: ${host}`)) ?? '',
        /closed.*may: \[infer, manage\].*manage \(MANAGE\)/,
      )
    for (const host of ['127.0.0.1', '"::1"', 'localhost', 'LocalHost'])
      assert.equal(closedToOthers(load(`proxy_host: ${host}`)), undefined)
    assert.equal(closedToOthers(load('proxy_host: 0.0.0.0', 'manage: open')), undefined)
  })

  it('warns where nobody needs a key', () => {
    assert.match(openToNetwork(load('proxy_host: 0.0.0.0')) ?? '', /^everybody .*0\.0\.0\.0.*key add NAME/)
    assert.equal(openToNetwork(load('proxy_host: 0.0.0.0', ONE)), undefined)
    assert.equal(openToNetwork(load()), undefined)
  })
})
