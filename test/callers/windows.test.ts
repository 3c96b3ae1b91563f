import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Calendar, dayOf, monthOf } from '../../src/callers/windows.ts'

const SCRIPT = fileURLToPath(import.meta.resolve('./support/windows-in-zone.ts'))
const TSX = process.versions.bun === undefined ? ['--import', 'tsx'] : []

interface Windows {
  /** Id and end. */
  readonly day: readonly [string, string]
  readonly month: readonly [string, string]
}

function windowsIn(zone: string, moments: readonly string[]): Windows[] {
  const env = { ...process.env, TZ: zone }
  return JSON.parse(execFileSync(process.execPath, [...TSX, SCRIPT, ...moments], { env, encoding: 'utf8' }))
}

const daysIn = (zone: string, moments: readonly string[]) => windowsIn(zone, moments).map(({ day }) => day)

describe('the day of a moment', () => {
  it('is the one of the zone, not of Greenwich', () => {
    const moments = ['2026-11-28T12:59:59.999Z', '2026-11-28T13:00:00.000Z']
    assert.deepEqual(daysIn('Australia/Brisbane', ['2026-11-28T13:59:59.999Z', '2026-11-28T14:00:00.000Z']), [
      ['2026-11-28', '2026-11-28T14:00:00.000Z'],
      ['2026-11-29', '2026-11-29T14:00:00.000Z'],
    ])
    assert.deepEqual(
      daysIn('Pacific/Kiritimati', moments).map(([id]) => id),
      ['2026-11-29', '2026-11-29'],
    )
  })

  it('has 23 hours in spring and 25 in autumn', () => {
    assert.deepEqual(daysIn('Europe/Berlin', ['2026-03-28T23:00:00Z', '2026-10-24T22:00:00Z']), [
      ['2026-03-29', '2026-03-29T22:00:00.000Z'],
      ['2026-10-25', '2026-10-25T23:00:00.000Z'],
    ])
  })

  it('begins where the clocks jump over midnight', () => {
    // At 0:00 of 2018-11-04 it was 1:00 in Sao Paulo.
    assert.deepEqual(daysIn('America/Sao_Paulo', ['2018-11-04T02:59:59.999Z', '2018-11-04T03:00:00.000Z']), [
      ['2018-11-03', '2018-11-04T03:00:00.000Z'],
      ['2018-11-04', '2018-11-05T02:00:00.000Z'],
    ])
    // Likewise in Beirut on 2024-03-31.
    assert.deepEqual(daysIn('Asia/Beirut', ['2024-03-30T21:59:59.999Z', '2024-03-30T22:00:00.000Z']), [
      ['2024-03-30', '2024-03-30T22:00:00.000Z'],
      ['2024-03-31', '2024-03-31T21:00:00.000Z'],
    ])
  })

  it('lasts an hour longer where the clocks go back at midnight', () => {
    // At 24:00 of 2018-02-17 it was 23:00 in Sao Paulo once more.
    assert.deepEqual(
      daysIn('America/Sao_Paulo', ['2018-02-18T01:59:59Z', '2018-02-18T02:30:00Z', '2018-02-18T03:00:00Z']),
      [
        ['2018-02-17', '2018-02-18T03:00:00.000Z'],
        ['2018-02-17', '2018-02-18T03:00:00.000Z'],
        ['2018-02-18', '2018-02-19T03:00:00.000Z'],
      ],
    )
  })

  it('begins once where midnight comes twice', () => {
    // At 1:00 of 2026-11-01 it was 0:00 in Havana once more.
    assert.deepEqual(
      daysIn('America/Havana', ['2026-11-01T03:59:59Z', '2026-11-01T04:00:00Z', '2026-11-01T05:30:00Z']),
      [
        ['2026-10-31', '2026-11-01T04:00:00.000Z'],
        ['2026-11-01', '2026-11-02T05:00:00.000Z'],
        ['2026-11-01', '2026-11-02T05:00:00.000Z'],
      ],
    )
  })

  it('never ends before the moment itself, where the clocks go back over midnight', () => {
    // At 0:01 of 2010-11-07 it was 23:01 of the day before in St. John's.
    assert.deepEqual(
      daysIn('America/St_Johns', ['2010-11-07T02:29:00Z', '2010-11-07T02:45:00Z', '2010-11-07T03:30:00Z']),
      [
        ['2010-11-06', '2010-11-07T02:30:00.000Z'],
        ['2010-11-06', '2010-11-07T03:30:00.000Z'],
        ['2010-11-07', '2010-11-08T03:30:00.000Z'],
      ],
    )
  })

  it('is followed by the day after the next where a day was left out', () => {
    assert.deepEqual(daysIn('Pacific/Apia', ['2011-12-30T09:59:59Z', '2011-12-30T10:00:00Z']), [
      ['2011-12-29', '2011-12-30T10:00:00.000Z'],
      ['2011-12-31', '2011-12-31T10:00:00.000Z'],
    ])
  })
})

describe('the month of a moment', () => {
  it('goes from the first to the first, over the end of the year and leap days', () => {
    const months = windowsIn('Europe/Berlin', [
      '2026-12-31T22:59:59Z',
      '2026-12-31T23:00:00Z',
      '2028-02-29T12:00:00Z',
    ])
    assert.deepEqual(
      months.map(({ month }) => month),
      [
        ['2026-12', '2026-12-31T23:00:00.000Z'],
        ['2027-01', '2027-01-31T23:00:00.000Z'],
        ['2028-02', '2028-02-29T23:00:00.000Z'],
      ],
    )
  })
})

describe('a calendar', () => {
  it('says what the functions say, whichever way the time goes', () => {
    const calendar = new Calendar()
    const start = new Date(2026, 10, 28, 12).getTime()
    for (const hours of [0, 5, 11.999, 12, 3, -13, 700, 701, -700, 0]) {
      const at = start + hours * 3_600_000
      assert.deepEqual(calendar.at('day', at), dayOf(at), `day, ${hours} h`)
      assert.deepEqual(calendar.at('month', at), monthOf(at), `month, ${hours} h`)
    }
  })
})
