import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Caller, EVERYBODY, type Use } from '../../src/callers/caller.ts'
import { allowsModel, globsThatMatchNothing, mayUse, overlaps } from '../../src/callers/permissions.ts'
import { parseModelName } from '../../src/ollama/model-name.ts'
import { aKey, hashed, OllamaKey } from './support/builders.ts'

const allows = (models: readonly string[] | undefined, name: string) => {
  const key = parseModelName(name)?.key
  assert.ok(key !== undefined, name)
  return allowsModel(models, key)
}

describe('the models of a key', () => {
  const cases: [models: string[] | undefined, allowed: string[], refused: string[]][] = [
    [undefined, ['anything', 'hf.co/a/b:c'], []],
    [[], [], ['llama3.2']],
    [
      ['llama3.2'],
      ['llama3.2', 'llama3.2:latest', 'LLAMA3.2:Latest'],
      ['llama3.2:1b', 'llama3', 'llama3.22'],
    ],
    [['llama3.2:latest'], ['llama3.2', 'library/llama3.2'], ['llama3.2:1b']],
    [['llama3.2:1b'], ['llama3.2:1b', 'registry.ollama.ai/library/llama3.2:1B'], ['llama3.2']],
    [['llama3.2:*'], ['llama3.2', 'llama3.2:1b'], ['llama3.20']],
    [[' Registry.Ollama.AI/library/Llama3.2 '], ['llama3.2'], ['other/llama3.2']],
    [['library/*'], ['llama3.2', 'qwen3:8b'], ['me/llama3.2', 'hf.co/library/x']],
    [['me/*'], ['me/x', 'ME/x:1b', 'registry.ollama.ai/me/x'], ['you/x', 'x', 'hf.co/me/x']],
    [['hf.co/*'], ['hf.co/a/b:q4'], ['a', 'a/b']],
    [['qwen3*'], ['qwen3', 'qwen3:8b', 'qwen3-coder:30b'], ['qwen2', 'me/qwen3']],
    [['*'], ['a', 'a/b', 'hf.co/a/b:c'], []],
    [['*:latest'], ['a', 'b/c'], ['a:1b']],
    [['llama?'], ['llama3', 'llama4'], ['llama', 'llama3.2', 'llama3:1b']],
    [['*cloud'], ['x:cloud', 'x:20b-cloud'], ['x', 'x:20b']],
    [['!*cloud'], ['x', 'y:1b'], ['x:cloud', 'x:20b-cloud']],
    [
      ['!llama3.2:*', '! qwen3'],
      ['qwen3:8b', 'a'],
      ['llama3.2', 'llama3.2:1b', 'qwen3'],
    ],
    [
      ['qwen*', '!qwen3', 'qwen3:8b'],
      ['qwen2', 'qwen3:8b'],
      ['qwen3', 'llama3'],
    ],
    [['!qwen3', 'qwen3'], [], ['qwen3', 'a']],
    [['a.c'], ['a.c'], ['abc']],
    [['[ab]', '(a|b)', 'a+'], [], ['a', 'b', 'aa']],
  ]
  for (const [models, allowed, refused] of cases)
    it(models === undefined ? 'are all where none are named' : JSON.stringify(models), () => {
      for (const name of allowed) assert.ok(allows(models, name), name)
      for (const name of refused) assert.ok(!allows(models, name), name)
    })

  it('match as a regular expression would', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 8 })
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 8 })
    const property = fc.property(letters, name, (glob, text) => {
      const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      const spellings = [text, `library/${text}`, `registry.ollama.ai/library/${text}`]
      const expected = spellings.some((each) => pattern.test(each) || pattern.test(`${each}:latest`))
      assert.equal(allowsModel([glob], text), expected)
    })
    fc.assert(property, { numRuns: 20_000 })
  })

  it('mean a plain name in every spelling that Ollama takes for the same', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019'), minLength: 1, maxLength: 6 })
    const tag = fc.option(fc.constantFrom('latest', 'LATEST', '1b', '20b-cloud', 'cloud'), { nil: undefined })
    const prefix = fc.constantFrom('', 'library/', 'Library/', 'registry.ollama.ai/library/')
    const property = fc.property(word, tag, prefix, prefix, (model, tagged, here, there) => {
      const name = tagged === undefined ? model : `${model}:${tagged}`
      assert.ok(allows([here + name], there + name))
      assert.ok(!allows([`!${here}${name}`], there + name))
      assert.ok(!allows([here + name], `${there}x${name}`))
    })
    fc.assert(property, { numRuns: 5_000 })
  })

  it('cost a bounded number of steps, however many stars there are', () => {
    const name = 'a'.repeat(600)
    // A regular expression would need more steps than there are atoms.
    assert.equal(allowsModel([`${'a*'.repeat(300)}b`], name), false)
    assert.equal(allowsModel([`${'*a'.repeat(300)}*`], name), true)
    assert.equal(allowsModel(['*'], 'a'.repeat(1_000_000)), false)
  })

  it('keep their answers bounded', () => {
    const models = ['qwen*']
    for (let index = 0; index < 5_000; index++) {
      assert.equal(allowsModel(models, `qwen${index}`), true)
      assert.equal(allowsModel(models, `llama${index}`), false)
    }
    assert.equal(allowsModel(models, 'qwen0'), true)
  })
})

describe('a use', () => {
  const holder = (...may: Use[]): Caller => {
    const key = aKey('k', { may: new Set(may) })
    return { id: 'k', key, limits: key.limits }
  }
  it('is allowed by the key; to manage includes to view', () => {
    const uses = (caller: Caller) => (['infer', 'view', 'manage'] as const).map((use) => mayUse(caller, use))
    assert.deepEqual(uses(holder('infer')), [true, false, false])
    assert.deepEqual(uses(holder('view')), [false, true, false])
    assert.deepEqual(uses(holder('manage')), [false, true, true])
    assert.deepEqual(uses(holder()), [false, false, false])
    assert.deepEqual(uses(EVERYBODY), [true, false, false])
  })
})

describe('what `check` finds', () => {
  it('is patterns that match no model', () => {
    const key = aKey('k', { models: ['llama3.2', 'lama*', '!qwen3:*', '!gemma*'] })
    assert.deepEqual(globsThatMatchNothing(key, ['llama3.2', 'qwen3:8b']), ['lama*', '!gemma*'])
    assert.deepEqual(globsThatMatchNothing(aKey('k'), []), [])
  })
  it('is a credential that two keys have', () => {
    const { line, wire } = new OllamaKey()
    const keys = [
      aKey('a', { hash: hashed('x'), ed25519: line, address: ['10.0.0.0/8', '10.0.0.0/8'] }),
      aKey('b', { hash: hashed('x'), address: ['10.1.0.0/16', '192.0.2.1'] }),
      aKey('c', { ed25519: `ssh-ed25519 ${wire} elsewhere`, address: ['10.9.9.9/8', '::ffff:192.0.2.1'] }),
      aKey('d', { hash: hashed('y'), address: ['2001:db8::/64'] }),
    ]
    assert.deepEqual(overlaps(keys), [
      { what: 'hash', keys: ['a', 'b'], value: hashed('x') },
      { what: 'ed25519', keys: ['a', 'c'], value: line },
      { what: 'address', keys: ['a', 'c'], value: '10.0.0.0/8' },
      { what: 'address', keys: ['b', 'c'], value: '192.0.2.1' },
    ])
  })
})
