import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pointsAtSelf } from '../../src/config/points-at-self.ts'

const OWN = ['My-Host', '192.168.1.5', 'fe80::1%eth0', '2001:db8::7']
const at = (ollama_url: string, proxy_port = 8080) => pointsAtSelf({ ollama_url, proxy_port }, OWN)

it('knows this machine by every name and address', () => {
  const hosts = [
    'localhost',
    'LOCALHOST.',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '[::1]',
    '[::]',
  ]
  for (const host of [
    ...hosts,
    'my-host',
    '192.168.1.5',
    '[fe80::1]',
    '[2001:db8:0::7]',
    '[::ffff:127.0.0.1]',
  ]) {
    assert.equal(at(`http://${host}:8080`), true, host)
    assert.equal(at(`http://${host}:8081`), false, host)
  }
})

it('knows the port that a scheme implies', () => {
  assert.equal(at('http://localhost', 80), true)
  assert.equal(at('https://localhost', 443), true)
  assert.equal(at('http://localhost', 443), false)
})

it('lets other machines have the same port', () => {
  for (const host of ['192.168.1.6', 'ollama', '[2001:db8::8]', '128.0.0.1', 'localhost.example.com']) {
    assert.equal(at(`http://${host}:8080`), false, host)
  }
})

it('never matches a port that is not chosen yet', () => {
  assert.equal(at('http://localhost:0', 0), false)
})
