import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConfigInput, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'

const load = (text: string, more: Partial<ConfigInput> = {}) =>
  loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => text, ...more }).config

describe('waiting', () => {
  it('keeps what is left out, in the file and in the environment', () => {
    assert.deepEqual(load('waiting: { when: off }').waiting, { when: 'off', after: 20, every: 15 })
    assert.deepEqual(load('waiting:').waiting, { when: 'auto', after: 20, every: 15 })
    const env = { WAITING: '{"when":"always","after":0.5}' }
    assert.deepEqual(load('waiting: { every: 1 }', { env }).waiting, {
      when: 'always',
      after: 0.5,
      every: 15,
    })
  })

  it('tells of every mistake at its own line', () => {
    assert.throws(
      () => load('waiting:\n  when: sometimes\n  after: 0\n  evry: 3'),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.deepEqual(error.message.split('\n'), [
          'config.yaml:2: waiting.when: expected one of off, auto, always, got "sometimes"',
          'config.yaml:3: waiting.after: expected seconds from 0.1 to 3600, got 0',
          'config.yaml:4: waiting.evry: unknown key; did you mean every?',
        ])
        return true
      },
    )
  })

  it('can be asked for by a key', () => {
    const keys = load('keys: { a: { address: 192.0.2.1, notify: true } }').keys
    assert.equal(keys.a?.notify, true)
  })
})
