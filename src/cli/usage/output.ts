import { plainText } from '../top/line.ts'
import { safeJson, safeText } from '../top/safe-text.ts'
import { table } from '../top/table.ts'
import type { UsageGroup, UsageRow, UsageSum } from './tally.ts'

export interface UsageReport {
  readonly by: UsageGroup
  /** Milliseconds since 1970; infinite where no edge was asked for. */
  readonly since: number
  readonly until: number
  /** How many files there are for this time. */
  readonly files: number
  readonly rows: readonly UsageRow[]
  readonly total: UsageSum
  /** Lines of the files that are not counted. */
  readonly unreadable: number
}

/** For a person: a row each, and the sum. */
export function usageTable({ by, rows, total }: UsageReport): string {
  const shown = [...rows, { ...total, name: 'total' }]
  const figure = (title: string, text: (row: UsageSum) => string) =>
    ({ title, rank: 0, align: 'right', cell: text }) as const
  const lines = table<UsageRow>(
    [
      { title: by.toUpperCase(), rank: 0, cell: ({ name }) => name || '-' },
      figure('CALLS', ({ calls }) => `${calls}`),
      figure('SLOT-SECONDS', slotSeconds),
      figure('TOKENS IN', ({ tokensIn }) => `${tokensIn}`),
      figure('TOKENS OUT', ({ tokensOut }) => `${tokensOut}`),
    ],
    shown,
    Number.POSITIVE_INFINITY,
  )
  return lines.map((line) => `${plainText(line).trimEnd()}\n`).join('')
}

/** For a spreadsheet (RFC 4180), without a row for the sum: a spreadsheet would add that row once more. */
export function usageCsv({ by, rows }: UsageReport): string {
  const lines = rows.map((row) => [
    csvName(row.name ?? ''),
    row.calls,
    slotSeconds(row),
    row.tokensIn,
    row.tokensOut,
  ])
  const title = [by, 'calls', 'slot_seconds', 'tokens_in', 'tokens_out']
  return [title, ...lines].map((cells) => `${cells.join(',')}\r\n`).join('')
}

/** For a program. */
export function usageJson({ by, since, until, rows, total, unreadable }: UsageReport): string {
  const report = {
    by,
    since: isoOf(since),
    until: isoOf(until),
    rows: rows.map((row) => ({ [by]: row.name, ...figuresOf(row) })),
    total: figuresOf(total),
    unreadable_lines: unreadable,
  }
  return `${safeJson(report)}\n`
}

function figuresOf({ calls, slotMs, tokensIn, tokensOut }: UsageSum) {
  return { calls, slot_seconds: Math.round(slotMs) / 1_000, tokens_in: tokensIn, tokens_out: tokensOut }
}

function slotSeconds({ slotMs }: UsageSum): string {
  return (slotMs / 1_000).toFixed(1)
}

function isoOf(at: number): string | null {
  return Number.isFinite(at) ? new Date(at).toISOString() : null
}

/** What a spreadsheet takes for the start of a formula, also in the wide letters of East Asia. */
const FORMULA = /^[=+\-@\uff1d\uff0b\uff0d\uff20]/u

/** A client chooses the name of a model. The apostrophe makes a spreadsheet take a formula for text. */
function csvName(name: string): string {
  const safe = safeText(name)
  const text = FORMULA.test(safe) ? `'${safe}` : safe
  return /[",']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
