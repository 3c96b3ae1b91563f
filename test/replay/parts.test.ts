import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FairWindows } from '../../src/replay/fair-windows.ts'
import { VirtualClock } from '../../src/replay/virtual-clock.ts'

describe('the clock of a replay', () => {
  it('runs timers in the order of their times, then of asking, and no timer that was taken back', () => {
    const clock = new VirtualClock(1_000)
    const ran: string[] = []
    for (const [name, ms] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['never', 20],
      ['d', 40],
    ] as const) {
      const cancel = clock.after(ms, () => ran.push(`${name}${clock.now()}`))
      if (name === 'never') cancel()
    }
    clock.runTo(30)
    assert.deepEqual(ran, ['a10', 'b10', 'c30'])
    clock.after(5, () => ran.push('between'))
    assert.equal(clock.wallTime(), 1_030)
    while (clock.runNext());
    assert.deepEqual(ran.slice(3), ['between', 'd40'])
    assert.equal(clock.now(), 40)
  })

  it('keeps the order of many timers', () => {
    const clock = new VirtualClock(0)
    const ran: number[] = []
    for (let index = 0; index < 5_000; index++)
      clock.after((index * 7_919) % 1_009, () => ran.push(clock.now()))
    while (clock.runNext());
    assert.equal(ran.length, 5_000)
    assert.deepEqual(
      ran,
      ran.toSorted((a, b) => a - b),
    )
  })
})

describe("Jain's index over windows", () => {
  /** Callers of one class that stand in line all the time and hold so many slots each, for three windows. */
  function index(slots: Readonly<Record<string, number>>, weights: Readonly<Record<string, number>> = {}) {
    const windows = new FairWindows(1_000)
    for (const [name, running] of Object.entries(slots))
      windows.change(windows.side('normal', name, weights[name] ?? 1), 1, running, 0)
    windows.change(windows.side('normal', 'a', 1), 0, 0, 3_000)
    return windows.jain
  }

  it('is 1 for equal shares, and one over the number of callers where one has everything', () => {
    assert.equal(index({ a: 2, b: 2, c: 2 }), 1)
    assert.equal(index({ a: 4, b: 0, c: 0, d: 0 }), 0.25)
  })

  it('goes by the weights', () => {
    assert.equal(index({ a: 1, b: 3 }, { b: 3 }), 1)
  })

  it('is null where nobody is compared', () => {
    assert.equal(index({ a: 4 }), null)
    const windows = new FairWindows(1_000)
    // Each waits for less than half of the window.
    for (const [at, name] of [
      [0, 'a'],
      [400, 'b'],
    ] as const) {
      windows.change(windows.side('normal', name, 1), 1, 0, at)
      windows.change(windows.side('normal', name, 1), -1, 1, at + 300)
    }
    windows.change(windows.side('normal', 'a', 1), 0, 0, 5_000)
    assert.equal(windows.jain, null)
  })

  it('does not compare callers of two classes', () => {
    const windows = new FairWindows(1_000)
    windows.change(windows.side('interactive', 'a', 8), 1, 4, 0)
    windows.change(windows.side('batch', 'b', 1), 1, 0, 0)
    windows.change(windows.side('batch', 'b', 1), 0, 0, 2_000)
    assert.equal(windows.jain, null)
  })

  it('passes a long time without calls at once', () => {
    const windows = new FairWindows(1)
    windows.change(windows.side('normal', 'a', 1), 1, 0, 0)
    windows.change(windows.side('normal', 'a', 1), -1, 0, 1)
    windows.change(windows.side('normal', 'a', 1), 1, 0, 1e13)
    assert.equal(windows.jain, null)
  })
})
