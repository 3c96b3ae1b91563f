import type { Percentiles } from '../../admission/observer.ts'
import { plainText } from '../top/line.ts'
import { safeText } from '../top/safe-text.ts'
import { table } from '../top/table.ts'
import type { ReplayReport } from './report.ts'

/** Callers with a row. --json tells more of them. */
const MOST_CALLERS = 12

type RunReport = ReplayReport['runs'][number]

/** The report for a person: one column for each run. */
export function replayText(report: ReplayReport): string {
  const parts = [
    ...headOf(report),
    slotsOf(report),
    '',
    ...tableOf(report, ['', (run) => run.name], counts(report)),
    '',
    ...tableOf(report, ['wait, p50 / p95 / p99 in seconds', () => ''], waits(report)),
    ...moreCallers(report),
    '',
    ...assumptions(report),
  ]
  return `${parts.map((line) => safeText(line).trimEnd()).join('\n')}\n`
}

function headOf({ calls, callers, models, more_models, from, to, runs, left_out }: ReplayReport): string[] {
  const counted = [
    plural(calls, 'call'),
    plural(callers, 'caller'),
    plural(models.length + more_models, 'model'),
  ]
  const { notes, calls_without_a_line: apart, unreadable_lines: bad } = left_out
  const out = [
    notes > 0 ? `${plural(notes, 'line')} of the log ${notes === 1 ? 'is no call' : 'are no calls'}` : '',
    apart > 0 ? `${plural(apart, 'call')} took no slot or came to no line` : '',
    bad > 0 ? `${plural(bad, 'line')} cannot be read` : '',
  ].filter(Boolean)
  const set = runs.flatMap((run) => run.set)
  return [
    `${counted.join(', ')}, from ${from} to ${to}`,
    ...(out.length > 0 ? [`Left out: ${out.join('; ')}.`] : []),
    ...(set.length > 0 ? [`With --set: ${set.join(' ')}.`] : []),
  ]
}

function slotsOf({ runs }: ReplayReport): string {
  const words = {
    configuration: 'ollama_num_parallel',
    log: 'auto: as the log shows',
    memory: 'auto: by the memory of this machine',
  }
  const each = runs.map(
    ({ name, parallel, parallel_from }) => `${name} ${parallel} (${words[parallel_from]})`,
  )
  return `Slots of a model: ${each.join(', ')}`
}

type ReportRow = readonly [name: string, cell: (run: RunReport) => string]

function tableOf({ runs }: ReplayReport, title: ReportRow, rows: readonly ReportRow[]): string[] {
  const columns = runs.map((run) => ({
    title: title[1](run),
    rank: 0,
    align: 'right' as const,
    cell: ([, cell]: ReportRow) => cell(run),
  }))
  const lines = table<ReportRow>(
    [{ title: title[0], rank: 0, min: 34, cell: ([name]) => name }, ...columns],
    rows,
    Number.POSITIVE_INFINITY,
  )
  return lines.map(plainText)
}

function counts({ runs }: ReplayReport): ReportRow[] {
  const reasons = [...new Set(runs.flatMap(({ refused }) => Object.keys(refused)))]
  return [
    ['calls that got a slot', ({ ran }) => `${ran}`],
    ...reasons.map((reason): ReportRow => [`refused: ${reason}`, ({ refused }) => `${refused[reason] ?? 0}`]),
    ['clients that left the line', ({ gave_up }) => `${gave_up}`],
    ['no first byte in time', ({ cut_off }) => `${cut_off}`],
    ['loads', ({ loads }) => `${loads}`],
    ["Jain's index", ({ jain }) => (jain === null ? '-' : jain.toFixed(3))],
    ['share of slot time used', ({ busy }) => `${(100 * busy).toFixed(1)} %`],
  ]
}

function waits({ runs }: ReplayReport): ReportRow[] {
  const names = (of: (run: RunReport) => readonly { readonly name: string }[]) => [
    ...new Set(runs.flatMap((run) => of(run).map(({ name }) => name))),
  ]
  const row = (name: string, of: (run: RunReport) => Pick<RunReport, 'wait_ms'> | undefined): ReportRow => [
    name,
    (run) => spread(of(run)?.wait_ms ?? null),
  ]
  const called = (list: RunReport['classes'], wanted: string) => list.find(({ name }) => name === wanted)
  return [
    row('all', (run) => run),
    ...names(({ classes }) => classes).map((name) =>
      row(`class ${name}`, (run) => called(run.classes, name)),
    ),
    ...names(({ callers }) => callers)
      .slice(0, MOST_CALLERS)
      .map((name) => row(`caller ${name}`, (run) => called(run.callers, name))),
  ]
}

function moreCallers({ callers }: ReplayReport): string[] {
  return callers > MOST_CALLERS ? [`and ${plural(callers - MOST_CALLERS, 'more caller')}: see --json`] : []
}

function assumptions({ assumed, recorded, not_known }: ReplayReport): string[] {
  const {
    load_ms,
    loads_known,
    keep_alive_ms,
    together,
    one_at_a_time,
    jain_window_ms,
    trace_tokens_per_second: rates,
  } = assumed
  const loads = Object.entries(load_ms).map(([model, ms]) => `${model} ${seconds(ms)}`)
  const sets = together.map((models) => models.join(' and '))
  return [
    ...(recorded === null
      ? []
      : [
          `The log itself: waits ${spread(recorded.wait_ms)} s, ${recorded.ran} calls got a slot, ${plural(recorded.loads, 'load')}.`,
        ]),
    ...(rates === null
      ? []
      : [
          `Calls of a trace take ${rates.prompt} tokens of the prompt and ${rates.output} of the answer a second.`,
        ]),
    `Loads in seconds, ${loads_known ? 'as the log tells' : 'assumed'}: ${loads.join(', ')}; unloaded after ${seconds(keep_alive_ms)} s.`,
    `In memory together, as the log shows: ${sets.length === 0 ? 'no two models' : sets.join('; ')}.`,
    ...(one_at_a_time.length === 0
      ? []
      : [`One call at a time, as embeddings: ${one_at_a_time.join(', ')}.`]),
    `Jain's index: of callers of one class that stood in line for half of a window of ${seconds(jain_window_ms)} s; - where there were no two.`,
    'Replay cannot know, or assumes:',
    ...not_known.map((each) => `- ${each}`),
  ]
}

function spread(waits: Percentiles | null): string {
  return waits === null ? '-' : [waits.p50, waits.p95, waits.p99].map(seconds).join(' / ')
}

/** Without a unit. */
function seconds(ms: number): string {
  return (ms / 1_000).toFixed(ms < 99_950 ? 2 : 0)
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
