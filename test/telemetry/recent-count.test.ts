import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { RECENT_MINUTES, RecentCount } from '../../src/telemetry/recent-count.ts'

const MINUTE = 60_000

test('a count covers ten minutes, and forgets to half a minute', () => {
  assert.equal(RECENT_MINUTES, 10)
  const count = new RecentCount()
  count.add(0)
  count.add(5 * MINUTE)
  assert.equal(count.at(9.5 * MINUTE), 2)
  assert.equal(count.at(10 * MINUTE), 1)
  assert.equal(count.at(15 * MINUTE), 0)
})

test('whatever the times are, nothing of the last 9.5 minutes is left out and nothing older than 10 counts', () => {
  const steps = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 2_000_000 })),
  )
  fc.assert(
    fc.property(steps, (steps) => {
      const count = new RecentCount()
      const times: number[] = []
      let now = 0
      for (const step of steps) {
        now += step
        times.push(now)
        count.add(now)
        const since = (ms: number) => times.filter((time) => now - time <= ms).length
        assert.ok(count.at(now) >= since(9.5 * MINUTE) && count.at(now) <= since(10 * MINUTE))
      }
    }),
  )
})
