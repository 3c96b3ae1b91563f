/**
 * What owed turns do for quiet callers: one caller floods a model with calls, others ask for other models now and then,
 * and one model fits into memory. In virtual time on the simulator's engine.
 *
 *     node --import tsx bench/owed.ts [--quick] [--seeds N] [--budgets 10,20,30] [--loads 2,10,30] [--case PART]
 *
 * `--case` runs the settings whose names contain PART.
 */
import { parseArgs } from 'node:util'
import { FAIR } from '../src/admission/fair-settings.ts'
import type { TurnSettings } from '../src/admission/turns/contract.ts'
import { publish, type Row } from './support/findings.ts'
import { round, type Spread, say, shown, spreadOf } from './support/rounds.ts'
import { type Flood, type FloodFigures, flood } from './turns/flood.ts'
import { type Contestant, NO_TURNS } from './turns/race.ts'
import { throughAdmission } from './turns/through-admission.ts'

const SEEDS = 5
const FLOOD: Flood = {
  machine: { slots: 4, together: 1, loadMs: 0 },
  inFlight: 40,
  quietMs: [60_000, 90_000],
  lastsMs: 20_000_000,
}
const QUICK_MS = 3_000_000
const MAX_WAIT_MS = 120_000
const UNFAIR = { ...FAIR, fair: false }

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    budgets: { type: 'string', default: '10,20,30' },
    loads: { type: 'string' },
    case: { type: 'string', default: '' },
  },
})
const { quick } = values
const seeds = numbers(values.seeds ?? String(quick ? 1 : SEEDS))[0] ?? SEEDS
const budgets = numbers(values.budgets)
const loads = numbers(values.loads ?? (quick ? '10' : '2,10,30'))

const rows: Row[] = []
const raw: Record<string, readonly FloodFigures[]> = {}
for (const seconds of loads)
  for (const contestant of contestants().filter(({ name }) => name.includes(values.case))) {
    const what = `${seconds} s a load: ${contestant.name}`
    const machine = { ...FLOOD.machine, loadMs: 1_000 * seconds }
    const lastsMs = quick ? QUICK_MS : FLOOD.lastsMs
    const figures = Array.from({ length: seeds }, (_, index) =>
      flood({ ...FLOOD, machine, lastsMs }, contestant, index + 1),
    )
    raw[what] = figures
    rows.push({ what, value: told(figures) })
    say(`${what}: ${told(figures)}${reasons(figures)}`)
  }
// Figures of other settings are no more worth publishing than those of a quick run.
publish('owed', process.argv.length > 2, {
  rows,
  notes: [
    `${seeds} seeds of ${FLOOD.lastsMs / 1_000} s; the median, in brackets the lowest and the highest`,
    'wait: of the calls of the quiet callers, from the arrival to the begin of the work, loads included',
  ],
  raw,
})

function contestants(): Contestant[] {
  return [
    throughAdmission(undefined, FAIR, NO_TURNS),
    throughAdmission(settingsOf(15), UNFAIR, 'aged only, budget 15 %'),
    ...budgets.map((percent) => throughAdmission(settingsOf(percent), FAIR, `owed, budget ${percent} %`)),
  ]
}

function settingsOf(percent: number): TurnSettings {
  return { ordered: true, maxWaitMs: MAX_WAIT_MS, maxSwitching: percent / 100, together: [] }
}

function told(figures: readonly FloodFigures[]): string {
  const of = (value: (each: FloodFigures) => number): Spread => spreadOf(figures.map(value))
  const seconds = (which: 'meanMs' | 'p50Ms' | 'p99Ms') => shown(of((each) => each[which] / 1_000))
  const rest = `slots busy ${shown(of(({ busy }) => busy))}; ${shown(of(({ loads }) => loads))} loads`
  const lost = of(({ asked, served }) => asked - served)
  if (lost.high > 0) return `${shown(lost)} of ${shown(of(({ asked }) => asked))} calls never served; ${rest}`
  return `wait p50 ${seconds('p50Ms')} s, p99 ${seconds('p99Ms')} s, mean ${seconds('meanMs')} s; ${rest}`
}

/** Loads by reason, the mean of all seeds. */
function reasons(figures: readonly FloodFigures[]): string {
  const names = [...new Set(figures.flatMap((each) => Object.keys(each.reasons)))]
  const mean = (name: string) =>
    figures.reduce((sum, each) => sum + (each.reasons[name] ?? 0), 0) / figures.length
  return names.length === 0 ? '' : ` (${names.map((name) => `${name} ${round(mean(name))}`).join(', ')})`
}

/** Throws a RangeError for anything but numbers above 0. */
function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const number = Number(part)
    if (!(number > 0)) throw new RangeError(`not a number above 0: ${part}`)
    return number
  })
}
