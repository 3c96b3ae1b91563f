import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UsageRecord } from '../../../src/callers/usage-lines.ts'
import { type UsageReport, usageCsv, usageJson, usageTable } from '../../../src/cli/usage/output.ts'
import { type UsageGroup, UsageTally } from '../../../src/cli/usage/tally.ts'
import { aRecord } from '../../callers/support/usage-builders.ts'

function report(by: UsageGroup, ...records: readonly Partial<UsageRecord>[]): UsageReport {
  const tally = new UsageTally(by)
  for (const record of records) tally.add(aRecord(record))
  const edges = { since: Date.UTC(2026, 10, 1), until: Number.POSITIVE_INFINITY }
  return { by, ...edges, files: 1, rows: tally.rows(), total: tally.total, unreadable: 0 }
}

const names = ({ rows }: UsageReport) => rows.map(({ name }) => name)

describe('a tally', () => {
  it('has the most slot-seconds first, days in their order', () => {
    const day = (date: number) => new Date(2026, 10, date, 12).getTime()
    const records = [
      { caller: 'bob', slotMs: 1, at: day(9), user: 'u', model: null },
      { caller: 'alice', slotMs: 5, at: day(10), model: 'a' },
      { caller: 'bob', slotMs: 6, at: day(8), model: 'a' },
    ]
    assert.deepEqual(names(report('caller', ...records)), ['bob', 'alice'])
    assert.deepEqual(names(report('user', ...records)), [null, 'u'])
    assert.deepEqual(names(report('model', ...records)), ['a', null])
    assert.deepEqual(names(report('day', ...records)), ['2026-11-08', '2026-11-09', '2026-11-10'])
  })

  it('adds up what was told, and counts a call of which Ollama told nothing', () => {
    const { rows, total } = report('caller', {}, { tokensIn: null, tokensOut: null }, { caller: 'bob' })
    const alice = { calls: 2, slotMs: 2_469, tokensIn: 10, tokensOut: 20 }
    assert.deepEqual(rows[0], { name: 'alice', ...alice })
    assert.deepEqual(total, { calls: 3, slotMs: 3_703.5, tokensIn: 20, tokensOut: 40 })
  })

  it('has 10000 rows, and one for all other names', () => {
    const records = Array.from({ length: 10_500 }, (_, index) => ({ caller: `192.0.2.${index}`, slotMs: 1 }))
    const { rows, total } = report('caller', ...records, ...records)
    assert.equal(rows.length, 10_001)
    assert.equal(rows.find(({ name }) => name === '(others)')?.calls, 1_000)
    assert.equal(total.calls, 21_000)
    assert.ok(usageTable(report('caller', ...records)).includes('(others)'))
  })
})

describe('the table', () => {
  it('has a row each and the sum', () => {
    const table = usageTable(report('user', { user: 'Jürgen' }, { slotMs: 65_000, tokensOut: 123_456_789 }))
    assert.equal(
      table,
      [
        'USER    CALLS  SLOT-SECONDS  TOKENS IN  TOKENS OUT',
        '-           1          65.0         10   123456789',
        'Jürgen      1           1.2         10          20',
        'total       2          66.2         20   123456809',
        '',
      ].join('\n'),
    )
  })

  it('shows no character that controls a terminal', () => {
    assert.match(usageTable(report('model', { model: '\x1b[2Jevil\n' })), /^\?\[2Jevil\? /m)
  })
})

describe('CSV', () => {
  it('ends lines with CR LF and has no sum', () => {
    const csv = usageCsv(report('caller', {}, { caller: 'bob', slotMs: 0 }))
    assert.equal(
      csv,
      'caller,calls,slot_seconds,tokens_in,tokens_out\r\nalice,1,1.2,10,20\r\nbob,1,0.0,10,20\r\n',
    )
  })

  for (const [name, cell] of [
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['＝1', `"'＝1"`],
    ['\t=1', '?=1'],
    ['=cmd|"/C calc"!A0,1', `"'=cmd|""/C calc""!A0,1"`],
    ['two\r\nlines', 'two??lines'],
    ['llama3.2', 'llama3.2'],
  ] as const)
    it(`writes ${JSON.stringify(name)} as ${cell}`, () => {
      assert.equal(usageCsv(report('model', { model: name })).split('\r\n')[1], `${cell},1,1.2,10,20`)
    })

  it('leaves the name of nobody empty', () => {
    assert.equal(usageCsv(report('user', {})).split('\r\n')[1], ',1,1.2,10,20')
  })
})

describe('JSON', () => {
  it('tells the time, the rows and the sum', () => {
    const figures = { calls: 1, slot_seconds: 1.235, tokens_in: 10, tokens_out: 20 }
    assert.deepEqual(JSON.parse(usageJson(report('user', {}))), {
      by: 'user',
      since: '2026-11-01T00:00:00.000Z',
      until: null,
      rows: [{ user: null, ...figures }],
      total: figures,
      unreadable_lines: 0,
    })
  })
})
