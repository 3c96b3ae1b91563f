import assert from 'node:assert/strict'
import test from 'node:test'
import { isAllowedHost } from '../../src/http/allowed-host.ts'

const own = { hostname: 'Workbench', addresses: ['203.0.113.7', '2001:db8::7', 'fe80::1'] }

const ALLOWED = [
  undefined,
  '',
  'localhost',
  'LOCALHOST:8080',
  'localhost:anything',
  'app.localhost:3000',
  'printer.local',
  'host.docker.internal:8080',
  'workbench',
  'WORKBENCH:8080',
  '127.0.0.1',
  '127.255.0.3:8080',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255:80',
  '192.168.1.5:8080',
  '0.0.0.0:8080',
  '203.0.113.7:8080',
  '[::1]',
  '[::1]:8080',
  '::1',
  '[::]:8080',
  '[0:0:0:0:0:0:0:1]:8080',
  '[fd12:3456::1]',
  '[FC00::1]:80',
  '[2001:DB8:0::7]:8080',
  '[fe80::1]:8080',
  '[::ffff:127.0.0.1]:8080',
  '[::ffff:c0a8:105]',
]

const REFUSED = [
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  'notlocalhost',
  'local',
  'localhost.',
  'printer.local.',
  'workbench.evil.example',
  '8.8.8.8',
  '172.15.0.1',
  '172.32.0.1',
  '192.169.1.1',
  '127.0.0.1.evil.example',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.0.0.256',
  '[::2]:8080',
  '[2001:db8::8]',
  '[fe00::1]',
  '[::ffff:8.8.8.8]',
  '[::1',
  '[::1]x',
  '[localhost]',
  '[127.0.0.1]',
  'localhost:80:80',
  'user@localhost',
  'evil.example/x.local',
  'localhost, evil.example',
  '127.0.0.1, evil.example',
  ':',
  ':8080:',
  '%6cocalhost',
  '\u0000',
]

for (const host of ALLOWED) {
  test(`Host ${JSON.stringify(host)} is ours`, () => assert.equal(isAllowedHost(host, own), true))
}

for (const host of REFUSED) {
  test(`Host ${JSON.stringify(host)} is refused`, () => assert.equal(isAllowedHost(host, own), false))
}
