import { bar, count, duration, rate } from './figures.ts'
import { span, type TextLine, type TextSpan } from './line.ts'
import { type ModelRow, modelRows } from './model-rows.ts'
import { safeText } from './safe-text.ts'
import type { ShownModel } from './shapes.ts'
import { type Column, table } from './table.ts'

/** Terminal columns. From this width on, bars are longer and the medians stand beside the 95th percentiles. */
const WIDE_TERMINAL = 96

/** In front of a name that shares the slots of the row above. */
const SHARES = '└ '
/** Between the slots in force and the higher number that is configured. */
const FEWER_THAN = '↓'

export function modelTable(models: readonly ShownModel[], width: number): TextLine[] {
  return table(columns(width >= WIDE_TERMINAL), modelRows(models), width)
}

function name({ model: { model }, sharesAbove }: ModelRow): TextSpan {
  return span(`${sharesAbove ? SHARES : ''}${safeText(model)}`, 'bold')
}

/**
 * Slots taken, of the slots in force: `3/4`; `1+2/4` where other names of the runner have two of them; `2/2↓4` where
 * four are configured. A model in the cloud has no limit, unless an operator sets one.
 */
function slots({ model: { parallel_limit }, limit, own, others }: ModelRow, cells: number): TextSpan {
  const tone = own > 0 ? 'good' : undefined
  if (limit === null) return span(`${' '.repeat(cells)} ${own}`, tone)
  const taken = others > 0 ? `${own}+${others}` : String(own)
  const configured = parallel_limit !== null && limit < parallel_limit ? FEWER_THAN + parallel_limit : ''
  return span(
    `${bar(own, limit, cells, others)} ${taken}/${limit}${configured}`,
    own + others >= limit && limit > 0 ? 'warning' : tone,
  )
}

function state({ model: { paused, stuck } }: ModelRow): TextSpan | string {
  if (stuck) return span('stuck', 'critical')
  return paused ? span('paused', 'warning') : ''
}

/** Why there are fewer slots than configured, or no limit. The first text is for narrow terminals. */
const REASONS: Readonly<Record<string, readonly [string, string]>> = {
  measured: ['measured', 'Ollama runs fewer'],
  embedding: ['embedding', 'embedding: one at a time'],
  family: ['family', 'family: one at a time'],
  format: ['format', 'format: one at a time'],
  cloud: ['cloud', 'cloud, no limit'],
}

function reason({ model: { runner, limit_reason, parallel_limit }, limit }: ModelRow, wide: boolean): string {
  const isFewer = limit === null || (parallel_limit !== null && limit < parallel_limit)
  if (limit_reason === undefined || !isFewer) return runner === 'cloud' ? 'cloud' : ''
  const texts = Object.hasOwn(REASONS, limit_reason) ? REASONS[limit_reason] : undefined
  return texts?.[wide ? 1 : 0] ?? limit_reason
}

function columns(wide: boolean): Column<ModelRow>[] {
  const percentiles = ({ p50, p95 }: ShownModel['wait_time_ms']) =>
    wide ? `${duration(p50)}/${duration(p95)}` : duration(p95)
  const title = (name: string) => (wide ? `${name} P50/P95` : `${name} P95`)
  return [
    { title: 'MODEL', rank: 0, min: 10, shrinksTo: 12, cell: name },
    { title: 'STATE', rank: 0, cell: state },
    { title: 'SLOTS', rank: 0, cell: (row) => slots(row, wide ? 10 : 4) },
    { title: 'LIMIT', rank: 1, cell: (row) => reason(row, wide) },
    { title: 'LINE', rank: 0, align: 'right', min: 5, cell: line },
    {
      title: title('WAIT'),
      rank: 1,
      align: 'right',
      cell: ({ model }) => percentiles(model.wait_time_ms),
    },
    {
      title: title('RUN'),
      rank: 4,
      align: 'right',
      cell: ({ model }) => percentiles(model.processing_time_ms),
    },
    {
      title: 'TOK/S',
      rank: 3,
      align: 'right',
      min: 6,
      cell: ({ model }) => rate(model.window?.tokens_per_second),
    },
    { title: 'REFUSED', rank: 2, align: 'right', cell: refused },
    { title: 'TIMED OUT', rank: 5, align: 'right', cell: ({ model }) => count(model.total_timed_out) },
  ]
}

/** Waiting calls, of the places in line: `1+2/512` where other names of the runner have two of them. */
function line({ model: { queued_requests: queued, queue_limit: limit }, othersQueued }: ModelRow): TextSpan {
  const waiting = queued + othersQueued
  const tone = waiting === 0 ? undefined : waiting >= limit * 0.8 ? 'critical' : 'warning'
  return span(`${othersQueued > 0 ? `${queued}+${othersQueued}` : queued}/${limit}`, tone)
}

function refused({ model: { total_rejected, window } }: ModelRow): TextSpan {
  return span(count(total_rejected), (window?.rejection_rate_percent ?? 0) > 0 ? 'critical' : undefined)
}
