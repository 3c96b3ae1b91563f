import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { authInForce, configuredKeys } from '../../../src/cli/key/configured.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { authOf, keysOf } from '../../../src/gate/caller-settings.ts'

const HASH = `sha256:${'0A'.repeat(32)}`

function load(text: string) {
  const readFile = (path: string) => (path === 'keys.yaml' ? '' : text)
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile }).config
}

describe('what a command says of the keys is what the gate does', () => {
  it('for every field of a key, and for the defaults', () => {
    const config = load(`keys:
  alice: { hash: "${HASH}" }
  bob: { address: 192.0.2.1, models: [llama3.2], may: [view, manage], class: batch, parallel: 2, queue: 3,
         slot_seconds: { day: 1 }, tokens: { month: 2 }, users: open-webui }
  carol: { ed25519: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} x", queue: 0 }
  dora: { address: 192.0.2.2, class: interactive, weight: 2.5 }
  emil: { address: 192.0.2.3, max_class: batch, parallel: 1, weight: 1 }
`)
    assert.deepEqual(configuredKeys(config), keysOf(config))
    assert.equal(configuredKeys(config).length, 5)
  })

  it('for auth, as it is set and as it follows from the keys', () => {
    for (const auth of ['', 'auth: off', 'auth: observe', 'auth: enforce'])
      for (const keys of ['', `keys: { a: { hash: "${HASH}" } }`, 'keys_file: keys.yaml']) {
        const config = load(`${auth}\n${keys}\n`)
        assert.equal(authInForce(config), authOf(config), `${auth} ${keys}`)
      }
  })
})
