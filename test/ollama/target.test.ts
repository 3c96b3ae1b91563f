import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseTarget, targetOfUrl } from '../../src/ollama/target.ts'

describe('a request target', () => {
  for (const [raw, forwarded, path] of [
    ['/', '/', '/'],
    ['/api/generate', '/api/generate', '/api/generate'],
    ['/api/chat?x=%2F', '/api/chat?x=%2F', '/api/chat'],
    ['/api/%63hat', '/api/%63hat', '/api/chat'],
    ['/api%2Fchat', '/api%2Fchat', '/api/chat'],
    ['//api//chat', '//api//chat', '/api/chat'],
    ['/%2Fapi/chat', '/%2Fapi/chat', '/api/chat'],
    ['/%61pi/%ff', '/%61pi/%ff', '/api/ÿ'],
    ['/api/%zz', '/api/%zz', '/api/%zz'],
    ['/.well-known/x', '/.well-known/x', '/.well-known/x'],
    ['/a..b/...', '/a..b/...', '/a..b/...'],
    ['http://localhost/api/chat?a=b', '/api/chat?a=b', '/api/chat'],
    ['HTTPS://x:1', '/', '/'],
    ['http://x?/api/generate', '/?/api/generate', '/'],
  ] as const) {
    it(`is read from ${raw}`, () => assert.deepEqual(parseTarget(raw), { forwarded, path }))
  }

  for (const raw of [
    '',
    '*',
    'api/generate',
    'http:///api/generate',
    'http://?/api/generate',
    'http://#/api/generate',
    'http://x#/api/generate',
    'http://x\\/api/generate',
    'ftp://x/api/generate',
    'http:/api/generate',
    '/x/../api/generate',
    '/./api/generate',
    '/..',
    '/.',
    '/x\\..\\api/generate',
    '/%2e%2e/api/generate',
    '/x%2f..%2fapi/generate',
    '/%252e%252e/api/generate',
    '/x%5c..%5capi/generate',
    '/api%255cgenerate',
    '/api/%2567enerate',
    '/api/chat#x',
    '/..#',
  ]) {
    it(`is refused when it is ${raw || 'empty'}`, () => assert.equal(parseTarget(raw), undefined))
  }

  it('begins behind the authority of a URL', () =>
    assert.deepEqual(targetOfUrl('http://h:1/api/chat?x=http://y/z'), {
      forwarded: '/api/chat?x=http://y/z',
      path: '/api/chat',
    }))

  it('reaches a gated path only if it was routed there, however the upstream reads the target', () => {
    const pieces = fc.constantFrom(
      ...['/', '//', '\\', '.', '..', 'api', 'generate', 'x', '?', '#', ':', '@', 'http://', 'HTTP://', '*'],
      ...[
        '%2f',
        '%2F',
        '%5c',
        '%2e',
        '%67enerate',
        '%61pi',
        '%3f',
        '%23',
        '%252e',
        '%252f',
        '%2567enerate',
        '%00',
        '%',
        '%ff',
        ';',
      ],
    )
    const targets = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(targets, fc.constantFrom('', '/ollama', '/a/b'), (raw, prefix) => {
        const target = parseTarget(raw)
        if (target === undefined) return
        assert.ok(target.forwarded.startsWith('/'))
        for (const seen of readings(prefix + target.forwarded)) {
          assert.ok(seen === prefix || seen.startsWith(`${prefix}/`), `${raw} leaves the prefix: ${seen}`)
          if (seen === `${prefix}/api/generate`) assert.equal(target.path, '/api/generate', raw)
        }
      }),
      { numRuns: 20_000 },
    )
  })
})

/** The path of a target as different servers read it: Go, a WHATWG URL, a proxy that normalizes. */
function readings(target: string): string[] {
  const [raw = ''] = target.split('?')
  const go = decode(raw)
  const whatwg = new URL(`http://h${target}`).pathname
  return [go, whatwg, decode(whatwg), resolve(go), resolve(decode(go))]
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Merges slashes and resolves dot segments, as nginx does. A slash at the end stays. */
function resolve(path: string): string {
  const kept: string[] = []
  for (const segment of path.split(/[/\\]/)) {
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  return `/${kept.join('/')}${kept.length > 0 && /[/\\]$/.test(path) ? '/' : ''}`
}
