import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  flatHeader,
  HOP_BY_HOP,
  NOT_OF_A_CALL,
  requestHeaders,
  responseHeaders,
} from '../../src/relay/headers.ts'

const toOllama = (raw: readonly string[], facts: Partial<Parameters<typeof requestHeaders>[1]> = {}) =>
  requestHeaders(raw, {
    connection: flatHeader(raw, 'connection'),
    host: 'proxy:8080',
    keepLength: false,
    credentials: undefined,
    withheld: undefined,
    ...facts,
  })

describe('the headers of a request', () => {
  it('keep their order, spelling and repetitions', () => {
    const raw = [
      'X-B',
      '1',
      'x-a',
      '2',
      'X-b',
      '3',
      'ACCEPT',
      '*/*',
      'Cookie',
      'a=b',
      'Content-Encoding',
      'zstd',
    ]
    assert.deepEqual(toOllama(raw), raw)
  })
  it('lose what speaks of the connection, in any case', () => {
    const hops = ['Connection', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade']
    const auth = ['Proxy-Authorization', 'Proxy-Authenticate', 'PROXY-CONNECTION']
    for (const name of [...hops, ...auth]) {
      for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.deepEqual(toOllama(['A', '1', written, 'x', 'B', '2']), ['A', '1', 'B', '2'], written)
      }
    }
  })
  it('lose what Connection lists', () => {
    const raw = ['X-Hop', '1', 'x-keep', '2', 'Connection', 'keep-alive, X-HOP ,,x-other', 'X-Other', '3']
    assert.deepEqual(toOllama(raw), ['x-keep', '2'])
  })
  it('lose host, length and expectation, which are set anew', () => {
    const raw = ['Host', 'proxy:8080', 'Content-Length', '5', 'Expect', '100-continue', 'A', '1']
    assert.deepEqual(toOllama(raw), ['A', '1'])
    assert.deepEqual(toOllama(raw, { keepLength: true }), ['Content-Length', '5', 'A', '1'])
  })
  it('lose the queue key and the wish for signs of life, which speak to the proxy', () => {
    const notify = ['x-queue-notify', '1', 'X-Queue-Notify', '0']
    const key = ['X-Queue-Key', 'document-1', 'A', '1', 'X-QUEUE-KEY-RUNNING', 'cancel', 'X-Queue-Keys', '2']
    const raw = [...notify, ...key]
    for (const keepLength of [false, true])
      assert.deepEqual(toOllama(raw, { keepLength }), ['A', '1', 'X-Queue-Keys', '2'])
  })
  it('lose an Origin of ours and keep a foreign one', () => {
    for (const origin of ['http://proxy:8080', 'https://proxy:8080']) {
      assert.deepEqual(toOllama(['origin', origin]), [])
    }
    for (const origin of ['http://proxy', 'http://proxy:8080.evil', 'http://evil/proxy:8080', 'null', '']) {
      assert.deepEqual(toOllama(['Origin', origin]), ['Origin', origin])
    }
    const noHost = ['Origin', 'http://proxy:8080']
    assert.deepEqual(toOllama(noHost, { host: undefined }), noHost)
  })
})

describe('the headers of an answer', () => {
  it('lose what we say of a gated call ourselves, and keep it for any other request', () => {
    const raw = ['X-Request-ID', 'theirs', 'x-queue-wait-ms', '5', 'Server-Timing', 'db;dur=1', 'X-A', '1']
    assert.deepEqual(responseHeaders(raw, 200, NOT_OF_A_CALL), ['Server-Timing', 'db;dur=1', 'X-A', '1'])
    assert.deepEqual(responseHeaders(raw, 200, HOP_BY_HOP), raw)
  })
  it('keep order, spelling, repeated cookies, length and date', () => {
    const raw = [
      'Content-Length',
      '5',
      'Set-Cookie',
      'a=1',
      'DATE',
      'x',
      'set-cookie',
      'b=2',
      'Vary',
      'Origin',
    ]
    assert.deepEqual(responseHeaders(raw, 200, HOP_BY_HOP), raw)
  })
  it('lose what speaks of the connection and what any Connection header lists', () => {
    const raw = [
      'Connection',
      'close',
      'X-A',
      '1',
      'connection',
      'x-a',
      'Transfer-Encoding',
      'chunked',
      'X-B',
      '2',
    ]
    assert.deepEqual(responseHeaders(raw, 200, HOP_BY_HOP), ['X-B', '2'])
    assert.deepEqual(
      responseHeaders(['Keep-Alive', 'timeout=5', 'Upgrade', 'h2c', 'Trailer', 'x'], 200, HOP_BY_HOP),
      [],
    )
  })
  it('keep a length where there may be one: not in a 204', () => {
    const raw = ['content-length', '0', 'X-A', '1']
    assert.deepEqual(responseHeaders(raw, 204, HOP_BY_HOP), ['X-A', '1'])
    for (const status of [200, 205, 304]) assert.deepEqual(responseHeaders(raw, status, HOP_BY_HOP), raw)
  })
})

it('a flat list is looked up by lower-case name, the first counts', () => {
  assert.equal(flatHeader(['X-A', '1', 'x-a', '2'], 'x-a'), '1')
  assert.equal(flatHeader(['X-A', '1'], 'x-b'), undefined)
  assert.equal(flatHeader(['x-b'], 'x-b'), undefined)
})
