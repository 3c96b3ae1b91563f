import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { REMEMBERED_MODELS } from '../../src/admission/forgetting.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LaneSampler } from '../../src/telemetry/lane-sampler.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { collectGarbage } from '../support/collect-garbage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aCall, anAdmission, FAR, OLLAMA, permitOf } from './support/builders.ts'
import { Tally } from './support/recorder.ts'

/** With what typed arrays hold outside of the heap. */
function heapAfterCollection(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('200 000 made-up names', () => {
  it('leave a thousand lanes and no heap behind', () => {
    const clock = new ManualClock()
    const admission = new LocalAdmission({
      clock,
      observer: { lane: () => new Tally() },
      upstream: OLLAMA,
      defaults: { parallel: 1, queue: 512 },
      maxWaitingBytes: FAR,
    })
    const call = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        permitOf(admission.acquire(aCall({ model: `made-up-${i}` }), i)).release('done', i + 1)
      }
    }
    call(0, 50_000)
    const before = heapAfterCollection()
    call(50_000, 250_000)
    const grownBytes = heapAfterCollection() - before
    assert.ok([...admission.lanes()].length <= REMEMBERED_MODELS)
    assert.ok(grownBytes < 1_000_000, `the heap grew by ${grownBytes} bytes`)
    assert.equal(clock.pending, 0)
  })
})

describe('a thousand made-up names', () => {
  it('weigh less than 3 kB each, figures and history included', () => {
    const clock = new ManualClock()
    const admission = new LocalAdmission({
      clock,
      observer: new Stats(clock),
      upstream: OLLAMA,
      defaults: { parallel: 1, queue: 512 },
      maxWaitingBytes: FAR,
    })
    const sampler = new LaneSampler({ models: () => admission.models(), tokensOut: () => 0 })
    /** Each is asked for twice, and Ollama answers that there is no such model. */
    const call = (prefix: string, count: number) => {
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < count; i++) {
          clock.advance(1)
          permitOf(admission.acquire(aCall({ model: `${prefix}-${i}` }))).release('done', clock.now() + 3)
        }
        sampler.take(clock.now())
      }
    }
    call('first', 10)
    // Whatever else the process does meanwhile only adds to the heap, so the least of three measurements counts.
    const measured = ['one', 'two', 'three'].map((prefix) => {
      const before = heapAfterCollection()
      call(prefix, 300)
      return (heapAfterCollection() - before) / 300
    })
    const bytes = Math.min(...measured)
    assert.equal([...admission.lanes()].length, 910)
    assert.ok(bytes < 3_000, `${bytes} bytes a lane`)
  })

  it('push no model out that has served a call', () => {
    const { admission, clock } = anAdmission()
    const ask = (model: string, served: boolean) => {
      clock.advance(1)
      permitOf(admission.acquire(aCall({ model }))).release('done', clock.now(), { served, loadMs: 0 })
    }
    ask('real', true)
    // A model that Ollama lacks for a moment has served all the same.
    ask('real', false)
    ask('never-there', false)
    for (let i = 0; i < 1_100; i++) ask(`made-up-${i}`, false)
    assert.ok(admission.model('real')?.lane)
    assert.equal(admission.model('never-there')?.lane, undefined)
    assert.equal(admission.model('made-up-0')?.lane, undefined)
    assert.ok(admission.model('made-up-1099')?.lane)
    assert.equal([...admission.lanes()].length, REMEMBERED_MODELS)
  })

  it('go before those that have served when more lanes are remembered than may be', () => {
    const { admission, clock } = anAdmission()
    const permits = Array.from({ length: 1_100 }, (_, i) =>
      permitOf(admission.acquire(aCall({ model: `m${i}` }))),
    )
    for (const [i, permit] of permits.entries())
      permit.release('done', clock.now() + i, { served: i < 50, loadMs: 0 })
    admission.acquire(aCall({ model: 'next' }))
    assert.equal([...admission.lanes()].length, REMEMBERED_MODELS)
    for (let i = 0; i < 50; i++) assert.ok(admission.model(`m${i}`)?.lane, `m${i}`)
    assert.equal(admission.model('m50')?.lane, undefined)
    assert.ok(admission.model('m1099')?.lane)
  })
})
