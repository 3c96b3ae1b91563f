import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { flatHeader, requestHeaders } from '../../src/relay/headers.ts'
import { credentialsOf } from '../../src/upstream/credentials.ts'

const OURS = 'Bearer upstream-secret'
const TOKEN = 'admin-secret'

function toOllama(raw: readonly string[], config: Parameters<typeof credentialsOf>[0]) {
  return requestHeaders(raw, {
    connection: flatHeader(raw, 'connection'),
    host: 'proxy:8080',
    keepLength: false,
    credentials: credentialsOf(config),
    withheld: undefined,
  })
}

describe('ollama_authorization', () => {
  const config = { ollama_authorization: OURS }

  it('goes with a request that has no Authorization', () => {
    assert.deepEqual(toOllama(['Accept', '*/*'], config), ['Accept', '*/*', 'Authorization', OURS])
    assert.deepEqual(toOllama([], config), ['Authorization', OURS])
  })

  it('leaves a client its own', () => {
    const raw = ['authorization', 'Bearer mine', 'Accept', '*/*']
    assert.deepEqual(toOllama(raw, config), raw)
  })

  it('stands in for one that is empty, or that its Connection header keeps back', () => {
    assert.deepEqual(toOllama(['Authorization', ''], config), ['Authorization', OURS])
    const hop = ['Connection', 'authorization', 'Authorization', 'Bearer mine']
    assert.deepEqual(toOllama(hop, config), ['Authorization', OURS])
  })
})

describe('the admin token', () => {
  const CARRIERS = [
    `Bearer ${TOKEN}`,
    `bearer   ${TOKEN}  `,
    `Bearer other, Bearer ${TOKEN}`,
    `Bearer ${TOKEN}, Bearer other`,
  ]

  it('never goes to Ollama, and the authorization for Ollama takes its place', () => {
    for (const value of CARRIERS) {
      assert.deepEqual(toOllama(['Authorization', value], { admin_token: TOKEN }), [], value)
      assert.deepEqual(
        toOllama(['Authorization', value], { admin_token: TOKEN, ollama_authorization: OURS }),
        ['Authorization', OURS],
        value,
      )
    }
  })

  it('may hold a comma', () => {
    assert.deepEqual(toOllama(['Authorization', 'Bearer a,b'], { admin_token: 'a,b' }), [])
  })

  it('is no reason to keep back any other', () => {
    for (const value of [
      'Bearer admin-secre',
      `Bearer ${TOKEN}x`,
      `Basic ${TOKEN}`,
      'Bearer',
      TOKEN.toUpperCase(),
    ]) {
      const raw = ['Authorization', value]
      assert.deepEqual(toOllama(raw, { admin_token: TOKEN }), raw, value)
    }
  })
})

it('where nothing is configured, nothing is looked at', () => {
  assert.equal(credentialsOf({}), undefined)
  const raw = ['Authorization', '', 'authorization', 'Bearer x']
  assert.deepEqual(toOllama(raw, {}), raw)
})
