import assert from 'node:assert/strict'
import test from 'node:test'
import type { LaneView } from '../../src/admission/contract.ts'
import { hundredths, snapshotOf, takeSnapshot, takeTotals } from '../../src/telemetry/snapshot.ts'
import { LaneStats } from '../../src/telemetry/stats.ts'
import { ManualClock } from '../support/manual-clock.ts'

const clock = new ManualClock()
/** A model that shares its lane with no other. */
const model = (name: string, active: number, queued: number) => ({
  model: name,
  active,
  queued,
  observer: new LaneStats(clock),
  waiting: () => [],
  lane: {
    runner: name,
    names: [name],
    limits: { parallel: 2, queue: 3 },
    effective: { parallel: 2, reason: 'configured' } as const,
    runsFewer: undefined,
    active,
    queued,
    paused: false,
    stuck: false,
    waiting: () => [],
    waitingFor: () => 'slot' as const,
    startsInMs: () => undefined,
  } satisfies LaneView,
})
const anAdmission = (...models: ReturnType<typeof model>[]) => ({
  defaults: { parallel: 2, queue: 3 },
  models: () => models,
})

const NO_TURN = { loaded: null, turn: 'none' }

test('what is free never falls below zero, even after a limit was lowered', () => {
  const { models } = takeSnapshot(anAdmission(model('a', 5, 9), model('b', 1, 1)), (view) =>
    snapshotOf(view, NO_TURN),
  )
  assert.deepEqual([models.a?.available_slots, models.a?.queue_available], [0, 0])
  assert.deepEqual([models.b?.available_slots, models.b?.queue_available], [1, 2])
})

test('figures are rounded to hundredths', () => {
  const busy = model('a', 0, 0)
  busy.observer.granted(10)
  busy.observer.granted(0)
  busy.observer.granted(0.001)
  busy.observer.released('done', 2 / 3)
  const { a } = takeSnapshot(anAdmission(busy), (view) => snapshotOf(view, NO_TURN)).models
  assert.equal(a?.avg_wait_time_ms, 3.33)
  assert.equal(a?.avg_processing_time_ms, 0.67)
  assert.equal(hundredths(2_345.674_9), 2_345.67)
})

test('totals add the models up', () => {
  assert.deepEqual(takeTotals(anAdmission(model('a', 2, 3), model('b', 1, 0), model('c', 0, 0))), {
    default_parallel: 2,
    default_queue_limit: 3,
    total_models: 3,
    active_requests: 3,
    queued_requests: 3,
  })
})
