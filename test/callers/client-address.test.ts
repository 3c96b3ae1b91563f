import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { clientAddress } from '../../src/callers/client-address.ts'
import { Networks, parseAddress } from '../../src/callers/networks.ts'

const TRUSTED = new Networks(
  ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'].map((network) => [network, true] as const),
)
const behind = (forwarded: string | undefined, socket = '127.0.0.1') =>
  clientAddress(socket, forwarded, TRUSTED)

describe('the client in front of proxies', () => {
  const cases: [string, string | undefined, string][] = [
    ['is the socket without the header', undefined, '127.0.0.1'],
    ['is the entry of the proxy', '203.0.113.7', '203.0.113.7'],
    ['is the first from the right that is not trusted', '1.1.1.1, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    ['is the leftmost when all are trusted', '10.0.0.3,10.0.0.2', '10.0.0.3'],
    ['loses its port', '203.0.113.7:5123', '203.0.113.7'],
    ['loses brackets and port', '[2001:db8::7]:443', '2001:db8:0:0:0:0:0:7'],
    ['loses brackets', '[2001:db8::7]', '2001:db8:0:0:0:0:0:7'],
    ['loses a zone', 'fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['is trusted as IPv6, too', '203.0.113.7, fd00::1', '203.0.113.7'],
    ['is trusted when IPv6 maps it', '203.0.113.7, ::ffff:10.0.0.2', '203.0.113.7'],
    ['is the proxy that sent an empty entry', '203.0.113.7, ', '127.0.0.1'],
    ['is the proxy that sent garbage', '203.0.113.7, unknown, 10.0.0.2', '10.0.0.2'],
    ['is the proxy that sent half an address', '1.1.1.1, [::1', '127.0.0.1'],
    ['is the socket behind commas alone', ',,,,', '127.0.0.1'],
    ['is the socket behind an empty header', '', '127.0.0.1'],
    ['does not reach behind a comma at the start', ',10.0.0.2', '10.0.0.2'],
  ]
  for (const [name, forwarded, expected] of cases)
    it(name, () => void assert.equal(behind(forwarded), expected))

  it('is the socket when that is not trusted, or nobody is', () => {
    assert.equal(behind('192.0.2.1', '203.0.113.7'), '203.0.113.7')
    assert.equal(behind('192.0.2.1', ''), '')
    assert.equal(clientAddress('127.0.0.1', '192.0.2.1', new Networks([])), '127.0.0.1')
  })

  it('is a proxy when the line of proxies has no end', () => {
    const endless = `203.0.113.7${', 10.0.0.2'.repeat(10_000)}`
    assert.equal(behind(endless), '10.0.0.2')
  })

  it('is never an entry left of one that is not trusted, whatever stands there', () => {
    const left = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.1'), fc.constant(','))
    const property = fc.property(fc.array(left, { maxLength: 6 }), (entries) => {
      assert.equal(behind([...entries, '203.0.113.7', '10.0.0.2'].join(', ')), '203.0.113.7')
      const found = behind(entries.join(','))
      assert.ok(parseAddress(found) !== undefined, found)
    })
    fc.assert(property, { numRuns: 2_000 })
  })
})
