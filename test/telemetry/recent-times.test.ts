import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecentTimes } from '../../src/telemetry/recent-times.ts'

const MINUTE = 60_000

/** Within the 1.6 % of a bucket. */
function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 0.016 * expected, `${found} is not ${expected}`)
}

describe('the percentiles of the last five minutes', () => {
  it('are those of the durations that are not older', () => {
    const times = new RecentTimes()
    for (let ms = 1; ms <= 100; ms++) times.record(ms * 1_000, 0)
    const { p50, p95, p99 } = times.at(4 * MINUTE)
    near(p50, 50_000)
    near(p95, 95_000)
    near(p99, 99_000)
    times.record(10, 4 * MINUTE)
    near(times.at(4.9 * MINUTE).p50, 50_000)
    near(times.at(5 * MINUTE).p99, 10)
    assert.deepEqual(times.at(60 * MINUTE), { p50: 0, p95: 0, p99: 0 })
  })

  it('are 0 before the first duration, and of a zero', () => {
    const times = new RecentTimes()
    assert.deepEqual(times.at(MINUTE), { p50: 0, p95: 0, p99: 0 })
    times.record(0, MINUTE)
    assert.deepEqual(times.at(MINUTE), { p50: 0, p95: 0, p99: 0 })
    times.record(200, MINUTE)
    near(times.at(MINUTE).p95, 200)
    assert.equal(times.at(MINUTE).p50, 0)
  })

  it('go on over hours, and nothing of the past comes back', () => {
    const times = new RecentTimes()
    for (let minute = 0; minute < 600; minute++) times.record(minute, minute * MINUTE)
    near(times.at(599 * MINUTE).p99, 599)
    near(times.at(599 * MINUTE).p50, 597)
    near(times.at(603 * MINUTE).p50, 599)
  })
})
