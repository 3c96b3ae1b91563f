import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { aCall, fateOf, refusalOf } from '../support/builders.ts'
import { callerOf, MINUTE, SECOND, Shop } from './support/shop.ts'

const [NIGHTLY, OTHER] = [callerOf('nightly'), callerOf('other')]
const reserve = (slots: number) => ({ ...FAIR, reserve: slots })

describe('calls of the class batch, where slots are kept from them', () => {
  it('are not overtaken by newer ones that take fewer slots', () => {
    const shop = new Shop({ defaults: { parallel: 4, queue: 512 }, fairness: reserve(2) })
    const again = () => shop.clock.after(100, () => shop.ask(mine))
    const mine = { caller: OTHER, heldMs: SECOND, class: 'batch' as const, next: again }
    shop.ask(mine)
    const big = shop.ask({ caller: NIGHTLY, heldMs: SECOND, class: 'batch', slots: 2 })
    assert.ok(big)
    // One of these runs whenever the other one comes.
    shop.clock.after(500, () => shop.ask(mine))
    shop.clock.advance(10 * SECOND)
    assert.equal(fateOf(big), 'granted')
  })

  it('get their turn when they ask for other options than those that keep the slots', () => {
    const shop = new Shop({
      defaults: { parallel: 2, queue: 512 },
      fairness: reserve(1),
      turns: {
        settings: { ordered: true, maxWaitMs: 10 * SECOND, maxSwitching: 1, together: [] },
        observer: { loaded() {}, left() {} },
        watch: { pace() {}, look() {} },
      },
    })
    shop.flood(3, { caller: NIGHTLY, heldMs: SECOND, class: 'batch' })
    shop.clock.advance(30 * SECOND)
    const big = shop.ask({ caller: OTHER, heldMs: SECOND, class: 'batch', options: 'num_ctx=8192' })
    assert.ok(big)
    shop.clock.advance(5 * MINUTE)
    assert.equal(fateOf(big), 'granted')
  })

  it('are refused at once when they cannot make it in the slots that are left to them', () => {
    const shop = new Shop({ defaults: { parallel: 4, queue: 512 }, fairness: reserve(3) })
    const mine = { caller: NIGHTLY, heldMs: 10 * SECOND, class: 'batch' as const }
    shop.flood(3, mine)
    shop.clock.advance(20 * MINUTE)
    const deadline = shop.clock.now() + 10 * MINUTE
    for (let i = 0; i < 90; i++)
      try {
        shop.ask({ ...mine, deadline })
      } catch {
        // Some of these are refused already.
      }
    const late = refusalOf(() => shop.admission.acquire(aCall({ ...mine, deadline })))
    assert.ok((late.facts.estimatedWaitMs ?? 0) > 9 * MINUTE)
    // Behind 40 calls that go one after the other, a deadline in a minute is out of reach.
    refusalOf(() => shop.admission.acquire(aCall({ ...mine, deadline: shop.clock.now() + MINUTE })))
  })
})
