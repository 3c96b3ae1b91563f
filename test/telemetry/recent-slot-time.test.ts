import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type HeldSlots, MOST_NAMES, RecentSlotTime } from '../../src/telemetry/recent-slot-time.ts'

const SECOND = 1_000

const held = (to: number, heldMs: number, slots = 1): HeldSlots => ({ slots, heldMs, to })
const of = (time: RecentSlotTime, name: string, now: number) => time.at(now, []).byName.get(name)

describe('the slot-time of the last five minutes', () => {
  it('counts where it was: a call that ends late counts no more than its part of the window', () => {
    const time = new RecentSlotTime()
    time.add('a', held(1_000 * SECOND, 900 * SECOND), false)
    // The window began at 710 s: it ends within the ten seconds from 1,000 s on.
    assert.equal(of(time, 'a', 1_000 * SECOND), 290 * SECOND)
    assert.equal(of(time, 'a', 1_055 * SECOND), 240 * SECOND)
    assert.equal(of(time, 'a', 1_289 * SECOND), 10 * SECOND)
    assert.equal(of(time, 'a', 1_290 * SECOND), 0, 'its last moment is there')
    assert.equal(of(time, 'a', 1_300 * SECOND), undefined)
  })

  it('counts each slot, and a call within ten seconds to the millisecond', () => {
    const time = new RecentSlotTime()
    time.add('a', held(4_321, 1_234, 3), false)
    time.add('a', held(9_999, 1, 1), false)
    time.add('b', held(12_000, 4_000), false)
    assert.deepEqual(
      [of(time, 'a', 12_000), of(time, 'b', 12_000), time.at(12_000, []).totalMs],
      [3 * 1_234 + 1, 4_000, 3 * 1_234 + 1 + 4_000],
    )
  })

  it('has the slots that are still held, as long as they are within the window', () => {
    const time = new RecentSlotTime()
    time.add('a', held(400 * SECOND, 2 * SECOND), false)
    const now = 405 * SECOND
    const { byName, totalMs } = time.at(now, [
      ['a', held(now, SECOND)],
      ['b', held(now, 3_600 * SECOND, 2)],
    ])
    assert.deepEqual([byName.get('a'), byName.get('b'), totalMs], [3_000, 590_000, 593_000])
  })

  it('is the same whether a call is told at its end or while it runs', () => {
    for (const now of [310 * SECOND, 314_159, 319_999]) {
      const ended = new RecentSlotTime()
      ended.add('a', held(now, 200 * SECOND, 2), false)
      const running = new RecentSlotTime().at(now, [['a', held(now, 200 * SECOND, 2)]])
      assert.deepEqual(ended.at(now, []), running)
    }
  })

  it('keeps the names of a busy time alone: a million addresses have no more room than some', () => {
    const time = new RecentSlotTime()
    time.add('10.0.0.1', held(0, 0), false)
    for (let number = 0; number < 1_000_000; number++) time.add(`made-up-${number}`, held(5_000, 10), false)
    time.add('10.0.0.1', held(5_000, 10), false)
    time.add('alice', held(5_000, 10), true)
    const { byName, totalMs } = time.at(5_000, [])
    assert.equal(byName.size, MOST_NAMES + 1)
    assert.deepEqual([byName.get('10.0.0.1'), byName.get('alice')], [10, 10])
    assert.equal(totalMs, 10_000_020, 'the time of the others is in the total')
    // The other ten seconds of the window take as many names, and nothing is left of those that went.
    for (let number = 0; number < 1_000_000; number++)
      time.add(`later-${number}`, held(number * 10, 10), false)
    const now = 1_000_000 * 10 - 10
    assert.equal(time.at(now, []).byName.size, 30 * MOST_NAMES)
    assert.equal(time.at(now + 300 * SECOND, []).byName.size, 0)
  })
})
