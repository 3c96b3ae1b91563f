import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { turnSettings } from '../../src/gate/turn-settings.ts'

const settingsOf = (text: string) =>
  turnSettings(loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => text }).config)

describe('the settings of turns', () => {
  it('are milliseconds and a share', () => {
    assert.deepEqual(settingsOf(''), {
      ordered: true,
      maxWaitMs: 120_000,
      maxSwitching: 0.15,
      together: [],
    })
    assert.deepEqual(settingsOf('turns: off\nturn: { max_wait: 0.5, max_switching: 100 }'), {
      ordered: false,
      maxWaitMs: 500,
      maxSwitching: 1,
      together: [],
    })
    assert.equal(settingsOf('turn: { max_switching: 0 }').maxSwitching, 0)
  })

  it('name models by key, each once in a set', () => {
    const { together } = settingsOf(
      'turn: { together: [[LLAMA2:latest, registry.ollama.ai/library/llama2, me/x:7b], [a, b]] }',
    )
    assert.deepEqual(together, [
      ['llama2', 'me/x:7b'],
      ['a', 'b'],
    ])
  })
})
