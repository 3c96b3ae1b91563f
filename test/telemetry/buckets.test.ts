import assert from 'node:assert/strict'
import test from 'node:test'
import { Buckets } from '../../src/telemetry/buckets.ts'

test('a figure counts for its own bound and for every longer one', () => {
  const buckets = new Buckets([1, 2, 5])
  for (const figure of [0, 1, 1.5, 5, 7]) buckets.record(figure)
  assert.deepEqual(buckets.cumulative(), [2, 3, 4, 5])
  assert.deepEqual([buckets.total, buckets.sum], [5, 14.5])
})

test('nothing recorded is all zero', () => {
  const buckets = new Buckets([1, 2])
  assert.deepEqual([buckets.cumulative(), buckets.total, buckets.sum], [[0, 0, 0], 0, 0])
})
