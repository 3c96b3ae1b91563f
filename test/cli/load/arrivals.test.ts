import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { poissonArrivals, replayed } from '../../../src/cli/load/arrivals.ts'
import { parseMix, pickModel } from '../../../src/cli/load/model-mix.ts'
import { seededRandom } from '../../../src/cli/load/random.ts'

const LOAD = { rate: 50, durationMs: 200_000, promptTokens: 10, outputTokens: 20 }

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const take = (seed: number) => Array.from({ length: 5 }, seededRandom(seed))
    assert.deepEqual(take(7), take(7))
    assert.notDeepEqual(take(7), take(8))
  })

  it('is even', () => {
    const random = seededRandom(1)
    const tenths = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) {
      const tenth = Math.floor(random() * 10)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 500, String(tenths))
  })
})

describe('poissonArrivals', () => {
  const arrivals = [...poissonArrivals(LOAD, seededRandom(42))]

  it('comes at the rate, in order and within the time', () => {
    assert.ok(Math.abs(arrivals.length - 10_000) < 400, String(arrivals.length))
    for (const [index, { atMs }] of arrivals.entries()) {
      assert.ok(atMs >= (arrivals[index - 1]?.atMs ?? 0) && atMs < LOAD.durationMs)
    }
    assert.deepEqual({ ...arrivals[0], atMs: 0 }, { atMs: 0, promptTokens: 10, outputTokens: 20 })
  })

  it('has gaps as independent clients leave them: exponential, so their spread is their mean', () => {
    const gaps = arrivals.slice(1).map(({ atMs }, index) => atMs - (arrivals[index]?.atMs ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
    assert.ok(Math.abs(mean - 20) < 1, String(mean))
    assert.ok(Math.abs(Math.sqrt(variance) / mean - 1) < 0.05)
    const longer = gaps.filter((gap) => gap > mean).length / gaps.length
    assert.ok(Math.abs(longer - Math.exp(-1)) < 0.02, String(longer))
  })
})

describe('replayed', () => {
  const trace = [0, 1_000, 5_000].map((atMs) => ({ atMs, promptTokens: 1, outputTokens: 1 }))

  it('follows the trace faster or slower, and ends when the time is over', () => {
    const times = (speed: number, durationMs?: number) =>
      Array.from(replayed(trace, speed, durationMs), ({ atMs }) => atMs)
    assert.deepEqual(times(1), [0, 1_000, 5_000])
    assert.deepEqual(times(10), [0, 100, 500])
    assert.deepEqual(times(0.5), [0, 2_000, 10_000])
    assert.deepEqual(times(1, 5_000), [0, 1_000])
  })
})

describe('a mix of models', () => {
  it('reads names with and without weights', () => {
    assert.deepEqual(parseMix('llama3.2'), [{ model: 'llama3.2', weight: 1 }])
    assert.deepEqual(parseMix('llama3:70b=2.5, hf.co/x/y:Q4'), [
      { model: 'llama3:70b', weight: 2.5 },
      { model: 'hf.co/x/y:Q4', weight: 1 },
    ])
    for (const wrong of ['', 'a,', '=2', 'a=', 'a=0', 'a=x', 'a b'])
      assert.equal(parseMix(wrong), undefined, wrong)
  })

  it('picks each as often as its weight says', () => {
    const mix = parseMix('a=3,b=1') ?? []
    const random = seededRandom(3)
    let count = 0
    for (let i = 0; i < 10_000; i++) if (pickModel(mix, random) === 'a') count++
    assert.ok(Math.abs(count - 7_500) < 200, String(count))
  })
})
