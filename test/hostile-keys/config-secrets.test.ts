import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { secretOf } from '../conformance/key-ring.ts'

const SECRET = secretOf('alice')
const HASH = `sha256:${'a'.repeat(64)}`

/** Places in a keys_file where somebody may have put a secret by mistake. */
const MISTAKES = {
  'in braces, without its field': `alice: {${SECRET}}\n`,
  'as a field': `alice:\n  ${SECRET}:\n`,
  'behind a mark of YAML': `alice: {hash: !${SECRET}}\n`,
  'as the name of a key': `${SECRET}: {hash: "${HASH}"}\n`,
}

describe('a secret at the wrong place of a keys_file', () => {
  for (const [place, text] of Object.entries(MISTAKES))
    it(`is refused and not repeated: ${place}`, () => {
      const load = () =>
        loadConfig({
          flags: {},
          env: { KEYS_FILE: '/keys.yaml' },
          readFile: (path) => {
            if (path === '/keys.yaml') return text
            throw Object.assign(new Error('no file'), { code: 'ENOENT' })
          },
          ownAddresses: [],
        })
      assert.throws(load, (error) => {
        assert.ok(error instanceof ConfigError)
        assert.ok(!JSON.stringify([error.message, error.problems]).includes(SECRET), error.message)
        return true
      })
    })
})

describe('the name __proto__', () => {
  it('is refused like every other name that begins with no letter', () => {
    const file = `__proto__: {hash: "${HASH}"}\n`
    assert.throws(() =>
      loadConfig({
        flags: {},
        env: { KEYS_FILE: '/keys.yaml' },
        readFile: (path) => {
          if (path === '/keys.yaml') return file
          throw Object.assign(new Error('no file'), { code: 'ENOENT' })
        },
        ownAddresses: [],
      }),
    )
  })
})
