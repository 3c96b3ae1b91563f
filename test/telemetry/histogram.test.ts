import assert from 'node:assert/strict'
import test from 'node:test'
import { Histogram } from '../../src/telemetry/histogram.ts'

const DAY_MS = 86_400_000

/** What a value is told as that is not the longest. */
function told(ms: number): number {
  const histogram = new Histogram()
  histogram.record(ms)
  histogram.record(Number.POSITIVE_INFINITY)
  return histogram.percentile(50)
}

test('nothing recorded is told as 0', () => {
  const histogram = new Histogram()
  assert.equal(histogram.total, 0)
  for (const percent of [0, 50, 100]) assert.equal(histogram.percentile(percent), 0)
})

test('every value from 0.01 ms to a week is told to within 1.6 %, or to the hundredth', () => {
  for (let ms = 0.01; ms < 7 * DAY_MS; ms *= 1.013) {
    const error = Math.abs(told(ms) - ms)
    assert.ok(error <= Math.max(ms * 0.016, 0.0051), `${ms} told as ${told(ms)}`)
  }
})

test('short times are told to the hundredth', () => {
  for (const ms of [0, 0.01, 0.02, 0.31, 0.32, 0.33, 0.63]) assert.equal(told(ms), ms)
  assert.equal(told(0.004), 0)
  assert.equal(told(0.006), 0.01)
})

test('a longer time is never told as a shorter one', () => {
  let before = 0
  for (let ms = 0.001; ms < 30 * DAY_MS; ms *= 1.002) {
    const now = told(ms)
    assert.ok(now >= before, `${ms}`)
    before = now
  }
})

test('absurd values are kept within bounds', () => {
  assert.equal(told(-5), 0)
  assert.equal(told(Number.NaN), 0)
  assert.ok(told(Number.POSITIVE_INFINITY) > 7 * DAY_MS)
  assert.equal(told(1e300), told(Number.POSITIVE_INFINITY))
})

test('percentiles are those of the sorted values', () => {
  const histogram = new Histogram()
  const values = Array.from({ length: 1_000 }, (_, i) => ((i * 7_919) % 1_000) + 1)
  for (const value of values) histogram.record(value)
  for (const percent of [0, 1, 25, 50, 95, 99, 99.9, 100]) {
    const exact = Math.max(1, Math.ceil(percent * 10))
    const error = Math.abs(histogram.percentile(percent) - exact)
    assert.ok(error <= exact * 0.016, `p${percent}: ${histogram.percentile(percent)} for ${exact}`)
  }
})

test('nothing is told as longer than the longest', () => {
  const histogram = new Histogram()
  for (const ms of [100.3, 100.31]) histogram.record(ms)
  assert.equal(histogram.percentile(99), 100.31)
})

test('reset forgets everything and counting goes on', () => {
  const histogram = new Histogram()
  histogram.record(1_000)
  histogram.reset()
  assert.equal(histogram.total, 0)
  assert.equal(histogram.percentile(99), 0)
  histogram.record(0.2)
  assert.equal(histogram.percentile(99), 0.2)
})

test('a cut tells of what came since the one before, and loses nothing of the whole', () => {
  const histogram = new Histogram()
  assert.equal(histogram.takeInterval(), null)
  for (const ms of [0.1, 0.2, 0.3]) histogram.record(ms)
  assert.deepEqual(histogram.takeInterval(), { p50: 0.2, p95: 0.3 })
  assert.equal(histogram.takeInterval(), null)
  for (const ms of [0.4, 0.5]) histogram.record(ms)
  assert.equal(histogram.total, 5)
  assert.equal(histogram.percentile(50), 0.3)
  assert.deepEqual(histogram.takeInterval(), { p50: 0.4, p95: 0.5 })
  assert.equal(histogram.total, 5)
  assert.deepEqual(
    [1, 50, 100].map((percent) => histogram.percentile(percent)),
    [0.1, 0.3, 0.5],
  )
})

test('a reset leaves nothing to cut', () => {
  const histogram = new Histogram()
  histogram.record(1)
  histogram.takeInterval()
  histogram.record(2)
  histogram.reset()
  assert.equal(histogram.takeInterval(), null)
  assert.equal(histogram.percentile(99), 0)
})

test('the first records are told like all others, whatever is cut between them', () => {
  for (const cutAfter of [0, 1, 5, 15, 16, 17, 18, 30]) {
    for (const count of [1, 15, 16, 17, 18, 40]) {
      const histogram = new Histogram()
      const values = Array.from({ length: count }, (_, i) => (((i * 7) % count) + 1) / 100)
      for (const [i, value] of values.entries()) {
        if (i === cutAfter) histogram.takeInterval()
        histogram.record(value)
      }
      const where = `${count} records, cut after ${cutAfter}`
      assert.equal(histogram.total, count, where)
      for (const percent of [0, 50, 95, 100]) {
        const rank = Math.max(1, Math.ceil((percent / 100) * count))
        assert.equal(histogram.percentile(percent), rank / 100, where)
      }
      const recent = values.slice(cutAfter < count ? cutAfter : 0).sort((a, b) => a - b)
      const at = (percent: number) => recent[Math.ceil((percent / 100) * recent.length) - 1]
      assert.deepEqual(histogram.takeInterval(), { p50: at(50), p95: at(95) }, where)
      assert.equal(histogram.takeInterval(), null, where)
    }
  }
})

test('however it is cut, the percentiles of the whole are the same', () => {
  const values = Array.from({ length: 2_000 }, (_, i) => ((i * 7_919) % 9_973) / 7)
  const [whole, sliced] = [new Histogram(), new Histogram()]
  for (const [i, value] of values.entries()) {
    whole.record(value)
    sliced.record(value)
    if (i % 37 === 0) sliced.takeInterval()
  }
  for (const percent of [0, 1, 50, 95, 99.9, 100]) {
    assert.equal(sliced.percentile(percent), whole.percentile(percent))
  }
})
