import { duration } from './figures.ts'
import { flow, span, type TextLine, type Tone } from './line.ts'
import type { Pages } from './pages.ts'
import { safeText } from './safe-text.ts'
import type { ShownTurns } from './shapes.ts'

/** More runners would take lines from the queue. The dashboard shows all. */
const MOST_RUNNERS = 4
/** The alert `loading` begins here. */
const MUCH_LOADING_PERCENT = 20

const TONES: Readonly<Record<string, Tone>> = { loading: 'warning', leaving: 'dim', loaded: 'good' }

/** Who has the machine, and who is next. Nothing where no turns are ordered. */
export function turnsLine({ stats, health }: Pages, width: number): TextLine[] {
  const turns = stats.data?.turns
  if (turns === undefined || turns.mode === 'off') return []
  if (turns.mode === 'unavailable')
    return [[span('no turns: Ollama does not tell what is loaded', 'warning')]]
  if (turns.loaded.length === 0 && turns.next === null) return []
  const { timestamp } = health.data
  const shown = turns.loaded.slice(0, MOST_RUNNERS)
  const items: TextLine[] = shown.map((runner, index) => [
    ...(index === 0 ? [span('in memory: ')] : []),
    span(`${nameOf(runner)} `, 'bold'),
    span(safeText(runner.state), TONES[runner.state]),
    span(ageOf(runner.since, timestamp)),
  ])
  if (shown.length === 0) items.push([span('in memory: nothing')])
  if (turns.loaded.length > shown.length) items.push([span(`+${turns.loaded.length - shown.length} more`)])
  if (turns.next !== null) {
    const waited = ageOf(turns.next.since, timestamp)
    const waits = waited === '' ? '' : `, waits${waited}`
    items.push([span('next: '), span(nameOf(turns.next), 'bold'), span(waits)])
  }
  return flow([...items, ...loadingItem(turns.loading_percent)], width)
}

function nameOf({ names, runner }: ShownTurns['loaded'][number] | NonNullable<ShownTurns['next']>): string {
  const [name = runner, ...others] = names
  return safeText(others.length === 0 ? name : `${name} +${others.length}`)
}

/** With a space in front. Empty where the times cannot be read. */
function ageOf(since: string, now: string | undefined): string {
  const ms = now === undefined ? Number.NaN : Date.parse(now) - Date.parse(since)
  return Number.isNaN(ms) ? '' : ` ${duration(Math.max(0, ms))}`
}

function loadingItem(percent: number | undefined): TextLine[] {
  if (percent === undefined || percent < 1) return []
  return [
    [
      span('loading '),
      span(`${percent.toFixed(0)} %`, percent >= MUCH_LOADING_PERCENT ? 'warning' : undefined),
    ],
  ]
}
