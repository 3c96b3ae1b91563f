import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aCall, aLane, arriveAt, fateOf, grantOf, permitOf, ticketOf } from './support/builders.ts'

describe('a permit', () => {
  it('frees its slot once, however often it is released', () => {
    const { lane, recorder } = aLane({ parallel: 2 })
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    permitOf(arriveAt(lane, aCall(), 0))
    assert.equal(permit.released, false)
    permit.release('done', 30)
    assert.equal(permit.released, true)
    for (const outcome of ['failed', 'cancelled', 'timed_out', 'done'] as const) permit.release(outcome, 40)
    assert.equal(lane.active, 1)
    assert.deepEqual(recorder.story.slice(2), ['released done 30'])
  })

  it('lets one waiter in, not two, when it is released twice', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const tickets = [0, 0].map((now) => ticketOf(arriveAt(lane, aCall(), now)))
    permit.release('done', 1)
    permit.release('done', 2)
    assert.deepEqual(tickets.map(fateOf), ['granted', 'waiting'])
    assert.equal(lane.active, 1)
  })

  it('released inside its own release frees one slot', () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    const tickets = [0, 0].map((now) => ticketOf(arriveAt(lane, aCall(), now)))
    tickets[0]?.onSettled(() => permit.release('failed', 1))
    permit.release('done', 1)
    assert.deepEqual(tickets.map(fateOf), ['granted', 'waiting'])
  })

  for (const outcome of ['done', 'failed', 'cancelled', 'timed_out'] as const) {
    it(`tells how it ended: ${outcome}`, () => {
      const { lane, recorder } = aLane()
      const first = permitOf(arriveAt(lane, aCall(), 0))
      const ticket = ticketOf(arriveAt(lane, aCall(), 3))
      first.release(outcome, 5)
      const second = grantOf(ticket)
      assert.deepEqual([second.grantedAt, second.waitMs], [5, 2])
      second.release(outcome, 12)
      assert.deepEqual(
        recorder.story.filter((line) => line.startsWith('released')),
        [`released ${outcome} 5`, `released ${outcome} 7`],
      )
      assert.equal(lane.active + lane.queued === 0, true)
    })
  }

  it('is no thenable, so a promise may carry it', async () => {
    const { lane } = aLane()
    const permit = permitOf(arriveAt(lane, aCall(), 0))
    assert.equal('then' in permit, false)
    assert.equal(await Promise.resolve(permit), permit)
  })

  it('marks when its model was used last', () => {
    const { lane } = aLane()
    const [model] = lane.models
    const permit = permitOf(arriveAt(lane, aCall(), 4))
    assert.equal(model?.lastUsed, 4)
    permit.release('done', 9)
    assert.equal(model?.lastUsed, 9)
  })
})
