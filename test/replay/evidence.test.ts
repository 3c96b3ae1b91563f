import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { evidenceIn } from '../../src/replay/evidence.ts'
import type { RecordedCall } from '../../src/replay/recording.ts'
import { loadMsOf } from '../../src/replay/settings.ts'
import { aCall, recordingOf } from './support/calls.ts'

const told = (calls: readonly RecordedCall[]) => evidenceIn(recordingOf(calls))

/** A burst that so many slots have served, one second a call. */
const served = (slots: number, count: number, parts: Partial<RecordedCall> = {}) =>
  Array.from({ length: count }, (_, index) =>
    aCall({ at: index, waitMs: Math.max(0, 1_000 * Math.floor(index / slots) - (index % slots)), ...parts }),
  )

describe('what a log tells', () => {
  it('is the number of slots, where calls waited for them', () => {
    assert.equal(told(served(3, 30)).parallel, 3)
    assert.equal(told(served(30, 30)).parallel, undefined)
  })

  it('is the number of slots, also where a body took its time to come', () => {
    // The grant seems 40 ms earlier than it was, so that calls seem to overlap.
    const early = served(3, 300).map((call) => ({
      ...call,
      waitMs: Math.max(0, call.waitMs - 40),
      heldMs: 1_040,
    }))
    assert.equal(told(early).parallel, 3)
  })

  it('is the load of each model, once for all calls that waited for one load', () => {
    const calls = [
      aCall({ loadMs: 4_000 }),
      aCall({ at: 1_000, loadMs: 3_000 }),
      aCall({ at: 60_000, loadMs: 2_000 }),
      aCall({ at: 90_000, loadMs: 3_000 }),
      aCall({ at: 91_000, model: 'b', loadMs: 0 }),
    ]
    const evidence = told(calls)
    assert.equal(evidence.loads, 3)
    assert.equal(loadMsOf('llama2', evidence), 3_000)
    // A model without a load of its own takes as long as the others.
    assert.equal(loadMsOf('b', evidence), 3_000)
    assert.equal(loadMsOf('b', told([aCall({ loadMs: 0 })])), 5_000)
  })

  it('is which models were in memory together', () => {
    const calls = [
      aCall({ model: 'a' }),
      aCall({ at: 2_000, model: 'b', loadMs: 900 }),
      aCall({ at: 6_000, model: 'a' }),
      aCall({ at: 9_000, model: 'b' }),
      aCall({ at: 20_000, model: 'c', loadMs: 900 }),
      aCall({ at: 30_000, model: 'a', loadMs: 900 }),
    ]
    assert.deepEqual(told(calls).together, [['a', 'b']])
    assert.deepEqual(told(calls).loadedFirst, ['a'])
  })

  it('is nothing of two models whose calls tell of no load', () => {
    const calls = [aCall({ model: 'a', loadMs: 0 }), aCall({ at: 2_000, model: 'b', loadMs: 0 })]
    assert.deepEqual(told(calls).together, [])
  })

  it('is which models make embeddings alone', () => {
    const calls = [aCall({ model: 'e', embeds: true }), aCall({ embeds: true }), aCall()]
    assert.deepEqual([...told(calls).embeddings], ['e'])
  })
})
