import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { withHash, withKey, withoutKey } from '../../src/config/key-edit.ts'

const HASH = `sha256:${'0a'.repeat(32)}`
const OTHER = `sha256:${'0b'.repeat(32)}`

const FILE = `# The keys of the team.
# Ask Alice before you change them.

# Alice, laptop and desktop
alice: { hash: "${HASH}",   models: [llama3.2,"qwen3*"] }   # since May

# Bob left in June
bob:
    hash: '${HASH}'   # old
    tokens: {day: 5}
    # no more than that

# carol is a machine
carol:
  address:
    - 192.0.2.1
    - 192.0.2.2 # the second card
# The end
`

describe('withKey', () => {
  it('adds a key at the end and leaves the rest as it is', () => {
    const text = withKey(FILE, 'dave', { hash: HASH, models: ['llama3.2', 'qwen3*'], tokens: { day: 10 } })
    const added = `dave:\n  hash: ${HASH}\n  models: [llama3.2, qwen3*]\n  tokens: {day: 10}\n`
    assert.equal(text, FILE + added)
  })

  it('begins a file, and goes on behind a comment or a last line without a break', () => {
    assert.deepEqual(parse(withKey('', 'a', { hash: HASH })), { a: { hash: HASH } })
    assert.equal(withKey('# none yet', 'a', { hash: HASH }), `# none yet\na:\n  hash: ${HASH}\n`)
    assert.equal(
      withKey(`b: { hash: "${HASH}" }`, 'a', { hash: HASH }).split('\n')[0],
      `b: { hash: "${HASH}" }`,
    )
  })

  it('keeps the line breaks of Windows', () => {
    const text = withKey('# none\r\n', 'a', { hash: HASH, parallel: 2 })
    assert.equal(text, `# none\r\na:\r\n  hash: ${HASH}\r\n  parallel: 2\r\n`)
  })

  it('adds to a map in braces, to an indented map and to a document with an end, and keeps their comments', () => {
    for (const before of [
      `# top\n{ a: { hash: "${HASH}" } }\n`,
      `# top\n  a: { hash: "${HASH}" }\n`,
      `# top\n---\na: { hash: "${HASH}" }\n...\n`,
      '# top\n{}\n',
    ]) {
      const text = withKey(before, 'b', { hash: OTHER })
      assert.deepEqual(parse(text), { ...parse(before), b: { hash: OTHER } })
      assert.match(text, /# top/)
    }
  })

  it('quotes a name that YAML would take for something else', () => {
    for (const name of ['null', 'true', 'No']) {
      assert.deepEqual(Object.keys(parse(withKey('', name, { hash: HASH }))), [name])
    }
  })

  it('puts a text that could break the format into quotes', () => {
    const key = { ed25519: 'ssh-ed25519 AAAA # alice: {}', models: ['*', '!qwen3', 'a: b', 'a, b'] }
    assert.deepEqual(parse(withKey(FILE, 'd', key)).d, key)
  })
})

describe('withoutKey', () => {
  it('takes the lines of a key and the comments of that key, and no other byte', () => {
    const [before = '', rest = ''] = FILE.split('# Bob left in June\n')
    assert.equal(withoutKey(FILE, 'bob'), before + rest.slice(rest.indexOf('# carol')))
  })

  it('keeps the comment at the top and the comments of the next key when the first key goes', () => {
    const text = withoutKey(FILE, 'alice')
    assert.equal(text, FILE.replace(/# Alice[\s\S]*# since May\n\n/, ''))
    assert.match(text, /^# The keys of the team\.\n# Ask Alice before/)
    assert.match(withoutKey(`# about all\na: { hash: "${HASH}" }\n`, 'a'), /^# about all\n$/)
  })

  it('keeps what stands behind the last key', () => {
    const text = withoutKey(FILE, 'carol')
    assert.match(text, /# no more than that\n\n# The end\n$/)
    assert.doesNotMatch(text, /carol|second card/)
  })

  it('takes the last key, and the file stays valid', () => {
    assert.equal(withoutKey(`a: { hash: "${HASH}" }`, 'a'), '')
    assert.deepEqual(parse(withoutKey('{ a: { parallel: 1 } }\n', 'a')), {})
  })

  it('takes a key in braces, a text over several lines and a key that stands on the line of another', () => {
    assert.deepEqual(parse(withoutKey('{ a: { parallel: 1 }, b: { parallel: 2 } }\n', 'a')), {
      b: { parallel: 2 },
    })
    const block = 'a:\n  ed25519: |\n    ssh-ed25519 AAAA\nb:\n  parallel: 2\n'
    assert.equal(withoutKey(block, 'a'), 'b:\n  parallel: 2\n')
    assert.equal(
      withoutKey('a: { parallel: 1,\n  queue: 2 }\nb: { parallel: 2 }\n', 'a'),
      'b: { parallel: 2 }\n',
    )
  })

  it('refuses to take an anchor that another key needs', () => {
    assert.throws(() => withoutKey('a: &base { parallel: 1 }\nb: *base\n', 'a'), /anchor/)
  })
})

describe('withHash', () => {
  it('changes the hash and no other byte, in every style', () => {
    assert.equal(
      withHash(FILE, 'bob', OTHER),
      FILE.replace(`hash: '${HASH}'   # old`, `hash: '${OTHER}'   # old`),
    )
    assert.equal(withHash(FILE, 'alice', OTHER), FILE.replace(`hash: "${HASH}",`, `hash: "${OTHER}",`))
    assert.equal(withHash(`a:\n  hash: ${HASH}\n`, 'a', OTHER), `a:\n  hash: ${OTHER}\n`)
  })
})

describe('many changes', () => {
  it('never lose a key: each text has the keys that it should have', () => {
    let text = FILE
    const left = new Set(['alice', 'bob', 'carol'])
    for (let step = 0; step < 60; step++) {
      const name = `k${step}`
      text = withKey(text, name, { hash: HASH, parallel: step + 1 })
      left.add(name)
      const [oldest = ''] = left
      if (step % 3 > 0) {
        text = withoutKey(text, oldest)
        left.delete(oldest)
      }
      text = withHash(text, name, OTHER)
      assert.deepEqual(Object.keys(parse(text)), [...left])
    }
  })
})
