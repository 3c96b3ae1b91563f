import type { Percentiles } from '../../admission/observer.ts'
import type { Comparison } from '../../replay/compare.ts'
import { loadMsOf } from '../../replay/settings.ts'
import type { GroupFigures, NamedFigures, TallyFigures } from '../../replay/tally.ts'
import { hundredths } from '../../telemetry/snapshot.ts'
import { type ReadFiles, TRACE_RATES } from './read-files.ts'

/** Sets of models, and models with a load time, that are told. */
const MOST_TOLD = 100

/** What nobody can read from a log. */
const UNKNOWN = [
  'whether a refused client returns, and when',
  'what other clients of Ollama did',
  'what fits into memory together beyond what the log shows and turn.together says',
  'a call takes as long as it was recorded, whatever runs beside it',
  'a call that did not run then takes as long as another call of its model that did',
] as const

/** The report as the JSON object that --json prints. Times in milliseconds where a name ends in _ms. */
export type ReplayReport = ReturnType<typeof replayReport>

export function replayReport(
  files: readonly string[],
  { recording, notes, apart, bad, traced }: ReadFiles,
  { evidence, recorded, runs, windowMs }: Comparison,
  set: readonly string[],
) {
  const { length, firstAt, lastAt, callers, models } = recording
  return {
    files,
    calls: length,
    callers: callers.length,
    models: models.slice(0, MOST_TOLD),
    more_models: Math.max(0, models.length - MOST_TOLD),
    from: new Date(firstAt).toISOString(),
    to: new Date(lastAt).toISOString(),
    left_out: {
      notes,
      calls_without_a_line: apart,
      unreadable_lines: bad.reduce((sum, { count }) => sum + count, 0),
    },
    recorded: traced === length ? null : { ...tallyOf(recorded), loads: evidence.loads },
    runs: runs.map(({ figures, parallel, slotsFrom }, index) => ({
      name: index === 0 ? 'as configured' : 'with --set',
      set: index === 0 ? [] : set,
      parallel,
      parallel_from: slotsFrom,
      ...tallyOf(figures),
      loads: figures.loads,
      jain: figures.jain === null ? null : thousandths(figures.jain),
      busy: thousandths(figures.busy),
      span_ms: hundredths(figures.spanMs),
    })),
    assumed: {
      load_ms: Object.fromEntries(
        models
          .filter((model) => !evidence.missing.has(model))
          .slice(0, MOST_TOLD)
          .map((model) => [model, hundredths(loadMsOf(model, evidence))]),
      ),
      loads_known: evidence.loadMs.size > 0,
      keep_alive_ms: hundredths(evidence.keepAliveMs),
      together: evidence.together,
      one_at_a_time: [...evidence.embeddings].slice(0, MOST_TOLD),
      jain_window_ms: hundredths(windowMs),
      trace_tokens_per_second: traced > 0 ? TRACE_RATES : null,
    },
    not_known: UNKNOWN,
  }
}

function tallyOf(tally: TallyFigures) {
  return {
    ...figuresOf(tally),
    classes: tally.classes.map(named),
    callers: tally.callers.map(named),
    more_callers: tally.moreCallers,
  }
}

function named({ name, ...figures }: NamedFigures) {
  return { name, ...figuresOf(figures) }
}

function figuresOf({ calls, ran, cutOff, gaveUp, refused, slotMs, waitMs }: GroupFigures) {
  return {
    calls,
    ran,
    cut_off: cutOff,
    gave_up: gaveUp,
    refused,
    slot_seconds: hundredths(slotMs / 1_000),
    wait_ms: waitMs === null ? null : rounded(waitMs),
  }
}

function rounded({ p50, p95, p99 }: Percentiles): Percentiles {
  return { p50: hundredths(p50), p95: hundredths(p95), p99: hundredths(p99) }
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
