import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bar, bytes, count, duration, rate } from '../../../src/cli/top/figures.ts'

it('writes times short, in the unit that fits', () => {
  const written: [number | null, string][] = [
    [0, '0ms'],
    [999.4, '999ms'],
    [999.6, '1.0s'],
    [1_234, '1.2s'],
    [9_949, '9.9s'],
    [9_951, '10s'],
    [59_499, '59s'],
    [59_501, '1m00s'],
    [185_000, '3m05s'],
    [7_980_000, '2h13m'],
    [363_600_000, '4d5h'],
    [null, '-'],
  ]
  for (const [ms, text] of written) assert.equal(duration(ms), text)
})

it('writes counts, rates and sizes short', () => {
  assert.deepEqual([0, 9_999, 12_345, 999_949, 4_500_000, null].map(count), [
    '0',
    '9999',
    '12.3k',
    '999.9k',
    '4.5M',
    '-',
  ])
  assert.deepEqual([0, 0.25, 9.96, 87.5, undefined].map(rate), ['0', '0.3', '10.0', '88', '-'])
  assert.deepEqual([512, 10_240, 3 * 2 ** 20, 2 ** 31].map(bytes), ['512B', '10.0K', '3.0M', '2.0G'])
})

it('draws a bar that is empty only for nothing and full only for all', () => {
  assert.equal(bar(0, 4, 4), '░░░░')
  assert.equal(bar(1, 100, 4), '█░░░')
  assert.equal(bar(2, 4, 4), '██░░')
  assert.equal(bar(99, 100, 4), '███░')
  assert.equal(bar(4, 4, 4), '████')
  assert.equal(bar(6, 4, 4), '████')
})

it('draws the part of others in another pattern', () => {
  assert.equal(bar(1, 4, 4, 2), '█▒▒░')
  assert.equal(bar(0, 4, 4, 4), '▒▒▒▒')
  assert.equal(bar(1, 100, 4, 99), '█▒▒▒')
  assert.equal(bar(1, 100, 4, 1), '█░░░')
  assert.equal(bar(3, 2, 4, 3), '██▒▒')
})
