import assert from 'node:assert/strict'
import test from 'node:test'
import type { Outcome } from '../../src/admission/observer.ts'
import type { RefusalCode } from '../../src/admission/refusal.ts'
import { type LaneStats, Stats } from '../../src/telemetry/stats.ts'
import { ManualClock } from '../support/manual-clock.ts'

const counters = (lane: LaneStats) => {
  const { processed, rejected, timedOut, cancelled, failed } = lane.figures()
  return { processed, rejected, timedOut, cancelled, failed }
}
const NONE = { processed: 0, rejected: 0, timedOut: 0, cancelled: 0, failed: 0 }

const aLane = (clock = new ManualClock()) => new Stats(clock).lane()

const OUTCOMES: [Outcome, Partial<typeof NONE>][] = [
  ['done', { processed: 1 }],
  ['failed', { failed: 1 }],
  ['cancelled', { cancelled: 1 }],
  ['timed_out', { timedOut: 1 }],
]
for (const [outcome, expected] of OUTCOMES) {
  test(`a call that ran and ended as ${outcome} counts once, and its time with it`, () => {
    const lane = aLane()
    lane.granted(10)
    assert.deepEqual(counters(lane), NONE)
    lane.released(outcome, 30)
    assert.deepEqual(counters(lane), { ...NONE, ...expected })
    assert.equal(lane.figures().averageProcessingMs, 30)
  })
}

const REFUSALS: [RefusalCode, Partial<typeof NONE>][] = [
  ['queue_full', { rejected: 1 }],
  ['shutting_down', { rejected: 1 }],
  ['timeout', { timedOut: 1 }],
  ['cancelled', { cancelled: 1 }],
]
for (const [code, expected] of REFUSALS) {
  test(`a call refused on arrival with ${code} counts once and waited for nothing`, () => {
    const lane = aLane()
    lane.granted(40)
    lane.refused(code)
    assert.deepEqual(counters(lane), { ...NONE, ...expected })
    assert.equal(lane.figures().averageWaitMs, 40)
  })

  test(`a call that left the line with ${code} counts once, its wait included`, () => {
    const lane = aLane()
    lane.queued()
    lane.granted(40)
    lane.left(code, 20)
    assert.deepEqual(counters(lane), { ...NONE, ...expected })
    assert.equal(lane.figures().averageWaitMs, 30)
    assert.equal(lane.figures().averageProcessingMs, 0)
  })
}

test('averages are 0 before anything happened', () => {
  const figures = aLane().figures()
  assert.equal(figures.averageWaitMs, 0)
  assert.equal(figures.averageProcessingMs, 0)
  assert.deepEqual(figures.waitMs, { p50: 0, p95: 0, p99: 0 })
})

test('percentiles keep waiting and running apart', () => {
  const lane = aLane()
  for (let i = 1; i <= 100; i++) {
    lane.granted(0)
    lane.released('done', i <= 90 ? 0.1 : 0.5)
  }
  assert.deepEqual(lane.figures().waitMs, { p50: 0, p95: 0, p99: 0 })
  assert.deepEqual(lane.figures().processingMs, { p50: 0.1, p95: 0.5, p99: 0.5 })
})

test('reset zeroes everything, the time it counts for included', () => {
  const clock = new ManualClock()
  clock.advance(5_000)
  const lane = aLane(clock)
  for (const [outcome] of OUTCOMES) {
    lane.granted(5)
    lane.released(outcome, 7)
  }
  lane.refused('queue_full')
  clock.advance(1_500)
  assert.equal(lane.figures().countedForMs, 1_500)
  lane.reset()
  assert.deepEqual(lane.figures(), aLane().figures())
})

test('lanes count apart', () => {
  const stats = new Stats(new ManualClock())
  const [one, other] = [stats.lane(), stats.lane()]
  one.refused('queue_full')
  assert.deepEqual(counters(other), NONE)
})

const NOTHING = {
  waited: 0,
  waitedMs: 0,
  turnedAway: 0,
  refused: 0,
  done: 0,
  waitMs: null,
  processingMs: null,
}

test('a cut tells what happened since the one before', () => {
  const lane = aLane()
  assert.deepEqual(lane.takeInterval(), NOTHING)
  lane.granted(0.5)
  lane.left('timeout', 0.1)
  lane.refused('queue_full')
  lane.refused('timeout')
  lane.released('done', 0.4)
  assert.deepEqual(lane.takeInterval(), {
    waited: 2,
    waitedMs: 0.6,
    turnedAway: 2,
    refused: 1,
    done: 1,
    waitMs: { p50: 0.1, p95: 0.5 },
    processingMs: { p50: 0.4, p95: 0.4 },
  })
  lane.granted(0.2)
  lane.released('failed', 0.3)
  const { waited, done, refused, processingMs } = lane.takeInterval()
  assert.deepEqual([waited, done, refused, processingMs], [1, 0, 0, { p50: 0.3, p95: 0.3 }])
  assert.deepEqual(lane.takeInterval(), NOTHING)
})

test('a lane is untouched until something is counted, and again after a cut or a reset', () => {
  const lane = aLane()
  const events = [
    () => lane.granted(0),
    () => lane.left('cancelled', 1),
    () => lane.refused('queue_full'),
    () => lane.released('failed', 1),
  ]
  assert.equal(lane.untouched, true)
  for (const event of events) {
    event()
    assert.equal(lane.untouched, false)
    lane.takeInterval()
    assert.equal(lane.untouched, true)
    event()
    lane.reset()
    assert.equal(lane.untouched, true)
  }
})

test('after a reset an interval begins at zero, however much was counted before', () => {
  const lane = aLane()
  for (let i = 0; i < 10; i++) lane.granted(5)
  lane.takeInterval()
  lane.granted(5)
  lane.reset()
  assert.deepEqual(lane.takeInterval(), NOTHING)
  for (let i = 0; i < 20; i++) lane.granted(1)
  assert.deepEqual([lane.untouched, lane.takeInterval().waited], [false, 20])
})

test('calls that come while the proxy closes count as rejected, not as turned away', () => {
  const lane = aLane()
  lane.refused('shutting_down')
  assert.deepEqual(lane.takeInterval(), NOTHING)
  assert.equal(lane.figures().rejected, 1)
})
