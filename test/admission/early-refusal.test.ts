import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aCall, aLane, arriveAt, FAR, permitOf, refusalOf, teach, ticketOf } from './support/builders.ts'

describe('early refusal', () => {
  it('needs eight calls to have been seen', () => {
    const { lane } = aLane()
    const now = teach(lane, 7, 1_000)
    const permit = permitOf(arriveAt(lane, aCall(), now))
    ticketOf(arriveAt(lane, aCall({ deadline: now + 10 }), now)).cancel(now)
    permit.release('done', now + 1_000)
    const then = now + 1_000
    permitOf(arriveAt(lane, aCall(), then))
    const { code, facts } = refusalOf(() => arriveAt(lane, aCall({ deadline: then + 999 }), then))
    assert.equal(code, 'queue_full')
    assert.ok(Math.abs((facts.estimatedWaitMs ?? 0) - 1_000) < 1e-6)
    assert.equal(lane.queued, 0)
  })

  it('is decided by the deadline alone: whoever could have waited longer is let in', () => {
    const { lane } = aLane({ parallel: 2 })
    const now = teach(lane, 8, 100)
    for (let i = 0; i < 2; i++) permitOf(arriveAt(lane, aCall({ deadline: now + FAR }), now))
    for (let ahead = 0; ahead < 20; ahead++) {
      const waitMs = (ahead + 1) * 50
      const refused = refusalOf(() => arriveAt(lane, aCall({ deadline: now + waitMs - 0.01 }), now))
      assert.ok(Math.abs((refused.facts.estimatedWaitMs ?? 0) - waitMs) < 1e-6)
      ticketOf(arriveAt(lane, aCall({ deadline: now + waitMs + 0.01 }), now))
    }
  })

  it('never strikes while a slot is free', () => {
    const { lane } = aLane({ parallel: 2 })
    const now = teach(lane, 20, 60_000)
    permitOf(arriveAt(lane, aCall({ deadline: now + 1 }), now))
    permitOf(arriveAt(lane, aCall({ deadline: now + 1 }), now))
    refusalOf(() => arriveAt(lane, aCall({ deadline: now + 1 }), now))
  })

  it('leaves room of one standard deviation', () => {
    const { lane } = aLane()
    let now = 0
    for (let i = 0; i < 8; i++) now = teach(lane, 1, i % 2 === 0 ? 500 : 1_500, now)
    permitOf(arriveAt(lane, aCall({ deadline: now + FAR }), now))
    refusalOf(() => arriveAt(lane, aCall({ deadline: now + 1_450 }), now))
    ticketOf(arriveAt(lane, aCall({ deadline: now + 1_550 }), now))
  })

  it('does not learn from calls that failed', () => {
    const { lane } = aLane()
    let now = teach(lane, 8, 1_000)
    for (let i = 0; i < 100; i++) {
      permitOf(arriveAt(lane, aCall({ deadline: now + FAR }), now)).release('failed', ++now)
    }
    assert.ok(Math.abs((lane.estimate.meanMs ?? 0) - 1_000) < 1e-6)
  })

  it('learns from calls that were cut short, since their slot was held', () => {
    const { lane } = aLane()
    permitOf(arriveAt(lane, aCall(), 0)).release('cancelled', 300)
    assert.equal(lane.estimate.meanMs, 300)
  })

  it('leaves out the time that a model took to load', () => {
    const { lane } = aLane()
    permitOf(arriveAt(lane, aCall(), 0)).release('done', 20_500, { served: true, loadMs: 20_000 })
    assert.equal(lane.estimate.meanMs, 500)
    permitOf(arriveAt(lane, aCall(), 20_500)).release('done', 21_000, { served: true, loadMs: 9_999_999 })
    assert.ok((lane.estimate.meanMs ?? -1) >= 0, 'a load time beyond the held time counts as nothing')
  })
})
