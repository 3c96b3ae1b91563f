import assert from 'node:assert/strict'
import { it } from 'node:test'
import { reachableHost } from '../../../src/cli/top/address.ts'

it('reaches a proxy that listens everywhere over the loopback address', () => {
  assert.equal(reachableHost('0.0.0.0'), '127.0.0.1')
  assert.equal(reachableHost('::'), '[::1]')
  assert.equal(reachableHost('0:0:0:0:0:0:0:0'), '[::1]')
})

it('takes any other host as it is written in a URL', () => {
  assert.equal(reachableHost('127.0.0.1'), '127.0.0.1')
  assert.equal(reachableHost('guard.local'), 'guard.local')
  assert.equal(reachableHost('::1'), '[::1]')
  assert.equal(reachableHost('fe80::1'), '[fe80::1]')
})
