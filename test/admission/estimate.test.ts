import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Estimate } from '../../src/admission/estimate.ts'
import {
  aCall,
  aLane,
  arriveAt,
  FAR,
  fateOf,
  permitOf,
  refusalOf,
  teach,
  ticketOf,
} from './support/builders.ts'

const noJitter = () => 0
const mostJitter = () => 1 - Number.EPSILON

function learnt(...serviceMs: number[]): Estimate {
  const estimate = new Estimate()
  for (const ms of serviceMs) estimate.learn(ms)
  return estimate
}

function close(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-6, `${actual} is not ${expected}`)
}

describe('the service time', () => {
  it('is unknown before the first call, then the plain mean of the first few', () => {
    assert.equal(new Estimate().meanMs, undefined)
    assert.equal(learnt(100).meanMs, 100)
    close(learnt(100, 200, 600).meanMs, 300)
  })

  it('forgets: after twenty calls an old one weighs half', () => {
    const estimate = learnt(...Array(1_000).fill(1_000))
    for (let i = 0; i < 20; i++) estimate.learn(0)
    close(estimate.meanMs, 500)
    for (let i = 0; i < 20; i++) estimate.learn(0)
    close(estimate.meanMs, 250)
  })
})

describe('the wait', () => {
  it('is told from the eighth call on, and only where there are slots', () => {
    assert.equal(learnt(...Array(7).fill(100)).waitMs(0, 1), undefined)
    const estimate = learnt(...Array(8).fill(100))
    assert.equal(estimate.waitMs(0, 0), undefined)
    assert.equal(estimate.waitMs(0, 1), 100)
  })

  it('is one service time, shared by the slots, for every call ahead and one more', () => {
    const estimate = learnt(...Array(8).fill(100))
    assert.deepEqual(
      [0, 1, 2, 9].map((ahead) => estimate.waitMs(ahead, 4)),
      [25, 50, 75, 250],
    )
  })

  it('spreads by the deviation of service times and the root of the calls', () => {
    const estimate = learnt(...Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 50 : 150)))
    close(estimate.spreadMs(0, 1), 50)
    close(estimate.spreadMs(3, 1), 100)
    close(estimate.spreadMs(3, 4), 25)
    assert.equal(learnt(...Array(8).fill(100)).spreadMs(9, 1), 0)
  })
})

describe('when to come back', () => {
  it('is after a second when nothing is known yet', () => {
    assert.equal(new Estimate().retryAfterMs(5, 4, noJitter), 1_000)
  })

  it('is never under a second nor over a minute', () => {
    for (const serviceMs of [0, 1, 30_000, 1e9]) {
      for (const random of [noJitter, mostJitter]) {
        const estimate = learnt(serviceMs)
        for (let i = 0; i < 100; i++) {
          const ms = estimate.retryAfterMs(i, 1, random)
          assert.ok(ms >= 1_000 && ms <= 60_000, `${ms}`)
        }
      }
    }
  })

  it('is one place later for each call refused at the same instant, up to the ceiling', () => {
    const estimate = learnt(8_000)
    const delays = Array.from({ length: 40 }, () => estimate.retryAfterMs(1_000_000, 4, noJitter))
    for (const [index, delay] of delays.entries()) close(delay, Math.min(2_000 * (index + 1), 48_000))
  })

  it('gives jitter of up to a quarter on top', () => {
    close(learnt(8_000).retryAfterMs(0, 1, mostJitter), 10_000)
    close(
      learnt(8_000).retryAfterMs(0, 1, () => 0.5),
      9_000,
    )
  })

  it('shortens by itself once a flood is over', () => {
    const estimate = learnt(4_000)
    for (let i = 0; i < 100_000; i++) estimate.retryAfterMs(0, 1, noJitter)
    close(estimate.retryAfterMs(10_000, 1, noJitter), 42_000)
    close(estimate.retryAfterMs(52_000, 1, noJitter), 4_000)
  })

  it('goes on where all slots were taken away', () => {
    close(learnt(8_000).retryAfterMs(0, 0, noJitter), 8_000)
  })
})

describe('a refusal', () => {
  it('tells each refused caller its own time to return', () => {
    const { lane } = aLane({ queue: 0 })
    const now = teach(lane, 1, 5_000)
    arriveAt(lane, aCall(), now)
    const delays = [1, 2, 3].map(() => refusalOf(() => arriveAt(lane, aCall(), now)).facts.retryAfterMs)
    assert.deepEqual(delays, [5_000, 10_000, 15_000])
  })

  it('tells it to those whose wait ran out, too, but not to those who left', () => {
    const { lane } = aLane()
    const now = teach(lane, 1, 5_000)
    arriveAt(lane, aCall(), now)
    const late = ticketOf(arriveAt(lane, aCall({ deadline: now + 1 }), now))
    const gone = ticketOf(arriveAt(lane, aCall(), now))
    gone.cancel(now)
    lane.expire(now + 1)
    const facts = new Map<string, number | undefined>()
    for (const ticket of [late, gone]) {
      ticket.onSettled((result) => {
        if ('facts' in result) facts.set(result.code, result.facts.retryAfterMs)
      })
    }
    assert.deepEqual(
      [...facts],
      [
        ['timeout', 5_000],
        ['cancelled', undefined],
      ],
    )
  })
})

describe('predictions in use', () => {
  it('come true on the mean for a steady line', () => {
    const { lane } = aLane({ parallel: 1 })
    let now = teach(lane, 8, 1_000)
    let permit = permitOf(arriveAt(lane, aCall({ deadline: now + FAR }), now))
    const predicted = Array.from({ length: 10 }, () => {
      const ms = lane.estimate.waitMs(lane.queued, 1)
      return { ms, ticket: ticketOf(arriveAt(lane, aCall({ deadline: now + FAR }), now)) }
    })
    for (const { ms, ticket } of predicted) {
      now += 1_000
      permit.release('done', now)
      assert.equal(fateOf(ticket), 'granted')
      ticket.onSettled((result) => {
        if ('waitMs' in result) permit = result
      })
      assert.equal(permit.waitMs, ms)
    }
  })
})
