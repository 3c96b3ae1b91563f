import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bearer, keyRing, THE_SUITE } from '../conformance/key-ring.ts'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { ask } from '../conformance/raw-answer.ts'
import { Recorder } from './recorder.ts'

/** Go undoes the percent-encoding of bytes that are no UTF-8: all of these are DELETE /api/user/keys/:encodedKey. */
const SIGNOUT = [
  '/%61pi/user/keys/%ff',
  '/api%2fuser/keys/%80',
  '/a%70i/user/keys/%c3(',
  '/%61pi/user/keys/%ED%A0%80',
]

describe('a path whose percent-encoding is no UTF-8', () => {
  let ollama: Recorder
  before(async () => {
    ollama = await Recorder.start()
  })
  after(() => ollama.stop())

  async function refused(proxy: Started, head: string): Promise<void> {
    for (const path of SIGNOUT) {
      ollama.heard.length = 0
      const line = `DELETE ${path}`
      const { status } = await ask(proxy.port, `${line} HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`)
      assert.deepEqual(
        { path, reached: ollama.heard.filter((each) => each.line === line).length },
        { path, reached: 0 },
      )
      assert.ok(status === 403 || status === 400, `${path}: ${status}`)
    }
  }

  it('does not manage with a key that may not manage', async () => {
    const proxy = await startProxy(node, ollama.url, [], { ...keyRing({ alice: {} }), MANAGE: 'keys' })
    try {
      await refused(proxy, `Authorization: ${bearer('alice').authorization}`)
    } finally {
      await proxy.stop('SIGKILL')
    }
  })

  it('does not manage for a stranger while auth is off', async () => {
    const proxy = await startProxy(node, ollama.url, [], { MANAGE: 'local', TRUSTED_PROXIES: THE_SUITE })
    try {
      await refused(proxy, 'X-Forwarded-For: 203.0.113.7')
    } finally {
      await proxy.stop('SIGKILL')
    }
  })

  it('does not climb out of the prefix of ollama_url', async () => {
    const proxy = await startProxy(node, `${ollama.url}/prefix`, [], { ...keyRing({ alice: {} }) })
    try {
      ollama.heard.length = 0
      // Bun resolves the dots before the proxy sees them, so there the request goes to a path below the prefix.
      await ask(
        proxy.port,
        `GET /%2e%2e/other/%ff HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bearer('alice').authorization}\r\n\r\n`,
      )
      assert.deepEqual(
        ollama.heard.filter(({ line }) => !line.startsWith('GET /prefix/') || line.includes('%2e')),
        [],
      )
    } finally {
      await proxy.stop('SIGKILL')
    }
  })
})
