import type { Row } from '../support/findings.ts'
import { round, type Spread, say, shown, spreadOf } from '../support/rounds.ts'
import type { Case } from './cases.ts'
import type { Figures } from './figures.ts'

/** What all contestants did with one case: the figures of each contestant, one entry a seed. */
export interface Result {
  readonly case: Case
  readonly by: Readonly<Record<string, readonly Figures[]>>
}

/** Values of the contestant at each seed; empty where the contestant did not take part. */
export function valuesOf(result: Result, contestant: string, value: (figures: Figures) => number): number[] {
  return (result.by[contestant] ?? []).map(value)
}

/** One value over another at the same seed. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.map((value, seed) => value / (under[seed] ?? Number.NaN))
}

const COLUMNS = { name: 15, share: 22, loads: 17, worst: 22, waits: 44 }

/** Prints one case, all contestants side by side: medians, and in brackets the lowest and the highest seed. */
export function print({ case: { name }, by }: Result): void {
  say(`\n${name}`)
  const head = ['', 'bound/makespan', 'loads', 'worst wait, s', 'wait p50/p99 by model, s']
  say(`  ${line(head)}time loading`)
  for (const [contestant, figures] of Object.entries(by)) {
    const of = (value: (each: Figures) => number) => shown(spreadOf(figures.map(value)))
    const cells = [
      contestant,
      of(({ ofBest }) => ofBest),
      of(({ loads }) => loads),
      of(({ worstWaitMs }) => worstWaitMs / 1_000),
      waits(figures),
    ]
    const loading = median(figures.map(({ loadingShare }) => loadingShare))
    say(`  ${line(cells)}${round(100 * loading)} %${reasons(figures)}`)
    const stuck = figures.reduce((sum, each) => sum + each.stuck, 0)
    if (stuck > 0) say(`  ${contestant}: ${stuck} calls never ended`)
  }
}

function line(cells: readonly string[]): string {
  const widths = Object.values(COLUMNS)
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')
}

function waits(figures: readonly Figures[]): string {
  const models = [...new Set(figures.flatMap((each) => Object.keys(each.waits)))].sort()
  const seconds = (model: string, which: 'p50Ms' | 'p99Ms') =>
    Math.round(median(figures.flatMap((each) => each.waits[model]?.[which] ?? [])) / 1_000)
  return models.map((model) => `${model} ${seconds(model, 'p50Ms')}/${seconds(model, 'p99Ms')}`).join('  ')
}

/** Loads by reason, all seeds together. */
function reasons(figures: readonly Figures[]): string {
  const sums = new Map<string, number>()
  for (const each of figures)
    for (const [reason, loads] of Object.entries(each.reasons))
      sums.set(reason, (sums.get(reason) ?? 0) + loads)
  const parts = [...sums].map(([reason, loads]) => `${reason} ${loads}`)
  return parts.length > 0 ? `  (${parts.join(', ')})` : ''
}

function median(values: readonly number[]): number {
  return spreadOf(values).median
}

/** A figure of several cases, held against a target. */
interface Judged {
  readonly what: string
  /** By case: the values at each seed. */
  readonly cases: readonly (readonly [name: string, values: readonly number[]])[]
  /** The bound holds for the median of each case, or for each seed. */
  readonly of: 'median' | 'each seed'
  readonly least?: number
  readonly most?: number
  readonly unit?: string
}

/** One row for several cases: the worst case, whose figures are shown. */
export function judge({ what, cases, of, least, most, unit = '' }: Judged): Row {
  const isLow = most === undefined
  const seen = cases
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => ({ name, spread: spreadOf(values) }))
  const decisive = ({ low, median: middle, high }: Spread) => (of === 'median' ? middle : isLow ? low : high)
  const sorted = seen.toSorted((a, b) => decisive(a.spread) - decisive(b.spread))
  const worst = isLow ? sorted[0] : sorted.at(-1)
  const target = `${isLow ? `≥ ${least}` : `≤ ${most}`}${of === 'median' ? '' : ', each seed'}`
  if (!worst) return { what, value: 'no case of this kind ran', target, met: false }
  const figure = decisive(worst.spread)
  const met = figure >= (least ?? Number.NEGATIVE_INFINITY) && figure <= (most ?? Number.POSITIVE_INFINITY)
  const where = cases.length > 1 ? `; ${worst.name}` : ''
  return { what, value: `${shown(worst.spread)}${unit}${where}`, target, met }
}
