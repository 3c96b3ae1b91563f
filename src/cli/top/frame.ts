import { callTable } from './call-table.ts'
import { callerTable } from './caller-table.ts'
import { header } from './header.ts'
import { fit, flow, span, type TextLine, type Tone, wrap } from './line.ts'
import { modelTable } from './model-table.ts'
import type { Missing, Page, Pages } from './pages.ts'
import { safeText } from './safe-text.ts'
import type { ShownAlert } from './shapes.ts'
import { turnsLine } from './turns-line.ts'
import type { TopState } from './watch.ts'

/** More alerts would push the queue off the screen. The dashboard and /queue/alerts show all alerts. */
const MAX_ALERTS = 4
const INDENT = '  '
/** Rows that are kept for the live calls when there are many models: a blank line, column titles, a few calls. */
const ROWS_FOR_CALLS = 6

/** The whole screen: at most `height` lines of at most `width` cells each, text safe for a terminal. */
export function frame(state: TopState, width: number, height: number): TextLine[] {
  const lines = header(state, width)
  if (state.pages) {
    lines.push(...turnsLine(state.pages, width))
    lines.push(...alertLines(state.pages.alerts, width, Math.floor(height / 3)))
    lines.push([], ...modelLines(state.pages, width, Math.max(3, height - lines.length - 1 - ROWS_FOR_CALLS)))
    lines.push(...callerLines(state.pages, width, Math.floor((height - lines.length) / 3)))
    lines.push([], ...callLines(state.pages, width, Math.max(2, height - lines.length - 1)))
  }
  return lines.slice(0, height).map((line) => fit(line, width))
}

const ALERT_TONES: Readonly<Record<string, Tone>> = { critical: 'critical', warning: 'warning' }

/** Each alert, with advice below the alert while the advice fits into `room` lines. */
function alertLines(page: Pages['alerts'], width: number, room: number): TextLine[] {
  const alerts = page.data?.alerts ?? []
  const shown = alerts.slice(0, MAX_ALERTS)
  const more = moreLines(alerts.length - shown.length, 'alert')
  let spare = room - shown.length - more.length
  const lines = shown.flatMap((alert, index) => {
    // Neighbouring alerts often have the same advice: the advice is shown once, below the last of these alerts.
    const adviceLines = alert.action === shown[index + 1]?.action ? [] : advice(alert, width)
    const fits = adviceLines.length <= spare
    // Critical alerts come first. When advice does not fit, all alerts below go without advice too.
    spare = fits ? spare - adviceLines.length : 0
    const line = [span(`${safeText(alert.level)}: ${safeText(alert.message)}`, ALERT_TONES[alert.level])]
    return fits ? [line, ...adviceLines] : [line]
  })
  return [...lines, ...more]
}

function moreLines(count: number, noun: string): TextLine[] {
  return count > 0 ? [[span(`… and ${count} more ${noun}${count === 1 ? '' : 's'}`, 'dim')]] : []
}

function advice({ action }: ShownAlert, width: number): TextLine[] {
  return wrap(safeText(action), width - INDENT.length).map((text) => [span(INDENT + text, 'dim')])
}

function modelLines({ stats }: Pages, width: number, height: number): TextLine[] {
  if (stats.data === undefined) return absent('The models', '/queue/stats', stats, width)
  const models = Object.values(stats.data.models)
  if (models.length === 0) return [[span('No model has had a call yet.', 'dim')]]
  return shortened(modelTable(models, width), height, 'model')
}

/** A blank line and the callers, in at most `height` lines: the calls need the rest. */
function callerLines({ stats }: Pages, width: number, height: number): TextLine[] {
  const table = callerTable(stats.data?.callers ?? [], width)
  // A blank line, the column titles, and one caller.
  if (table.length === 0 || height < 3) return []
  return [[], ...shortened(table, height - 1, 'caller')]
}

function callLines({ requests, stats }: Pages, width: number, height: number): TextLine[] {
  const { data } = requests
  if (data === undefined) {
    // One setting switches off both pages. The line of the models already names the setting.
    if (stats.data === undefined && requests.missing === 'off') return []
    return absent('The live calls', '/queue/requests', requests, width)
  }
  if (data.total === 0) return [[span('No calls at the moment.', 'dim')]]
  const table = callTable(data.requests, width)
  return shortened(table, height, 'call', data.total - data.requests.length)
}

/** The first lines of a table and the number of hidden rows. `unlisted`: rows that the page does not contain. */
function shortened(table: readonly TextLine[], height: number, noun: string, unlisted = 0): TextLine[] {
  if (table.length <= height && unlisted === 0) return [...table]
  const shown = table.slice(0, Math.max(1, Math.min(table.length, height - 1)))
  return [...shown, ...moreLines(table.length - shown.length + unlisted, noun)]
}

const REASONS: Readonly<Record<Missing, string>> = {
  off: 'are switched off (enable_queue_stats: false)',
  unknown: 'are not shown: this proxy has no',
  closed: 'need a key that may view, in OLLAMA_API_KEY:',
  unreadable: 'are not shown: top cannot read the answer of this proxy at',
}

function absent(noun: string, path: string, page: Page<unknown>, width: number): TextLine[] {
  if (page.data !== undefined || !('missing' in page)) return []
  const reason = REASONS[page.missing]
  return flow([[span(`${noun} ${reason}${page.missing === 'off' ? '.' : ` ${path}.`}`, 'dim')]], width)
}
