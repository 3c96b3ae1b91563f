import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { laneLimits } from '../../src/admission/lane-limit.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import {
  aCall,
  aLane,
  arriveAt,
  FAR,
  fateOf,
  grantOf,
  lineOf,
  permitOf,
  refusalOf,
  ticketOf,
} from './support/builders.ts'

describe('a lane with a free slot', () => {
  it('grants at once, without a wait', () => {
    const { lane, recorder, waiting } = aLane({ parallel: 2 })
    const permit = permitOf(arriveAt(lane, aCall(), 7))
    assert.equal(permit.waitMs, 0)
    assert.equal(permit.grantedAt, 7)
    assert.equal(lane.active, 1)
    assert.deepEqual({ ...waiting }, { calls: 0, bytes: 0, maxBytes: FAR })
    assert.deepEqual(recorder.story, ['granted 0'])
  })

  it('grants even where nobody may wait and no byte may be held', () => {
    const { lane } = aLane({ queue: 0 }, { maxBytes: 0 })
    permitOf(arriveAt(lane, aCall(), 0))
  })

  it('refuses a call whose deadline has come already, and spends no slot on it', () => {
    const { lane, recorder } = aLane()
    assert.equal(refusalOf(() => arriveAt(lane, aCall({ deadline: 5 }), 5)).code, 'timeout')
    assert.equal(lane.active, 0)
    assert.deepEqual(recorder.story, ['refused timeout'])
  })
})

describe('a full lane', () => {
  it('grants in order of arrival, each within the release before it', () => {
    const { lane } = aLane()
    let permit = permitOf(arriveAt(lane, aCall(), 0))
    const tickets = [1, 2, 3].map((now) => ticketOf(arriveAt(lane, aCall(), now)))
    for (const [index, ticket] of tickets.entries()) {
      permit.release('done', 10 * (index + 1))
      permit = grantOf(ticket)
      assert.equal(permit.waitMs, 10 * (index + 1) - ticket.enqueuedAt)
      assert.equal(lane.active, 1)
      assert.deepEqual(tickets.slice(index + 1).map(fateOf), Array(2 - index).fill('waiting'))
    }
  })

  it('calls the next in line before release returns', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const order: string[] = []
    ticketOf(arriveAt(lane, aCall(), 0)).onSettled(() => order.push('granted'))
    permit.release('done', 1)
    order.push('released')
    assert.deepEqual(order, ['granted', 'released'])
  })

  it('lets no newcomer overtake when a slot frees', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const first = ticketOf(arriveAt(lane, aCall(), 0))
    permit.release('done', 1)
    const second = ticketOf(arriveAt(lane, aCall(), 1))
    assert.deepEqual([first, second].map(fateOf), ['granted', 'waiting'])
  })

  it('refuses at the limit of its line, not before', () => {
    const { lane, recorder } = aLane({ queue: 2 })
    arriveAt(lane, aCall(), 0)
    for (let i = 0; i < 2; i++) ticketOf(arriveAt(lane, aCall(), 0))
    assert.equal(refusalOf(() => arriveAt(lane, aCall(), 0)).code, 'queue_full')
    assert.equal(lane.queued, 2)
    assert.equal(recorder.story.at(-1), 'refused queue_full')
  })

  it('refuses at once where nobody may wait', () => {
    const { lane } = aLane({ queue: 0 })
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    assert.equal(refusalOf(() => arriveAt(lane, aCall(), 0)).code, 'queue_full')
    permit.release('done', 1)
    permitOf(arriveAt(lane, aCall(), 1))
  })

  it('has the place of a caller who left free again at once', () => {
    const { lane } = aLane({ queue: 1 })
    arriveAt(lane, aCall(), 0)
    ticketOf(arriveAt(lane, aCall(), 0)).cancel(1)
    ticketOf(arriveAt(lane, aCall(), 1))
    refusalOf(() => arriveAt(lane, aCall(), 1))
  })
})

