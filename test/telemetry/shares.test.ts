import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fairFigures } from '../../src/telemetry/fair-figures.ts'
import type { SharesNow } from '../../src/telemetry/shares.ts'
import { anEndedCall, anOpenCall, aShares } from './support/shares.ts'

const sharesOf = ({ callers }: SharesNow) =>
  Object.fromEntries(Array.from(callers, ([id, { share, slotMs }]) => [id, [share, slotMs]]))

describe('the shares of the last five minutes', () => {
  it('are parts of the slot-time of all, calls under way included', () => {
    const { open, shares } = aShares()
    shares.ended(anEndedCall({ caller: 'alice', key: 'alice', slots: 2, slotMs: 6_000 }))
    open.push(anOpenCall({ caller: 'bob', slotMs: 1_000 }), anOpenCall({ caller: 'bob', slotMs: 1_000 }))
    assert.deepEqual(sharesOf(shares.now()), { alice: [0.75, 6_000], bob: [0.25, 2_000] })
  })

  it('end when the five minutes are over', () => {
    const { clock, shares } = aShares()
    shares.ended(anEndedCall({ caller: 'alice' }))
    clock.advance(250_000)
    shares.ended(anEndedCall({ caller: 'bob', slotMs: 3_000 }))
    assert.deepEqual(sharesOf(shares.now()).alice, [0.25, 1_000])
    clock.advance(50_000)
    assert.deepEqual(sharesOf(shares.now()), { bob: [1, 3_000] })
    clock.advance(300_000)
    assert.deepEqual(sharesOf(shares.now()), {})
  })

  it('leave out who was refused on arrival, and have who waited for nothing', () => {
    const { open, shares } = aShares()
    shares.ended(anEndedCall({ caller: 'refused', slots: 0, slotMs: 0, waitMs: 0.2 }))
    shares.ended(anEndedCall({ caller: 'gave-up', slots: 0, slotMs: 0, waitMs: 30_000 }))
    open.push(
      anOpenCall({ caller: 'waits', state: 'waiting', slots: 0, slotMs: 0 }),
      anOpenCall({ caller: 'sends', state: 'reading', slots: 0, slotMs: 0 }),
      anOpenCall({ caller: 'runs' }),
    )
    assert.deepEqual(sharesOf(shares.now()), { 'gave-up': [0, 0], waits: [0, 0], runs: [1, 1_000] })
  })
})

describe("Jain's index", () => {
  const jainOf = (figures: Readonly<Record<string, number>>, weights = {}) => {
    const { open, shares } = aShares({ weights })
    for (const [caller, slotMs] of Object.entries(figures))
      open.push(anOpenCall({ caller, slotMs, slots: slotMs === 0 ? 0 : 1, state: 'waiting' }))
    return Math.round(1_000 * shares.now().jain) / 1_000
  }

  it('is 1 where all had the same, and 1/n where one had all', () => {
    assert.equal(jainOf({ a: 1_000, b: 1_000, c: 1_000 }), 1)
    assert.equal(jainOf({ a: 1_000, b: 0, c: 0, d: 0 }), 0.25)
    assert.equal(jainOf({ a: 3_000, b: 1_000 }), 0.8)
  })

  it('is 1 where fewer than two called, and where nobody had anything', () => {
    assert.equal(jainOf({}), 1)
    assert.equal(jainOf({ a: 1_000 }), 1)
    assert.equal(jainOf({ a: 0, b: 0 }), 1)
  })

  it('counts slot-time by weight: who has three times the weight may have three times the slots', () => {
    assert.equal(jainOf({ a: 3_000, b: 1_000 }, { a: 3 }), 1)
    assert.equal(jainOf({ a: 1_000, b: 1_000 }, { a: 3 }), 0.8)
  })
})

describe('the classes', () => {
  it('have their weights, their calls, their shares and their waits', () => {
    const fair = { fair: false, weights: { interactive: 9, normal: 4, batch: 2 }, reserve: 1 }
    const { open, shares } = aShares({ fair })
    shares.ended(anEndedCall({ class: 'batch', slotMs: 3_000, waitMs: 500 }))
    shares.ended(anEndedCall({ class: 'batch', slots: 0, slotMs: 0, waitMs: 1_500 }))
    open.push(
      anOpenCall({ class: 'interactive', slotMs: 1_000 }),
      anOpenCall({ class: 'interactive', state: 'waiting', slots: 0, slotMs: 0 }),
      anOpenCall({ class: 'batch', state: 'waiting', slots: 0, slotMs: 0 }),
    )
    const { classes, ...page } = fairFigures(shares.now())
    assert.deepEqual(page, { fairness: 'off', reserve: 1, jain: 1 })
    const none = { p50: 0, p95: 0, p99: 0 }
    assert.deepEqual(classes.interactive, {
      weight: 9,
      active: 1,
      queued: 1,
      share: 0.25,
      wait_time_ms: none,
    })
    assert.deepEqual(classes.normal, { weight: 4, active: 0, queued: 0, share: 0, wait_time_ms: none })
    const { wait_time_ms: waits, ...batch } = classes.batch ?? assert.fail()
    assert.deepEqual(batch, { weight: 2, active: 0, queued: 1, share: 0.75 })
    assert.ok(Math.abs(waits.p50 - 500) < 8 && Math.abs(waits.p95 - 1_500) < 24, JSON.stringify(waits))
  })
})
