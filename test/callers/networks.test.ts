import assert from 'node:assert/strict'
import { BlockList, isIP } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalNetwork, formatAddress, Networks, parseAddress } from '../../src/callers/networks.ts'

const ipv4 = fc.ipV4()
const ipv6 = fc.ipV6()
const plainIPv6 = ipv6.filter((text) => parseAddress(text)?.length === 8)

function withBitFlipped(address: string, bit: number): string {
  const groups = [...(parseAddress(address) ?? [])]
  groups[bit >> 4] = (groups[bit >> 4] ?? 0) ^ (1 << (bit & 15))
  // The neighbour would be an IPv4 address.
  if (groups.length === 8 && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return address
  return formatAddress(groups)
}

describe('an address', () => {
  it('is read as its groups', () => {
    assert.deepEqual(parseAddress('192.0.2.1'), [0xc000, 0x0201])
    assert.deepEqual(parseAddress('2001:DB8::1'), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])
    assert.deepEqual(parseAddress('::'), [0, 0, 0, 0, 0, 0, 0, 0])
    assert.deepEqual(parseAddress('1::'), [1, 0, 0, 0, 0, 0, 0, 0])
    assert.deepEqual(parseAddress('64:ff9b::192.0.2.1'), [0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0x0201])
    assert.deepEqual(parseAddress('fe80::1%eth0'), [0xfe80, 0, 0, 0, 0, 0, 0, 1])
  })
  it('is IPv4 when IPv6 maps it', () => {
    for (const text of ['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1'])
      assert.deepEqual(parseAddress(text), [0xc000, 0x0201], text)
  })
  const others = [
    ...['', ' ', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '1.2.3.4.', '1.2.3.4%eth0'],
    ...[
      ':',
      ':::',
      '1:2',
      '::1::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      '12345::',
      'g::',
    ],
    ...['[::1]', '1.2.3.4::', '::1.2.3', '::1.2.3.4:1', 'localhost', '0x7f.0.0.1', '１.2.3.4', '::\0'],
  ]
  for (const text of others)
    it(`is not ${JSON.stringify(text)}`, () => void assert.equal(parseAddress(text), undefined))

  it('is what Node takes for one', () => {
    const near = fc.oneof(
      ipv4,
      ipv6,
      fc.string({ unit: fc.constantFrom(...'0123456789abf:.'), maxLength: 20 }),
    )
    fc.assert(
      fc.property(near, (text) => (parseAddress(text) !== undefined) === (isIP(text) !== 0)),
      {
        numRuns: 5_000,
      },
    )
  })
})

describe('networks', () => {
  for (const kind of ['ipv4', 'ipv6'] as const)
    it(`have an address exactly when a list of Node has it: ${kind}`, () => {
      const [address, most] = kind === 'ipv4' ? [ipv4, 32] : [plainIPv6, 128]
      const list = fc.array(fc.tuple(address, fc.nat(most)), { minLength: 1, maxLength: 4 })
      const property = fc.property(list, address, fc.nat(most - 1), (networks, other, bit) => {
        // A list of Node finds IPv4 addresses in IPv6 networks, too. So each kind has a list of its own.
        const blocks = new BlockList()
        for (const [base, bits] of networks) blocks.addSubnet(base, bits, kind)
        const ours = new Networks(networks.map(([base, bits]) => [`${base}/${bits}`, true] as const))
        for (const asked of [other, ...networks.map(([base]) => base)])
          for (const near of [asked, withBitFlipped(asked, bit)])
            assert.equal(ours.find(parseAddress(near) ?? []) ?? false, blocks.check(near, kind), near)
      })
      fc.assert(property, { numRuns: 2_000 })
    })
  it('give what the most specific one has, in any order', () => {
    const entries = [
      ['0.0.0.0/0', 'all'],
      ['10.0.0.0/8', 'ten'],
      ['10.1.2.3', 'one'],
      ['10.1.0.0/16', 'hall'],
      ['::/0', 'six'],
    ] as const
    for (const list of [entries, [...entries].reverse()]) {
      const networks = new Networks(list)
      const find = (address: string) => networks.find(parseAddress(address) ?? [])
      assert.deepEqual(['10.1.2.3', '10.1.2.4', '10.2.0.0', '9.9.9.9', '::1', '::ffff:10.1.2.3'].map(find), [
        'one',
        'hall',
        'ten',
        'all',
        'six',
        'one',
      ])
    }
  })
  it('leave out what is no network', () => {
    const texts = [
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/08',
      '10.0.0.0/-1',
      '::/129',
      '/8',
      'x',
      'fe80::1%eth0',
    ]
    assert.equal(new Networks(texts.map((text) => [text, true] as const)).size, 0)
  })
  it('are equal in all spellings', () => {
    for (const text of ['10.0.0.0/8', '10.1.2.3/8', '::ffff:10.0.0.0/104'])
      assert.equal(canonicalNetwork(text), canonicalNetwork('10.0.0.0/8'), text)
    assert.equal(canonicalNetwork('192.0.2.1'), canonicalNetwork('192.0.2.1/32'))
    assert.notEqual(canonicalNetwork('10.0.0.0/8'), canonicalNetwork('10.0.0.0/9'))
    assert.notEqual(canonicalNetwork('0.0.0.0/0'), canonicalNetwork('::/0'))
    assert.equal(canonicalNetwork('nowhere'), undefined)
  })
})
