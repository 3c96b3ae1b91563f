import assert from 'node:assert/strict'
import test from 'node:test'
import { stagesOf } from '../../src/tracing/stages.ts'
import { aCall } from './support.ts'

const unanswered = { firstByteMs: null, sentMs: null } as const

test('an answered call waited right before it was sent', () => {
  assert.deepEqual(stagesOf(aCall()), { queue: { from: 10, to: 50 }, upstream: { from: 50, to: 300 } })
})

test('a call that got its slot at once did not wait', () => {
  const stages = stagesOf(aCall({ waitMs: 0, sentMs: 1 }))
  assert.deepEqual(stages, { upstream: { from: 1, to: 300 } })
})

test('a call that left the line was never sent', () => {
  for (const reason of ['timeout', 'cancelled', 'shutting_down'] as const) {
    const outcome = reason === 'timeout' ? 'timed_out' : reason === 'cancelled' ? reason : 'refused'
    const stages = stagesOf(aCall({ ...unanswered, outcome, reason, waitMs: 290 }))
    assert.deepEqual(stages, { queue: { from: 10, to: 300 } }, reason)
  }
})

test('a full line refuses a call at its door', () => {
  const refused = aCall({ ...unanswered, outcome: 'refused', reason: 'queue_full', waitMs: 0.1, totalMs: 9 })
  assert.deepEqual(stagesOf(refused), {})
})

test('a call that Ollama gave no answer was at Ollama all the same', () => {
  assert.deepEqual(stagesOf(aCall({ firstByteMs: null, outcome: 'failed', status: 502 })), {
    queue: { from: 10, to: 50 },
    upstream: { from: 50, to: 300 },
  })
})

test('a call whose body never came was never sent', () => {
  const late = aCall({ ...unanswered, outcome: 'timed_out', status: 504, model: null, waitMs: 0 })
  assert.deepEqual(stagesOf(late), {})
})

test('what an operator ended in line shows its wait alone', () => {
  const ended = aCall({ ...unanswered, outcome: 'cancelled', reason: 'cancelled', status: 499, waitMs: 290 })
  assert.deepEqual(stagesOf(ended), { queue: { from: 10, to: 300 } })
})
