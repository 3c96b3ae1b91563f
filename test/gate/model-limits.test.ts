import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Limits } from '../../src/admission/contract.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { applyLimits, type LimitsChange, limitsByKey } from '../../src/gate/model-limits.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { aCall, OLLAMA } from '../admission/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'

type Models = LimitsChange['before']

/** An admission that started with these models; two slots and 512 places by default. */
function anAdmission(models: Models): LocalAdmission {
  return new LocalAdmission({
    clock: new ManualClock(),
    observer: new Stats(new ManualClock()),
    upstream: OLLAMA,
    defaults: { parallel: 2, queue: 512 },
    auto: false,
    models: limitsByKey(models),
    maxWaitingBytes: 2 ** 20,
  })
}

/** As many calls of a model at once; returns how many run. */
function flood(admission: LocalAdmission, model: string, calls: number): () => number {
  for (let i = 0; i < calls; i++) {
    const turn = admission.acquire(aCall({ model, deadline: 1e6 }))
    if (!(turn instanceof LocalPermit)) turn.onSettled(() => {})
  }
  return () => admission.model(model)?.lane.active ?? 0
}

const limitsOf = (admission: LocalAdmission, model: string): Limits | undefined =>
  admission.model(model)?.lane.limits

describe('limits of the configuration', () => {
  it('have one model under each key, the later of two spellings counting', () => {
    const models = { 'LLAMA2:latest': { parallel_limit: 1 }, llama2: { queue_limit: 3 }, mistral: {} }
    assert.deepEqual(
      [...limitsByKey(models)],
      [
        ['llama2', { queue: 3 }],
        ['mistral', {}],
      ],
    )
  })

  it('are put in force where they changed', () => {
    const before = { llama2: { parallel_limit: 1 } }
    const admission = anAdmission(before)
    const after = { llama2: { parallel_limit: 3, queue_limit: 9 }, mistral: { queue_limit: 0 } }
    applyLimits(admission, { before, after, defaults: { queue: 100 }, auto: false })
    assert.deepEqual(limitsOf(admission, 'llama2'), { parallel: 3, queue: 9 })
    assert.deepEqual(limitsOf(admission, 'mistral'), { parallel: 2, queue: 0 })
    assert.deepEqual(admission.defaults, { parallel: 2, queue: 100 })
  })

  it('that an operator set since stay, unless the configuration says something new of that very limit', () => {
    const before = { llama2: { parallel_limit: 1, queue_limit: 9 } }
    const admission = anAdmission(before)
    admission.configure('llama2', { parallel: 8, queue: 80 })
    admission.configure('mistral', { parallel: 5 })
    admission.configure('*', { parallel: 6, queue: 60 })
    applyLimits(admission, { before, after: before, defaults: {}, auto: false })
    assert.deepEqual(limitsOf(admission, 'llama2'), { parallel: 8, queue: 80 })

    const after = { 'llama2:latest': { parallel_limit: 1, queue_limit: 10 } }
    applyLimits(admission, { before, after, defaults: { queue: 100 }, auto: false })
    assert.deepEqual(limitsOf(admission, 'llama2'), { parallel: 8, queue: 10 })
    assert.deepEqual(limitsOf(admission, 'mistral'), { parallel: 5, queue: 100 })
    assert.deepEqual(admission.defaults, { parallel: 6, queue: 100 })
  })

  it('that are gone from it fall back to the defaults, those an operator set beside them do not', () => {
    const before = {
      llama2: { parallel_limit: 1 },
      mistral: { parallel_limit: 1, queue_limit: 1 },
      empty: {},
    }
    const admission = anAdmission(before)
    admission.configure('llama2', { queue: 7 })
    applyLimits(admission, { before, after: { mistral: { queue_limit: 1 } }, defaults: {}, auto: false })
    assert.deepEqual(limitsOf(admission, 'llama2'), { parallel: 2, queue: 7 })
    assert.deepEqual(limitsOf(admission, 'mistral'), { parallel: 2, queue: 1 })
    admission.configure('*', { parallel: 4 })
    assert.deepEqual(limitsOf(admission, 'llama2'), { parallel: 4, queue: 7 })
  })

  it('let nobody in on their way whom the new ones keep out', () => {
    const rises = anAdmission({})
    const own = flood(rises, 'llama2', 9)
    applyLimits(rises, {
      before: {},
      after: { llama2: { parallel_limit: 2 } },
      defaults: { parallel: 8 },
      auto: false,
    })
    assert.equal(own(), 2, 'the default rises, the model gets a limit of its own')

    const before = { llama2: { parallel_limit: 1 } }
    const falls = anAdmission(before)
    falls.configure('*', { parallel: 8 })
    const freed = flood(falls, 'llama2', 9)
    applyLimits(falls, { before, after: {}, defaults: { parallel: 3 }, auto: false })
    assert.equal(freed(), 3, 'the default falls, the model goes back to it')
  })
})
