import { bar, count, duration } from './figures.ts'
import { span, type TextLine, type TextSpan, type Tone } from './line.ts'
import { safeText } from './safe-text.ts'
import type { ShownCaller } from './shapes.ts'
import { type Column, table } from './table.ts'

/** From this part of a budget on, the use is marked. */
const NEARLY_SPENT = 0.8
const BAR_CELLS = 6
const SHARE_CELLS = 10

/**
 * The callers with what they have used. Empty without keys as long as there is one caller alone: the header has the same
 * figures.
 */
export function callerTable(callers: readonly ShownCaller[], width: number): TextLine[] {
  if (callers.length < 2 && !callers.some(({ key }) => key)) return []
  return table(COLUMNS, callers, width)
}

const COLUMNS: readonly Column<ShownCaller>[] = [
  {
    title: 'CALLER',
    rank: 0,
    min: 10,
    shrinksTo: 12,
    cell: ({ caller, key }) => span(safeText(caller), key ? 'bold' : undefined),
  },
  { title: 'SHARE 5 MIN', rank: 1, cell: shareOf },
  {
    title: 'RUNNING',
    rank: 0,
    align: 'right',
    cell: ({ active, parallel_limit }) => ofLimit(active, parallel_limit, 'good'),
  },
  {
    title: 'WAITING',
    rank: 0,
    align: 'right',
    cell: ({ queued, queue_limit }) => ofLimit(queued, queue_limit, 'warning'),
  },
  {
    title: 'SLOT TIME TODAY',
    rank: 2,
    cell: ({ slot_seconds: { today, day_budget } }) => withBar(today, day_budget, slotTime),
  },
  {
    title: 'MONTH',
    rank: 4,
    cell: ({ slot_seconds: { month, month_budget } }) => againstBudget(month, month_budget, slotTime),
  },
  {
    title: 'TOKENS TODAY',
    rank: 3,
    cell: ({ tokens: { today, day_budget } }) => withBar(today, day_budget, count),
  },
  {
    title: 'MONTH',
    rank: 5,
    cell: ({ tokens: { month, month_budget } }) => againstBudget(month, month_budget, count),
  },
]

/** The part of all slot-time of the last five minutes. Blank on an older proxy. */
function shareOf({ share }: ShownCaller): TextSpan {
  if (share === undefined) return span('')
  return span(`${bar(share, 1, SHARE_CELLS)} ${String(Math.round(100 * share)).padStart(3)}%`)
}

/** `2/4`, and `2` without a limit. */
function ofLimit(value: number, limit: number | null, tone: Tone): TextSpan {
  if (limit === null) return span(count(value), value > 0 ? tone : undefined)
  const mark = value >= limit && value > 0 ? 'warning' : tone
  return span(`${count(value)}/${count(limit)}`, value > 0 ? mark : undefined)
}

function slotTime(seconds: number): string {
  return duration(seconds * 1_000)
}

/** What was used, of a budget with a bar. Blank for a caller whose use is not counted. */
function withBar(used: number | null, budget: number | null, show: (amount: number) => string): TextSpan {
  if (used === null) return span('')
  if (budget === null) return span(`${' '.repeat(BAR_CELLS)} ${show(used)}`)
  const { text, tone } = againstBudget(used, budget, show)
  return span(`${bar(used, budget, BAR_CELLS)} ${text}`, tone)
}

/** What was used of a budget. Blank without a budget. */
function againstBudget(
  used: number | null,
  budget: number | null,
  show: (amount: number) => string,
): TextSpan {
  if (used === null || budget === null) return span('')
  const tone = used >= budget ? 'critical' : used >= NEARLY_SPENT * budget ? 'warning' : undefined
  return span(`${show(used)}/${show(budget)}`, tone)
}
