import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { laneLimits } from '../../src/admission/lane-limit.ts'
import {
  aCall,
  aLane,
  anAdmission,
  arriveAt,
  fateOf,
  permitOf,
  refusalOf,
  ticketOf,
} from './support/builders.ts'

const refused = (lane: ReturnType<typeof aLane>['lane'], now: number) =>
  refusalOf(() => arriveAt(lane, aCall(), now)).facts

describe('a lane that cannot serve', () => {
  it('asks for a later return the longer it is paused, up to a minute, and says that it is paused', () => {
    const { lane } = aLane({ queue: 0 })
    lane.pause(true, 1_000)
    assert.deepEqual(refused(lane, 1_500), { model: 'llama2', retryAfterMs: 1_000, paused: true })
    assert.equal(refused(lane, 11_000).retryAfterMs, 10_000)
    assert.equal(refused(lane, 31_000).retryAfterMs, 30_000)
    // The jitter of a quarter goes on top, which these lanes leave out.
    assert.equal(refused(lane, 1_000_000).retryAfterMs, 48_000)
    // Pausing what is paused does not begin anew.
    lane.pause(true, 1_000_000)
    assert.equal(refused(lane, 1_000_001).retryAfterMs, 48_000)
    lane.pause(false, 1_000_002)
    permitOf(arriveAt(lane, aCall(), 1_000_003))
    assert.deepEqual(refused(lane, 1_000_004), { model: 'llama2', retryAfterMs: 1_000 })
  })

  it('is no different while its running calls end', () => {
    const { lane } = aLane({ parallel: 2, queue: 0 })
    const running = [permitOf(arriveAt(lane, aCall(), 0)), permitOf(arriveAt(lane, aCall(), 0))]
    lane.pause(true, 1_000)
    running[0]?.release('done', 21_000)
    assert.equal(refused(lane, 21_000).retryAfterMs, 20_000)
  })

  it('tells whoever waited in vain the same', () => {
    const { lane } = aLane()
    lane.pause(true, 0)
    const ticket = ticketOf(arriveAt(lane, aCall({ deadline: 30_000 }), 0))
    lane.expire(30_000)
    const facts: unknown[] = []
    ticket.onSettled((result) => facts.push('facts' in result && result.facts))
    assert.deepEqual(facts, [{ model: 'llama2', retryAfterMs: 30_000, paused: true }])
  })

  it('is one without slots too, from when they were taken away', () => {
    const { lane } = aLane({ queue: 0 })
    permitOf(arriveAt(lane, aCall(), 0)).release('done', 100)
    lane.setLimits(laneLimits({ parallel: 0, queue: 0 }, true), 50_000)
    assert.equal(refused(lane, 60_000).retryAfterMs, 10_000)
    assert.equal(refused(lane, 60_000).paused, undefined)
  })

  it('is one whose calls hold their slots much longer than usual', () => {
    const { lane } = aLane({ queue: 0 })
    permitOf(arriveAt(lane, aCall(), 0)).release('done', 4_000)
    permitOf(arriveAt(lane, aCall(), 4_000))
    // 4 s is how long a slot is held: nothing stands still yet, and the return is paced by that.
    assert.equal(refused(lane, 7_000).retryAfterMs, 4_000)
    assert.equal(refused(lane, 29_000).retryAfterMs, 25_000)
  })

  it('says nothing of that to those whom it turns away because it closes', () => {
    const { admission, clock } = anAdmission()
    admission.pause('llama2', true)
    const ticket = ticketOf(admission.acquire(aCall()))
    clock.advance(30_000)
    admission.close()
    assert.equal(fateOf(ticket), 'shutting_down')
    ticket.onSettled((result) => {
      assert.ok('facts' in result)
      assert.equal(result.facts.retryAfterMs, 1_000)
    })
  })
})
