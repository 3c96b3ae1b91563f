import { bar, count, duration, rate } from './figures.ts'
import { span, type TextLine, type TextSpan } from './line.ts'
import { safeText } from './safe-text.ts'
import type { ShownModel } from './shapes.ts'
import { type Column, table } from './table.ts'

/** Terminal columns. From this width on, bars are longer and the medians stand beside the 95th percentiles. */
const WIDE_TERMINAL = 96

/** Busy models first, then by name, so that the order seldom changes between two refreshes. */
export function busyFirst(models: readonly ShownModel[]): ShownModel[] {
  const busy = ({ active_requests, queued_requests }: ShownModel) => active_requests + queued_requests > 0
  return [...models].sort(
    (a, b) => Number(busy(b)) - Number(busy(a)) || (a.model < b.model ? -1 : a.model > b.model ? 1 : 0),
  )
}

export function modelTable(models: readonly ShownModel[], width: number): TextLine[] {
  return table(columns(width >= WIDE_TERMINAL), models, width)
}

/** Slots in use, of the slots in force. A model in the cloud has no limit, unless an operator sets one. */
function slots(
  { active_requests: active, parallel_limit, effective_limit }: ShownModel,
  cells: number,
): TextSpan {
  const limit = effective_limit === undefined ? parallel_limit : effective_limit
  const tone = active > 0 ? 'good' : undefined
  if (limit === null) return span(`${' '.repeat(cells)} ${active}`, tone)
  return span(
    `${bar(active, limit, cells)} ${active}/${limit}`,
    active >= limit && limit > 0 ? 'warning' : tone,
  )
}

function columns(wide: boolean): Column<ShownModel>[] {
  const percentiles = ({ p50, p95 }: ShownModel['wait_time_ms']) =>
    wide ? `${duration(p50)}/${duration(p95)}` : duration(p95)
  const title = (name: string) => (wide ? `${name} P50/P95` : `${name} P95`)
  return [
    { title: 'MODEL', rank: 0, min: 10, shrinksTo: 12, cell: ({ model }) => span(safeText(model), 'bold') },
    { title: 'STATE', rank: 0, cell: ({ paused }) => (paused ? span('paused', 'warning') : '') },
    {
      title: 'SLOTS',
      rank: 0,
      cell: (model) => slots(model, wide ? 10 : 4),
    },
    {
      title: 'LINE',
      rank: 0,
      align: 'right',
      min: 5,
      cell: ({ queued_requests: queued, queue_limit: limit }) =>
        span(`${queued}/${limit}`, queued === 0 ? undefined : queued >= limit * 0.8 ? 'critical' : 'warning'),
    },
    { title: title('WAIT'), rank: 1, align: 'right', cell: ({ wait_time_ms }) => percentiles(wait_time_ms) },
    {
      title: title('RUN'),
      rank: 4,
      align: 'right',
      cell: ({ processing_time_ms }) => percentiles(processing_time_ms),
    },
    {
      title: 'TOK/S',
      rank: 3,
      align: 'right',
      min: 6,
      cell: ({ window }) => rate(window?.tokens_per_second),
    },
    {
      title: 'REFUSED',
      rank: 2,
      align: 'right',
      cell: ({ total_rejected, window }) =>
        span(count(total_rejected), (window?.rejection_rate_percent ?? 0) > 0 ? 'critical' : undefined),
    },
    { title: 'TIMED OUT', rank: 5, align: 'right', cell: ({ total_timed_out }) => count(total_timed_out) },
  ]
}
