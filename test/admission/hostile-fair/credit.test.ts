import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callerOf, MINUTE, SECOND, Shop } from './support/shop.ts'

const [FAIR_ONE, OTHER] = [callerOf('fair'), callerOf('other')]

describe('nobody saves up credit', () => {
  it('for newcomers, by waiting for its own calls of another model', () => {
    const shop = new Shop({ defaults: { parallel: 4, queue: 512 } })
    const capped = callerOf('capped', { parallel: 1, weight: 8 })
    shop.ask({ caller: capped, heldMs: 60 * MINUTE, model: 'b' })
    for (let i = 0; i < 8; i++) {
      for (const caller of [FAIR_ONE, OTHER]) {
        shop.flood(1, { caller, heldMs: SECOND, model: 'a' })
        shop.clock.advance(60)
      }
    }
    shop.ask({ caller: capped, heldMs: 10 * MINUTE, model: 'a' })
    // A newcomer starts where the others are, not where the caller that had no room is.
    shop.clock.advance(59 * MINUTE)
    const { admission, clock } = shop
    while ([...admission.callers()].every(({ id, queued }) => id !== 'capped' || queued > 0)) clock.advance(5)
    shop.flood(8, { caller: callerOf('newcomer'), heldMs: SECOND, model: 'a' })
    const [fair = 0, other = 0, fresh = 0] = shop.shares(2 * MINUTE, 'fair', 'other', 'newcomer')
    assert.ok(fair >= 0.8 * fresh && other >= 0.8 * fresh, `${fair} and ${other} ms beside ${fresh} ms`)
  })

  it('for its class, by waiting for its own calls', () => {
    const shop = new Shop({ defaults: { parallel: 4, queue: 512 } })
    const nightly = callerOf('nightly', { parallel: 1 })
    shop.ask({ caller: nightly, heldMs: 60 * MINUTE, model: 'b', class: 'batch' })
    shop.flood(8, { caller: FAIR_ONE, heldMs: SECOND, model: 'a' })
    shop.ask({ caller: nightly, heldMs: SECOND, model: 'a', class: 'batch' })
    shop.clock.advance(30 * MINUTE)
    shop.flood(8, { caller: OTHER, heldMs: SECOND, model: 'a', class: 'batch' })
    const [normal = 0, batch = 0] = shop.shares(2 * MINUTE, 'fair', 'other')
    assert.ok(normal >= 2.5 * batch, `normal ${normal} ms, batch ${batch} ms`)
  })
})
