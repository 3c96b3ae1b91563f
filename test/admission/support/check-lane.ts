import assert from 'node:assert/strict'
import type { Lane } from '../../../src/admission/lane.ts'
import type { Refusal } from '../../../src/admission/refusal.ts'
import { lineOf } from './builders.ts'
import type { LineModel } from './line-model.ts'
import type { Tally } from './recorder.ts'

/** What must be true of a lane after any step. */
export function checkLane(lane: Lane, line: LineModel, tally: Tally): void {
  assert.equal(lane.active, line.active)
  assert.equal(lane.queued, line.line.length)
  assert.equal([...lane.waiting()].length, lane.queued)
  assert.equal(lane.paused, line.paused)
  assert.ok(lane.queued === 0 || lane.active >= line.slots, 'a slot is free while somebody waits')
  assert.ok(
    lineOf(lane).nodes >= lane.queued && lineOf(lane).nodes <= 2 * lane.queued + 33,
    `${lineOf(lane).nodes} nodes`,
  )
  const tombstones = tally.leftCalls - line.expiredAtHandOver
  assert.ok(
    lineOf(lane).nodesMoved <= 2 * tombstones,
    `${lineOf(lane).nodesMoved} nodes moved for ${tombstones} departures`,
  )
  assert.equal(tally.grantedCalls, tally.releasedCalls + lane.active)
  assert.equal(tally.queuedCalls, tally.grantedCalls - line.arrivedGranted + tally.leftCalls + lane.queued)
}

/** What must be true of a refused arrival; returns its code, or `early` when it was refused on a prediction. */
export function checkRefusal({ code, facts }: Refusal, model: string): string {
  const { retryAfterMs = 0, estimatedWaitMs } = facts
  assert.equal(facts.model, model)
  assert.ok(retryAfterMs >= 1_000 && retryAfterMs <= 60_000, `told to return after ${retryAfterMs} ms`)
  if (estimatedWaitMs === undefined) return code
  assert.ok(code === 'queue_full' && estimatedWaitMs >= 0)
  return 'early'
}
