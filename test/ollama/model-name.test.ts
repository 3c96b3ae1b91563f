import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCloudKey, parseModelName } from '../../src/ollama/model-name.ts'

const keyOf = (written: string) => parseModelName(written)?.key

describe('spellings of one name', () => {
  const SAME: Record<string, readonly string[]> = {
    llama2: [
      'llama2',
      'llama2:latest',
      'LLAMA2',
      'Llama2:LATEST',
      'library/llama2',
      'Library/llama2:latest',
      'registry.ollama.ai/library/llama2:latest',
      'REGISTRY.ollama.AI/library/llama2',
      'https://registry.ollama.ai/library/llama2',
      'http://registry.ollama.ai/library/llama2:latest',
      'a/b/c://registry.ollama.ai/library/llama2',
      'http:///library/llama2',
      ' llama2 ',
      '\t\n\v\f\rllama2',
      '\u0085llama2\u0085',
      '\u00a0llama2\u00a0',
      '\u2003\u3000llama2\u2028',
      'llama2:local',
      'llama2:LOCAL',
      'llama2: local',
      'llama2:latest:local',
    ],
    'llama3:70b': ['llama3:70b', 'LLAMA3:70B', 'library/llama3:70b', 'llama3:70b:local', ' llama3:70b\n'],
    'me/llama2': ['me/llama2', 'ME/llama2:latest', 'registry.ollama.ai/me/llama2'],
    'hf.co/a/b:q4': ['hf.co/a/b:Q4', 'HF.co/A/B:q4', 'https://hf.co/a/b:Q4', 'ftp://hf.co/a/b:Q4'],
    'localhost:5000/library/x': ['localhost:5000/library/x', 'http://localhost:5000/library/x:latest'],
    _x: ['_x', '_X:latest'],
    'x:a.b-c_d': ['x:a.b-c_d', 'X:A.B-C_D'],
  }
  for (const [key, spellings] of Object.entries(SAME)) {
    for (const written of spellings) {
      it(`${JSON.stringify(written)} is ${key}`, () => {
        assert.deepEqual(parseModelName(written), { key, cloud: false })
      })
    }
  }
})

describe('names that run in the cloud', () => {
  const CLOUD: Record<string, string> = {
    'gpt-oss:cloud': 'gpt-oss:cloud',
    'gpt-oss:CLOUD': 'gpt-oss:cloud',
    'gpt-oss:20b:cloud': 'gpt-oss:20b-cloud',
    'gpt-oss:20b-cloud': 'gpt-oss:20b-cloud',
    'gpt-oss:20B-Cloud': 'gpt-oss:20b-cloud',
    'gpt-oss:latest-cloud': 'gpt-oss:cloud',
    'gpt-oss: cloud': 'gpt-oss:cloud',
    'gpt-oss: 20b-cloud': 'gpt-oss:20b-cloud',
    'me/x:1-cloud': 'me/x:1-cloud',
    'localhost:5000/a/b:cloud': 'localhost:5000/a/b:cloud',
  }
  for (const [written, key] of Object.entries(CLOUD)) {
    it(`${written} is ${key} in the cloud`, () => {
      assert.deepEqual(parseModelName(written), { key, cloud: true })
    })
  }
  for (const written of ['gpt-oss-cloud', 'cloud', 'cloud/x', 'x:cloud1', 'x:cloudy', 'a:b/c-cloud']) {
    it(`${written} does not run in the cloud`, () => assert.notEqual(parseModelName(written)?.cloud, true))
  }
})

describe('names that Ollama refuses', () => {
  const REFUSED = [
    '',
    ' ',
    '\u0085',
    ':',
    '/',
    '//',
    'llama2:',
    ':latest',
    ':cloud',
    ':local',
    '/x',
    '/n/x',
    'x/',
    'a//b',
    'http://x/y',
    'a/b/c/d',
    'x:cloud:cloud',
    'x:local:local',
    'x:cloud:local',
    'x:local:cloud',
    'x:20b-cloud:cloud',
    'x:20b-cloud-cloud',
    'x:-cloud',
    'x:20b -cloud',
    'x :cloud',
    'x: 7b',
    'a b',
    'llama2@sha256:0123',
    'llama2@sha256-0123',
    '@x',
    '-x',
    '.x',
    'x:-y',
    'x:.y',
    'a.b/x',
    '-a/x',
    'x+y',
    'x\u0000',
    'll\u0430ma2',
    'llama\u0662',
    '\u212aimi',
    '\uff4clama2',
    'lib\u017fx',
    '\ufeffllama2',
    `x:${'t'.repeat(81)}`,
    'm'.repeat(81),
    `${'n'.repeat(81)}/x`,
    `${'h'.repeat(351)}/n/x`,
  ]
  for (const written of REFUSED) {
    it(`${JSON.stringify(written.slice(0, 40))} (${written.length})`, () =>
      assert.equal(parseModelName(written), undefined))
  }
  it('parts of the greatest length are valid', () => {
    const longest = `${'h'.repeat(350)}/${'n'.repeat(80)}/${'m'.repeat(80)}:${'t'.repeat(80)}`
    assert.equal(keyOf(longest), longest)
  })
})

const spelled = fc.string({
  unit: fc.constantFrom(
    ...'aAbz09_-.:/ @'.split(''),
    'cloud',
    '-cloud',
    ':local',
    'latest',
    'library',
    '://',
  ),
  maxLength: 12,
})

it('the key of a key is the same key, in lower case', () => {
  fc.assert(
    fc.property(spelled, (written) => {
      const name = parseModelName(written)
      if (name === undefined) return
      assert.equal(name.key, name.key.toLowerCase())
      assert.deepEqual(parseModelName(name.key), name)
      assert.equal(isCloudKey(name.key), name.cloud)
    }),
    { numRuns: 3_000 },
  )
})

it('upper and lower case mean the same name', () => {
  fc.assert(
    fc.property(spelled, (written) => {
      assert.deepEqual(parseModelName(written.toUpperCase()), parseModelName(written.toLowerCase()))
    }),
    { numRuns: 1_000 },
  )
})

it('no string makes parseModelName throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseModelName(text)))
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void parseModelName(`x:${text}`)))
})
