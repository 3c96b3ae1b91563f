import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecentLoads } from '../../src/telemetry/recent-loads.ts'
import { aLoad, aRunner } from './support/turns.ts'

const MINUTE = 60_000
const NOW = 100 * MINUTE

function share(loads: readonly (readonly [from: number, to: number])[], loadingSince?: number): number {
  const recent = new RecentLoads()
  for (const [from, to] of loads) recent.add(aLoad('a', to, { loadMs: to - from }))
  const state = 'loading' as const
  return recent.share(
    NOW,
    loadingSince === undefined ? [] : [{ ...aRunner('b'), state, since: loadingSince }],
  )
}

describe('the share of time that went into loading', () => {
  it('is that of five minutes', () => {
    assert.equal(share([]), 0)
    assert.equal(share([[NOW - 2 * MINUTE, NOW - MINUTE]]), 0.2)
    assert.equal(share([[NOW - 60 * MINUTE, NOW]]), 1)
  })

  it('has the part of a load that lies within the five minutes, and nothing of older loads', () => {
    assert.equal(share([[NOW - 9 * MINUTE, NOW - 4 * MINUTE]]), 0.2)
    assert.equal(share([[NOW - 9 * MINUTE, NOW - 5 * MINUTE]]), 0)
  })

  it('counts loads at the same time once, whatever their order', () => {
    const spans = [
      [NOW - 4 * MINUTE, NOW - 2 * MINUTE],
      [NOW - 3 * MINUTE, NOW - 2.5 * MINUTE],
      [NOW - 2.5 * MINUTE, NOW - 1 * MINUTE],
      [NOW - 3 * MINUTE, NOW - 2 * MINUTE],
    ] as const
    assert.equal(share(spans), 0.6)
    assert.equal(share(spans.toReversed()), 0.6)
  })

  it('has the load under way', () => {
    assert.equal(share([], NOW - MINUTE), 0.2)
    assert.equal(share([[NOW - 2 * MINUTE, NOW - MINUTE]], NOW - 1.5 * MINUTE), 0.4)
  })

  it('has no runner that is loaded or leaves', () => {
    const recent = new RecentLoads()
    for (const state of ['loaded', 'leaving'] as const)
      assert.equal(recent.share(NOW, [{ ...aRunner('a'), state, since: NOW - MINUTE }]), 0)
  })
})

describe('the loads of the last five minutes', () => {
  it('are forgotten after five minutes', () => {
    const recent = new RecentLoads()
    recent.add(aLoad('a', NOW))
    recent.add(aLoad('b', NOW + MINUTE))
    assert.equal(recent.at(NOW + 4 * MINUTE).length, 2)
    assert.deepEqual(
      recent.at(NOW + 5 * MINUTE).map(({ names }) => names),
      [['b']],
    )
  })

  it('are the newest two thousand, however many come while nobody asks', () => {
    const recent = new RecentLoads()
    for (let load = 0; load < 50_000; load++) recent.add(aLoad('a', NOW, { loadMs: load }))
    const kept = recent.at(NOW)
    assert.deepEqual([kept.length, kept.at(-1)?.loadMs], [2_000, 49_999])
  })
})
