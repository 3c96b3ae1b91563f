import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Admission, REMEMBERED_LANES } from '../../src/admission/admission.ts'
import { collectGarbage } from '../support/collect-garbage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aCall, FAR, permitOf } from './support/builders.ts'
import { Tally } from './support/recorder.ts'

function heapAfterCollection(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('a million made-up names', () => {
  it('leave a thousand lanes and no heap behind', () => {
    const clock = new ManualClock()
    const admission = new Admission({
      clock,
      observer: { lane: () => new Tally() },
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
    call(50_000, 1_000_000)
    const grownBytes = heapAfterCollection() - before
    assert.ok([...admission.lanes()].length <= REMEMBERED_LANES)
    assert.ok(grownBytes < 1_000_000, `the heap grew by ${grownBytes} bytes`)
    assert.equal(clock.pending, 0)
  })
})
