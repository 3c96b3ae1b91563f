import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ListedCalls, listForCallers } from '../../src/http/listed-calls.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** `tookMs`: what making a list takes. */
function callersWhoAsk(tookMs: number) {
  const clock = new ManualClock()
  let made = 0
  const list = listForCallers(() => {
    const { madeAt } = new ListedCalls([], clock.now())
    clock.advance(tookMs)
    made++
    return new ListedCalls([], madeAt)
  }, clock)
  /** They ask every half millisecond. Returns the age of the oldest list that somebody got. */
  const askFor = (ms: number): number => {
    const end = clock.now() + ms
    let oldest = 0
    while (clock.now() < end) {
      oldest = Math.max(oldest, clock.now() - list().madeAt)
      clock.advance(0.5)
    }
    return oldest
  }
  return { askFor, made: () => made }
}

describe('the list for callers', () => {
  it('takes a twentieth of the time at most to make, however many of them ask', () => {
    const { askFor, made } = callersWhoAsk(20)
    askFor(8_000)
    assert.ok(made() >= 18 && made() <= 20, `made ${made()} times, 20 ms each`)
  })

  it('is a second old at most', () => {
    assert.ok(callersWhoAsk(300).askFor(10_000) <= 1_000)
  })

  it('is made each time where that takes no time', () => {
    const { askFor, made } = callersWhoAsk(0)
    assert.equal(askFor(10), 0)
    assert.equal(made(), 20)
  })
})