describe('leaving the line', () => {
  for (const [name, index] of [
    ['head', 0],
    ['middle', 2],
    ['tail', 4],
  ] as const) {
    it(`keeps the order of the others when the ${name} leaves`, () => {
      const { lane } = aLane()
      let permit = permitOf(arriveAt(lane, aCall(), 0))
      const tickets = Array.from({ length: 5 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
      const leaver = tickets[index]
      assert.equal(leaver?.cancel(3), true)
      assert.equal(lane.queued, 4)
      for (const ticket of tickets.filter((ticket) => ticket !== leaver)) {
        assert.equal(fateOf(ticket), 'waiting')
        permit.release('done', 5)
        permit = grantOf(ticket)
      }
      permit.release('done', 6)
      assert.equal(leaver && fateOf(leaver), 'cancelled')
      assert.equal(lane.active + lane.queued === 0, true)
    })
  }

  it('costs fewer than two moved nodes a leaver, and keeps the order of the rest', () => {
    const { lane } = aLane({ queue: 5_000 })
    let permit = permitOf(arriveAt(lane, aCall(), 0))
    const tickets = Array.from({ length: 5_000 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
    let left = 0
    for (const [index, ticket] of tickets.entries()) {
      if ((index * 7_919) % 10 === 0) continue
      ticket.cancel(1)
      left++
      assert.ok(
        lineOf(lane).nodes <= 2 * lane.queued + 33,
        `${lineOf(lane).nodes} nodes for ${lane.queued} waiting`,
      )
      assert.ok(lineOf(lane).nodesMoved < 2 * left || lineOf(lane).nodesMoved === 0)
    }
    assert.ok(lineOf(lane).nodesMoved > 0, 'nothing was ever swept')
    for (const ticket of tickets.filter((ticket) => ticket.waiting)) {
      permit.release('done', 2)
      permit = grantOf(ticket)
    }
  })

  it('costs nothing where the hand-over comes past the dead by itself', () => {
    const { lane } = aLane()
    let permit = permitOf(arriveAt(lane, aCall(), 0))
    for (let round = 0; round < 20; round++) {
      const tickets = Array.from({ length: 30 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
      const last = ticketOf(arriveAt(lane, aCall(), 0))
      for (const ticket of tickets) ticket.cancel(0)
      permit.release('done', 0)
      permit = grantOf(last)
      assert.deepEqual([lineOf(lane).nodes, lineOf(lane).nodesMoved], [0, 0])
    }
  })

  it('leaves no long tail of the dead behind once the living before them are served', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const tickets = Array.from({ length: 400 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
    for (const ticket of tickets.slice(200)) ticket.cancel(1)
    permit.release('done', 2)
    for (const ticket of tickets.slice(0, 200)) {
      grantOf(ticket).release('done', 3)
      assert.ok(
        lineOf(lane).nodes <= 2 * lane.queued + 33,
        `${lineOf(lane).nodes} nodes for ${lane.queued} waiting`,
      )
    }
  })
})

describe('deadlines in line', () => {
  it('are checked again at hand-over, to the exact millisecond', () => {
    const { lane, recorder } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const due = ticketOf(arriveAt(lane, aCall({ deadline: 100 }), 0))
    const later = ticketOf(arriveAt(lane, aCall({ deadline: 100.5 }), 0))
    permit.release('done', 100)
    assert.deepEqual([due, later].map(fateOf), ['timeout', 'granted'])
    assert.equal(lane.active, 1)
    assert.deepEqual(recorder.story.slice(-3), ['released done 100', 'left timeout 100', 'granted 100'])
  })

  it('are found by expire, which tells the earliest that is left', () => {
    const { lane } = aLane()
    arriveAt(lane, aCall(), 0)
    const [far, near, next] = [300, 100, 200].map((deadline) =>
      ticketOf(arriveAt(lane, aCall({ deadline }), 0)),
    )
    assert.equal(lane.expire(99), 100)
    assert.equal(lane.expire(100), 200)
    assert.equal(near && fateOf(near), 'timeout')
    assert.equal(lane.expire(250), 300)
    assert.equal(next && fateOf(next), 'timeout')
    assert.equal(lane.expire(300), Number.POSITIVE_INFINITY)
    assert.equal(far && fateOf(far), 'timeout')
    assert.equal(lane.queued, 0)
  })
})

describe('listeners that act at once', () => {
  it('may give the slot back inside the grant: the story stays in order', () => {
    const { lane, recorder } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const give = (result: unknown) => result instanceof LocalPermit && result.release('cancelled', 1)
    ticketOf(arriveAt(lane, aCall(), 0)).onSettled(give)
    recorder.story.length = 0
    permit.release('done', 1)
    assert.deepEqual(recorder.story, ['released done 1', 'granted 1', 'released cancelled 0'])
    assert.equal(lane.active + lane.queued === 0, true)
  })

  it('may all give their slot back inside the grant, however many they are', () => {
    const { lane } = aLane({ queue: 50_000 })
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const order: number[] = []
    for (let i = 0; i < 50_000; i++) {
      ticketOf(arriveAt(lane, aCall(), 0)).onSettled((result) => {
        order.push(i)
        if (result instanceof LocalPermit) result.release('failed', 1)
      })
    }
    permit.release('done', 1)
    assert.equal(order.length, 50_000)
    assert.ok(order.every((value, index) => value === index))
    assert.deepEqual([lane.active, lane.queued, lineOf(lane).nodes], [0, 0, 0])
  })

  it('may send a newcomer, who does not overtake those in line', () => {
    const { lane } = aLane({ parallel: 0 })
    const tickets = Array.from({ length: 3 }, () => ticketOf(arriveAt(lane, aCall(), 0)))
    const newcomers: string[] = []
    tickets[0]?.onSettled(() => newcomers.push(fateOf(ticketOf(arriveAt(lane, aCall(), 1)))))
    lane.setLimits(laneLimits({ parallel: 3, queue: 512 }, true), 1)
    assert.deepEqual(tickets.map(fateOf), ['granted', 'granted', 'granted'])
    assert.deepEqual([newcomers, lane.active, lane.queued], [['waiting'], 3, 1])
  })

  it('freeze nothing when one of them throws', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const [first, second] = [ticketOf(arriveAt(lane, aCall(), 0)), ticketOf(arriveAt(lane, aCall(), 0))]
    first.onSettled(() => {
      throw new RangeError('a fault of the listener')
    })
    assert.throws(() => permit.release('done', 1), RangeError)
    assert.deepEqual([lane.active, lane.queued], [1, 1])
    assert.equal(first.waiting, false)
    lane.setLimits(laneLimits({ parallel: 2, queue: 512 }, true), 2)
    assert.equal(fateOf(second), 'granted')
  })

  it('may cancel others while the line expires', () => {
    const { lane } = aLane()
    arriveAt(lane, aCall(), 0)
    const stay = ticketOf(arriveAt(lane, aCall(), 0))
    const others = Array.from({ length: 200 }, () => ticketOf(arriveAt(lane, aCall({ deadline: 50 }), 0)))
    for (const ticket of others) ticket.onSettled(() => others.at(-1)?.cancel(50))
    const last = ticketOf(arriveAt(lane, aCall({ deadline: 70 }), 0))
    assert.equal(lane.expire(50), 70)
    assert.equal(lane.queued, 2)
    assert.deepEqual([fateOf(stay), fateOf(last)], ['waiting', 'waiting'])
  })
})
