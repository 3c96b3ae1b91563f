import { bytes, count, duration } from './figures.ts'
import { span, type TextLine } from './line.ts'
import { safeText } from './safe-text.ts'
import type { ShownCall } from './shapes.ts'
import { type Column, table } from './table.ts'

export function callTable(calls: readonly ShownCall[], width: number): TextLine[] {
  return table(COLUMNS, calls, width)
}

const COLUMNS: readonly Column<ShownCall>[] = [
  { title: 'CALL', rank: 0, min: 8, shrinksTo: 8, cell: ({ id }) => id },
  { title: 'MODEL', rank: 0, min: 10, shrinksTo: 8, cell: ({ model }) => model ?? '-' },
  { title: 'CALLER', rank: 4, shrinksTo: 14, cell: callerOf },
  { title: 'CLASS', rank: 6, cell: classOf },
  { title: 'CLIENT', rank: 5, shrinksTo: 9, cell: ({ client }) => client ?? '-' },
  { title: 'PATH', rank: 10, shrinksTo: 9, cell: ({ path }) => span(safeText(path), 'dim') },
  {
    title: 'STATE',
    rank: 0,
    min: 7,
    cell: ({ state }) =>
      span(safeText(state), state === 'running' ? 'good' : state === 'waiting' ? 'warning' : undefined),
  },
  { title: 'FOR', rank: 3, cell: ({ waiting_for }) => span(safeText(waiting_for ?? ''), 'dim') },
  { title: 'POS', rank: 2, align: 'right', min: 3, cell: ({ position }) => String(position ?? '') },
  { title: 'WAITED', rank: 1, align: 'right', cell: ({ waited_ms }) => duration(waited_ms) },
  {
    title: 'STARTS IN',
    rank: 9,
    align: 'right',
    cell: ({ estimated_start_ms }) => durationOrBlank(estimated_start_ms),
  },
  { title: 'RUNNING', rank: 1, align: 'right', cell: ({ running_ms }) => durationOrBlank(running_ms) },
  { title: 'IN', rank: 8, align: 'right', min: 5, cell: ({ bytes_in }) => bytes(bytes_in) },
  { title: 'OUT', rank: 7, align: 'right', min: 5, cell: ({ bytes_out }) => bytes(bytes_out) },
  {
    title: 'TOKENS',
    rank: 2,
    align: 'right',
    cell: ({ state, tokens_out }) => (state === 'running' ? count(tokens_out) : ''),
  },
]

/** With the person behind a key. Blank where the caller is the address of the client, and on an older proxy. */
function callerOf({ caller, user, client }: ShownCall): string {
  if (caller === undefined || caller === client) return ''
  return user === undefined || user === null ? caller : `${caller}/${user}`
}

/** Blank for a call of the class that most calls have, and on an older proxy. */
function classOf({ class: of }: ShownCall): string {
  return of === undefined || of === 'normal' ? '' : of
}

function durationOrBlank(ms: number | null): string {
  return ms === null ? '' : duration(ms)
}
