import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aCall, aLane, arriveAt, OLLAMA, permitOf, ticketOf } from './support/builders.ts'

test('a call in line waits for a slot, or for the end of a pause', () => {
  const { lane } = aLane()
  permitOf(arriveAt(lane, aCall(), 0))
  ticketOf(arriveAt(lane, aCall(), 0))
  assert.equal(lane.waitingFor(), 'slot')
  lane.pause(true, 1)
  assert.equal(lane.waitingFor(), 'paused')
})

test('the time to the start of a call is known after eight calls, and not during a pause', () => {
  const { lane } = aLane({ parallel: 2 })
  for (let call = 0; call < 8; call++) {
    assert.equal(lane.startsInMs(0), undefined)
    permitOf(arriveAt(lane, aCall(), call * 100)).release('done', call * 100 + 100)
  }
  assert.deepEqual([lane.startsInMs(0), lane.startsInMs(3)], [50, 200])
  lane.pause(true, 1_000)
  assert.equal(lane.startsInMs(0), undefined)
})

test('without turns, nobody claims to know what is loaded', () => {
  const clock = new ManualClock()
  const defaults = { parallel: 1, queue: 1 }
  const { turns } = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: OLLAMA,
    defaults,
    maxWaitingBytes: 1,
  })
  assert.equal(turns.mode, 'off')
  assert.deepEqual([turns.runners(), turns.next(0), turns.together(), turns.apart()], [[], undefined, [], []])
})
