import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { UserShares } from '../../../src/admission/fair/user-shares.ts'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { lineOf } from '../support/builders.ts'
import { callerOf, MINUTE, SECOND, Shop } from './support/shop.ts'

const [QUIET, OTHER] = [callerOf('quiet'), callerOf('other')]

describe('what is remembered', () => {
  it('of the people behind a key does not grow while one of them has calls all the time', () => {
    const users = new UserShares()
    users.of('busy').running = 1
    for (let i = 0; i < 5_000; i++) {
      const name = `user ${i}`
      const share = users.of(name)
      share.served(users.level, 0)
      share.charge(1)
      users.left(name)
    }
    assert.ok(users.size <= 1_001, `${users.size} people are remembered`)
  })

  it('of the calls that run is right after the sharing was off for a while', () => {
    const shop = new Shop({ defaults: { parallel: 2, queue: 8 } })
    shop.ask({ caller: OTHER, heldMs: SECOND })
    shop.ask({ caller: OTHER, heldMs: SECOND })
    shop.ask({ caller: QUIET, heldMs: SECOND })
    shop.admission.share({ ...FAIR, fair: false })
    shop.clock.advance(MINUTE)
    shop.admission.share(FAIR)
    const lane = shop.admission.model('llama2')?.lane
    assert.ok(lane)
    assert.equal(lineOf(lane).progress(1).hasClass, false)
  })

  it('of a line with very many slots is told without a look at each of them', () => {
    const slots = 1_000_000_000
    const shop = new Shop({ defaults: { parallel: slots, queue: 600 } })
    const capped = [1, 2].map((id) => callerOf(`capped ${id}`, { parallel: 1 }))
    for (const caller of capped) for (let i = 0; i < 250; i++) shop.ask({ caller, heldMs: SECOND })
    const waiting = shop.admission.model('llama2')?.lane.waiting()
    assert.equal([...(waiting ?? [])].length, 498)
  })
})
