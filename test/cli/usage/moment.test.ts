import assert from 'node:assert/strict'
import { it } from 'node:test'
import { momentOf } from '../../../src/cli/usage/moment.ts'

const NOW = new Date(2026, 10, 28, 12).getTime()
const HOUR = 3_600_000

it('a moment is so many hours or days ago', () => {
  assert.equal(momentOf('24h', 'start', NOW), NOW - 24 * HOUR)
  assert.equal(momentOf('7d', 'end', NOW), NOW - 7 * 24 * HOUR)
  assert.equal(momentOf('0h', 'end', NOW), NOW)
})

it('a date is the start or the end of the local day', () => {
  assert.equal(momentOf('2026-11-01', 'start', NOW), new Date(2026, 10, 1).getTime())
  assert.equal(momentOf('2026-11-30', 'end', NOW), new Date(2026, 11, 1).getTime())
})

it('no other text is a moment, and no day that the calendar does not have', () => {
  for (const text of [
    '',
    '7',
    'd',
    '-1d',
    '7w',
    '1.5h',
    ' 7d',
    '2026-11',
    '2026-02-30',
    '2026-13-01',
    '2026-11-01T00:00',
  ])
    assert.equal(momentOf(text, 'start', NOW), undefined, text)
})
