import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { CAUSE_CODES, causeOf } from '../../src/upstream/cause.ts'

const coded = (code: string, message = code) => Object.assign(new Error(message), { code })

it('gives each cause a sentence of its own and an advice that fits', () => {
  for (const code of CAUSE_CODES) {
    const { message, advice } = causeOf(coded(code))
    assert.match(message, /^Ollama \S.*\w$/, code)
    assert.match(advice, /^[a-z].*[\w)/]$/, code)
    assert.equal(/ollama serve/.test(advice), code === 'ECONNREFUSED', code)
    assert.equal(/NODE_EXTRA_CA_CERTS/.test(advice), /SELF_SIGNED|^UNABLE_TO/.test(code), code)
  }
})

it('finds the cause inside other errors', () => {
  assert.equal(causeOf(new TypeError('fetch failed', { cause: coded('ENOTFOUND') })).code, 'ENOTFOUND')
  const both = new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')])
  assert.equal(causeOf(both).code, 'ECONNREFUSED')
  const circle = new Error('circle')
  circle.cause = circle
  for (const nothing of [circle, new Error('no code'), 'text', undefined, null, 7])
    assert.equal(causeOf(nothing).code, 'UNKNOWN')
})

it('calls the same cause the same on every runtime', () => {
  const wrong = 'error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER'
  for (const [error, code] of [
    [coded('UND_ERR_SOCKET'), 'ECONNRESET'],
    [coded('EPIPE'), 'ECONNRESET'],
    [coded('UND_ERR_CONNECT_TIMEOUT'), 'ETIMEDOUT'],
    [new DOMException('late', 'TimeoutError'), 'ETIMEDOUT'],
    [Object.assign(new Error('no HTTP'), { name: 'HTTPParserError' }), 'NOT_HTTP'],
    [Object.assign(coded('HPE_INVALID_CONSTANT'), { name: 'HTTPParserError' }), 'NOT_HTTP'],
    [coded('EPROTO', wrong), 'ERR_SSL_WRONG_VERSION_NUMBER'],
    [coded('EPROTO', 'handshake failure'), 'EPROTO'],
    [coded('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'), 'EPROTO'],
  ] as const)
    assert.equal(causeOf(error).code, code, error.message)
})

it('keeps the name of a cause that has no sentence', () => {
  assert.deepEqual(causeOf(coded('EWEIRD')), { ...causeOf(undefined), code: 'EWEIRD' })
})

it('is listed in the guide, code for code', () => {
  const guide = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8')
  const [, table = ''] = /## When Ollama cannot be reached\n([\s\S]*?)\n## /.exec(guide) ?? []
  const listed = [...table.matchAll(/`([A-Z][A-Z_]{4,})`/g)].map(([, code]) => code)
  for (const code of CAUSE_CODES) assert.ok(listed.includes(code), code)
})
