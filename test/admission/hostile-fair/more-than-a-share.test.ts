import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callerOf, MINUTE, SECOND, Shop } from './support/shop.ts'

const [FAIR_ONE, OTHER, GREEDY] = [callerOf('fair'), callerOf('other'), callerOf('greedy')]

describe('a caller gets no more than its share', () => {
  it('by a short call of an idle model before each long call of a busy one', () => {
    const shop = new Shop()
    shop.flood(4, { caller: FAIR_ONE, heldMs: SECOND, model: 'chat' })
    const both = () =>
      shop.ask({
        caller: GREEDY,
        heldMs: 10,
        model: 'embed',
        next: () => shop.ask({ caller: GREEDY, heldMs: MINUTE, model: 'chat', next: both }),
      })
    both()
    shop.clock.advance(10 * MINUTE)
    const [fair = 0, greedy = 0] = shop.shares(60 * MINUTE, 'fair', 'greedy')
    assert.ok(greedy <= fair + 3 * MINUTE, `${greedy} ms, where another one has ${fair} ms`)
  })

  it('by waiting for another model before each long call', () => {
    const shop = new Shop()
    shop.flood(4, { caller: FAIR_ONE, heldMs: SECOND, model: 'chat' })
    // Each call of this model waits, but nobody else does.
    shop.ask({ caller: OTHER, heldMs: 5, model: 'embed' })
    const both = () => {
      shop.ask({ caller: OTHER, heldMs: 5, model: 'embed' })
      shop.ask({
        caller: GREEDY,
        heldMs: 10,
        model: 'embed',
        next: () => shop.ask({ caller: GREEDY, heldMs: MINUTE, model: 'chat', next: both }),
      })
    }
    both()
    shop.clock.advance(10 * MINUTE)
    const [fair = 0, greedy = 0] = shop.shares(60 * MINUTE, 'fair', 'greedy')
    assert.ok(greedy <= fair + 3 * MINUTE, `${greedy} ms, where another one has ${fair} ms`)
  })
})

describe('a caller gets no less than its share', () => {
  /** One call of the caller waits for model `a`, and goes. Then it shares model `b` with another caller for an hour. */
  function afterAnHour(): Shop {
    const shop = new Shop({ defaults: { parallel: 1, queue: 5_000 } })
    shop.ask({ caller: callerOf('holder'), heldMs: 5 * SECOND, model: 'a' })
    shop.ask({ caller: FAIR_ONE, heldMs: SECOND, model: 'a' })
    shop.flood(4, { caller: OTHER, heldMs: SECOND, model: 'b' })
    for (let i = 0; i < 1_800; i++) shop.ask({ caller: FAIR_ONE, heldMs: SECOND, model: 'b' })
    shop.clock.advance(60 * MINUTE - 30 * SECOND)
    return shop
  }

  it('because it once waited for another model, too', () => {
    const shop = afterAnHour()
    shop.clock.advance(MINUTE)
    shop.flood(4, { caller: FAIR_ONE, heldMs: SECOND, model: 'b' })
    const [fair = 0, other = 0] = shop.shares(10 * MINUTE, 'fair', 'other')
    assert.ok(fair >= 0.9 * other, `${fair} ms, where an equal caller has ${other} ms`)
  })

  it('because it once waited for another model, and now asks for a third one', () => {
    const shop = afterAnHour()
    const newcomer = callerOf('newcomer')
    shop.flood(4, { caller: newcomer, heldMs: SECOND, model: 'c' })
    shop.flood(4, { caller: FAIR_ONE, heldMs: SECOND, model: 'c' })
    shop.clock.advance(MINUTE)
    const [fair = 0, fresh = 0] = shop.shares(10 * MINUTE, 'fair', 'newcomer')
    assert.ok(fair >= 0.9 * fresh, `${fair} ms, where an equal caller has ${fresh} ms`)
  })
})
