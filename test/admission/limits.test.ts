import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { laneLimits } from '../../src/admission/lane-limit.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { ManualClock } from '../support/manual-clock.ts'
import {
  aCall,
  aLane,
  arriveAt,
  FAR,
  fateOf,
  OLLAMA,
  permitOf,
  refusalOf,
  ticketOf,
} from './support/builders.ts'
import { Tally } from './support/recorder.ts'

describe('limits that change', () => {
  it('start as many waiters as slots were added, at once', () => {
    const { lane } = aLane()
    arriveAt(lane, aCall(), 0)
    const tickets = Array.from({ length: 5 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
    lane.setLimits(laneLimits({ parallel: 4, queue: 512 }, true), 9)
    assert.deepEqual(tickets.map(fateOf), ['granted', 'granted', 'granted', 'waiting', 'waiting'])
    assert.equal(lane.active, 4)
  })

  it('count who runs on when lowered, and grant nobody until there is room below', () => {
    const { lane } = aLane({ parallel: 4 })
    const running = Array.from({ length: 4 }, () => permitOf(arriveAt(lane, aCall(), 0)))
    const ticket = ticketOf(arriveAt(lane, aCall(), 0))
    lane.setLimits(laneLimits({ parallel: 2, queue: 512 }, true), 1)
    assert.equal(lane.active, 4)
    for (const expected of ['waiting', 'waiting', 'granted']) {
      running.pop()?.release('done', 2)
      assert.equal(fateOf(ticket), expected)
    }
    assert.equal(lane.active, 2)
    ticketOf(arriveAt(lane, aCall(), 2))
  })

  it('pause at no slots, and go on when there are some again', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const first = ticketOf(arriveAt(lane, aCall(), 0))
    lane.setLimits(laneLimits({ parallel: 0, queue: 512 }, true), 1)
    permit.release('done', 2)
    const second = ticketOf(arriveAt(lane, aCall(), 2))
    assert.deepEqual([lane.active, fateOf(first), fateOf(second)], [0, 'waiting', 'waiting'])
    lane.setLimits(laneLimits({ parallel: 1, queue: 512 }, true), 3)
    assert.deepEqual([lane.active, fateOf(first), fateOf(second)], [1, 'granted', 'waiting'])
  })

  it('keep everybody in line when the line is made shorter', () => {
    const { lane } = aLane()
    arriveAt(lane, aCall(), 0)
    const tickets = Array.from({ length: 3 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
    lane.setLimits(laneLimits({ parallel: 1, queue: 1 }, true), 1)
    assert.deepEqual(tickets.map(fateOf), ['waiting', 'waiting', 'waiting'])
    assert.equal(refusalOf(() => arriveAt(lane, aCall(), 1)).code, 'queue_full')
  })
})

describe('a limit of one model’s own that is taken back', () => {
  const anAdmission = () =>
    new LocalAdmission({
      clock: new ManualClock(),
      observer: { lane: () => new Tally() },
      upstream: OLLAMA,
      defaults: { parallel: 2, queue: 512 },
      models: new Map([['llama2', { parallel: 1, queue: 0 }]]),
      maxWaitingBytes: FAR,
    })

  it('is the default again at once and from then on, the other one stays', () => {
    const admission = anAdmission()
    admission.configure('llama2', { queue: 5 })
    permitOf(admission.acquire(aCall({ model: 'llama2' })))
    const waits = ticketOf(admission.acquire(aCall({ model: 'llama2' })))
    admission.clearOverrides('llama2', ['parallel'])
    assert.equal(fateOf(waits), 'granted')
    assert.deepEqual(admission.model('llama2')?.lane.limits, { parallel: 2, queue: 5 })
    admission.configure('*', { parallel: 3, queue: 7 })
    assert.deepEqual(admission.model('llama2')?.lane.limits, { parallel: 3, queue: 5 })
  })

  it('no longer keeps its lane from being forgotten when it was the last', () => {
    const admission = anAdmission()
    const pass = (model: string) => permitOf(admission.acquire(aCall({ model }))).release('done', 0)
    admission.clearOverrides('llama2', ['parallel'])
    for (let i = 0; i < 1_100; i++) pass(`other-${i}`)
    assert.deepEqual(admission.model('llama2')?.lane.limits, { parallel: 2, queue: 0 })
    admission.clearOverrides('llama2', ['queue'])
    for (let i = 0; i < 1_100; i++) pass(`another-${i}`)
    assert.equal(admission.model('llama2')?.lane, undefined)
  })

  it('may be of a model that was never seen', () => {
    const admission = anAdmission()
    admission.clearOverrides('mistral', ['parallel', 'queue'])
    assert.equal(admission.model('mistral')?.lane, undefined)
  })
})

describe('bytes in line', () => {
  it('are bounded, those of running calls not counted', () => {
    const { lane, waiting } = aLane({}, { maxBytes: 100 })
    arriveAt(lane, aCall({ bytes: 1_000 }), 0)
    ticketOf(arriveAt(lane, aCall({ bytes: 60 }), 0))
    assert.equal(refusalOf(() => arriveAt(lane, aCall({ bytes: 41 }), 0)).code, 'queue_full')
    ticketOf(arriveAt(lane, aCall({ bytes: 40 }), 0))
    assert.deepEqual({ ...waiting }, { calls: 2, bytes: 100, maxBytes: 100 })
  })

  it('are given back on every way out', () => {
    const { lane, waiting } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const line = (bytes: number, deadline = FAR) => ticketOf(arriveAt(lane, aCall({ bytes, deadline }), 0))
    line(1)
    line(10, 5)
    line(100).cancel(1)
    line(1_000, 2)
    line(10_000)
    line(100_000)
    assert.equal(waiting.bytes, 111_011)
    lane.expire(2)
    assert.equal(waiting.bytes, 110_011)
    permit.release('done', 3)
    assert.equal(waiting.bytes, 110_010)
    lane.setLimits(laneLimits({ parallel: 2, queue: 512 }, true), 6)
    assert.equal(waiting.bytes, 100_000, 'one was past its deadline at hand-over, one was granted')
    lane.dismissAll(7)
    assert.deepEqual({ ...waiting }, { calls: 0, bytes: 0, maxBytes: FAR })
  })
})

describe('a pause', () => {
  it('lets running calls finish, keeps the others in line until their deadline, and resuming starts them at once', () => {
    const clock = new ManualClock()
    const admission = new LocalAdmission({
      clock,
      observer: { lane: () => new Tally() },
      upstream: OLLAMA,
      defaults: { parallel: 2, queue: 512 },
      maxWaitingBytes: FAR,
    })
    const running = permitOf(admission.acquire(aCall()))
    const [model] = admission.pause('*', true)
    assert.ok(model)
    const { lane } = model
    const stays = ticketOf(admission.acquire(aCall()))
    const expires = ticketOf(admission.acquire(aCall({ deadline: 100 })))
    running.release('done', 0)
    clock.advance(400)
    assert.deepEqual([fateOf(stays), fateOf(expires), lane.active], ['waiting', 'timeout', 0])
    assert.deepEqual([lane.limits.parallel, lane.paused], [2, true])
    admission.pause(model.model, false)
    assert.deepEqual([fateOf(stays), lane.paused], ['granted', false])
    assert.deepEqual(fateOf(ticketOf(admission.acquire(aCall({ model: 'later' })))), 'waiting')
  })

  it('of all holds for models that come later, and one that is paused by itself is not forgotten', () => {
    const clock = new ManualClock()
    const admission = new LocalAdmission({
      clock,
      observer: { lane: () => new Tally() },
      upstream: OLLAMA,
      defaults: { parallel: 1, queue: 0 },
      maxWaitingBytes: FAR,
    })
    admission.pause('kept', true)
    for (let i = 0; i < 1_100; i++)
      permitOf(admission.acquire(aCall({ model: `other-${i}` }))).release('done', 0)
    assert.equal(admission.model('kept')?.lane.paused, true)
    admission.pause('*', true)
    assert.equal(refusalOf(() => admission.acquire(aCall({ model: 'later' }))).code, 'queue_full')
    admission.pause('*', false)
    permitOf(admission.acquire(aCall({ model: 'later' })))
    permitOf(admission.acquire(aCall({ model: 'kept' })))
  })
})
