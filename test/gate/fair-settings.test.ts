import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { CALL_CLASSES } from '../../src/callers/caller.ts'
import { loadConfig } from '../../src/config/load.ts'
import { fairSettings } from '../../src/gate/fair-settings.ts'

const settingsOf = (text: string) =>
  fairSettings(loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => text }).config)

describe('the settings of fairness', () => {
  it('are those of admission, as installed', () => {
    assert.deepEqual(settingsOf(''), FAIR)
    assert.deepEqual(Object.keys(settingsOf('').weights), CALL_CLASSES)
  })

  it('are as they are set', () => {
    assert.deepEqual(settingsOf('fairness: off\nclasses: { batch: 0.5 }\nreserve: 2'), {
      fair: false,
      weights: { interactive: 8, normal: 3, batch: 0.5 },
      reserve: 2,
    })
  })
})
