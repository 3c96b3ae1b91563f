import assert from 'node:assert/strict'
import { it } from 'node:test'
import { addressBlock } from '../../src/callers/address-block.ts'

it('takes an IPv4 address for itself, in either of its forms', () => {
  for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:203.0.113.7'])
    assert.equal(addressBlock(address), '203.0.113.7')
})

it('takes all addresses of a /64 for one', () => {
  for (const address of [
    '2001:db8:1:2::',
    '2001:db8:1:2::7',
    '2001:db8:1:2:3:4:5:6',
    '2001:0db8:0001:0002:ffff::1',
    '2001:DB8:1:2::a%eth0',
  ])
    assert.equal(addressBlock(address), '2001:db8:1:2::/64', address)
  assert.equal(addressBlock('2001:db8:1:3::7'), '2001:db8:1:3::/64')
  assert.equal(addressBlock('2001:db8::7'), '2001:db8:0:0::/64')
  assert.equal(addressBlock('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(addressBlock('::1'), '0:0:0:0::/64')
})

it('keeps the unknown address, which is one too', () => {
  assert.equal(addressBlock(''), '')
})
