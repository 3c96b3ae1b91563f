import assert from 'node:assert/strict'
import { it } from 'node:test'
import { recommendParallel, recommendQueueBytes } from '../../src/config/recommend.ts'

const GIB = 2 ** 30
const MIB = 2 ** 20

it('recommends slots by available memory, one where it is unknown', () => {
  assert.equal(recommendParallel(64 * GIB), 4)
  assert.equal(recommendParallel(16 * GIB), 4)
  assert.equal(recommendParallel(16 * GIB - 1), 2)
  assert.equal(recommendParallel(8 * GIB), 2)
  assert.equal(recommendParallel(8 * GIB - 1), 1)
  assert.equal(recommendParallel(0), 1)
  assert.equal(recommendParallel(null), 1)
})

it('recommends an eighth of the memory for waiting bodies, within bounds and in whole MiB', () => {
  assert.equal(recommendQueueBytes(64 * GIB), 512 * MIB)
  assert.equal(recommendQueueBytes(2 * GIB + 12_345), 256 * MIB)
  assert.equal(recommendQueueBytes(100 * MIB), 64 * MIB)
  assert.equal(recommendQueueBytes(null), 64 * MIB)
})
