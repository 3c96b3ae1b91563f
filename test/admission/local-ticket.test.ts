import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { aCall, aLane, arriveAt, fateOf, grantOf, permitOf, ticketOf } from './support/builders.ts'

function aWaitingTicket() {
  const { lane, recorder, waiting } = aLane()
  const permit = permitOf(arriveAt(lane, aCall(), 0))
  const ticket = ticketOf(arriveAt(lane, aCall({ bytes: 77, deadline: 1_000 }), 5))
  return { lane, recorder, waiting, permit, ticket }
}

describe('a ticket', () => {
  it('keeps what the line has to know', () => {
    const { ticket } = aWaitingTicket()
    assert.deepEqual(
      [ticket.waiting, ticket.enqueuedAt, ticket.call.deadline, ticket.call.bytes],
      [true, 5, 1_000, 77],
    )
  })

  it('settles with its permit inside the release that freed the slot', () => {
    const { permit, ticket } = aWaitingTicket()
    let result: unknown
    ticket.onSettled((settled) => {
      result = settled
    })
    permit.release('done', 20)
    assert.ok(result instanceof LocalPermit)
    assert.equal(result.waitMs, 15)
    assert.equal(ticket.waiting, false)
  })

  it('settles with a refusal that is an error with a code', () => {
    const { ticket } = aWaitingTicket()
    ticket.cancel(6)
    let result: unknown
    ticket.onSettled((settled) => {
      result = settled
    })
    assert.ok(result instanceof Refusal && result instanceof Error)
    assert.deepEqual([result.name, result.code, result.facts], ['Refusal', 'cancelled', { model: 'llama2' }])
  })

  it('tells a listener once, at once when it was settled before', () => {
    const { lane, permit, ticket } = aWaitingTicket()
    let calls = 0
    ticket.onSettled(() => calls++)
    permit.release('done', 20)
    permit.release('done', 21)
    ticket.cancel(22)
    lane.expire(2_000)
    lane.dismissAll(2_001)
    assert.equal(calls, 1)
    ticket.onSettled(() => calls++)
    assert.equal(calls, 2)
  })

  it('cancelled twice leaves once', () => {
    const { recorder, waiting, lane, ticket } = aWaitingTicket()
    ticketOf(arriveAt(lane, aCall({ bytes: 1 }), 5))
    assert.deepEqual([ticket.cancel(8), ticket.cancel(9)], [true, false])
    assert.deepEqual([lane.queued, waiting.calls, waiting.bytes], [1, 1, 1])
    assert.deepEqual(
      recorder.story.filter((line) => line.startsWith('left')),
      ['left cancelled 3'],
    )
  })

  it('cancelled after its grant keeps the slot: its holder has to release it', () => {
    const { lane, permit, ticket } = aWaitingTicket()
    permit.release('done', 20)
    assert.equal(ticket.cancel(20), false)
    assert.equal(lane.active, 1)
    grantOf(ticket).release('cancelled', 21)
    assert.equal(lane.active, 0)
  })

  it('cancelled after its deadline was refused stays refused', () => {
    const { lane, ticket } = aWaitingTicket()
    lane.expire(1_000)
    assert.equal(ticket.cancel(1_001), false)
    assert.equal(fateOf(ticket), 'timeout')
    assert.equal(lane.queued, 0)
  })
})
