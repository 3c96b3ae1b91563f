import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunnerFacts, Runners } from '../../src/admission/contract.ts'
import { aCall, anAdmission, permitOf } from './support/builders.ts'

/** Ollama's models, as a test sets them. */
class Known implements Runners {
  complete = false
  readonly facts = new Map<string, RunnerFacts>()

  find(model: string): RunnerFacts | undefined {
    return this.facts.get(model)
  }

  opened(): void {}
}

describe('a name that stands for no model', () => {
  const anAdmissionOf = (...models: string[]) => {
    const runners = new Known()
    for (const model of models) runners.facts.set(model, { runner: `weights of ${model}` })
    const { admission, clock } = anAdmission({ runners })
    const ask = (model: string, served = false) => {
      const permit = permitOf(admission.acquire(aCall({ model })))
      permit.release('done', clock.now(), { served, loadMs: 0 })
    }
    const names = () => Array.from(admission.models(), ({ model }) => model)
    return { admission, ask, names, runners }
  }

  it('is remembered until all models are known, and then forgotten', () => {
    const { admission, ask, names, runners } = anAdmissionOf('real')
    ask('real')
    ask('made-up')
    admission.forgetUnknown()
    assert.deepEqual(names(), ['real', 'made-up'])
    runners.complete = true
    admission.forgetUnknown()
    assert.deepEqual(names(), ['real'])
  })

  it('stays while a call of it runs or waits, and goes afterwards', () => {
    const { admission, names, runners } = anAdmissionOf()
    runners.complete = true
    const running = permitOf(admission.acquire(aCall({ model: 'made-up' })))
    admission.acquire(aCall({ model: 'made-up' }))
    admission.forgetUnknown()
    assert.deepEqual(names(), ['made-up'])
    running.release('done', 1)
    admission.forgetUnknown()
    assert.deepEqual(names(), ['made-up'])
    assert.equal(admission.model('made-up')?.active, 1)
  })

  it('stays where it has served, or has limits of its own, or is paused', () => {
    const { admission, ask, names, runners } = anAdmissionOf()
    runners.complete = true
    ask('deleted', true)
    admission.configure('configured', { parallel: 3 })
    admission.pause('paused', true)
    ask('made-up')
    admission.forgetUnknown()
    assert.deepEqual(names(), ['deleted', 'configured', 'paused'])
  })

  it('goes with a change of the models, too', () => {
    const { admission, ask, names, runners } = anAdmissionOf('real')
    runners.complete = true
    ask('real')
    ask('made-up')
    admission.regroup()
    assert.deepEqual(names(), ['real'])
  })
})
