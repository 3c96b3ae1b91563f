import type { Row } from '../support/findings.ts'
import { shown, spreadOf } from '../support/rounds.ts'
import { ALONE, NO_TURNS, TURNS } from './race.ts'
import { judge, type Result, ratios, valuesOf } from './results.ts'

/** Loads of a burst over three models: one for each, and one to spare. */
const BURST_LOADS = 4
/** A burst may take so many times the bound. */
const BURST_OVER_BOUND = 1.1
const LEAST_OF_BEST = 0.9
/** The highest load at which nearly the best is asked for. */
const MODERATE = 0.85
/** The worst wait over that of Ollama alone, where a hot model keeps a cold one waiting. */
const WORST_WAIT = 0.333

export interface Results {
  readonly bursts: readonly Result[]
  readonly traces: readonly Result[]
  /** By what the clients ask. */
  readonly odd: Readonly<Record<string, readonly Result[]>>
}

/** What is published: turns held against what is possible, and against Ollama alone. */
export function rowsOf({ bursts, traces, odd }: Results): Row[] {
  const moderate = traces.filter(({ case: { load } }) => load <= MODERATE)
  const starving = traces.filter(({ case: each }) => {
    const starves = each.load >= MODERATE && each.machine.together === 1 && each.order === 'mixed'
    return isHotAndCold(each.mix) && starves
  })
  return [
    ...bursts.flatMap(burstRows),
    ...grouped(moderate).map(([name, results]) => ofBestRow(name, results)),
    ...starving.map(worstWaitRow),
    ...Object.entries({ bursts, traces, ...odd })
      .filter(([, results]) => results.length > 0)
      .map(([name, results]) => loadsRow(name, results)),
  ]
}

function burstRows(result: Result): Row[] {
  const { name } = result.case
  const loads = valuesOf(result, TURNS, (figures) => figures.loads)
  const overBound = valuesOf(result, TURNS, ({ ofBest }) => 1 / ofBest)
  const inOrder = valuesOf(result, ALONE, ({ inOrderMs, boundMs }) => (inOrderMs ?? Number.NaN) / boundMs)
  const least = shown(spreadOf(inOrder))
  const makespan = judge({
    what: `${name}: makespan over the bound`,
    cases: [[name, overBound]],
    of: 'median',
    most: BURST_OVER_BOUND,
  })
  return [
    judge({ what: `${name}: loads`, cases: [[name, loads]], of: 'each seed', most: BURST_LOADS }),
    result.case.machine.together === 1
      ? { ...makespan, value: `${makespan.value}; in order within each model no less than ${least}` }
      : makespan,
  ]
}

function ofBestRow(name: string, results: readonly Result[]): Row {
  const cases = results.map((result) => {
    return [result.case.name, valuesOf(result, TURNS, ({ ofBest }) => ofBest)] as const
  })
  return judge({ what: `${name}: bound over makespan`, cases, of: 'median', least: LEAST_OF_BEST })
}

function worstWaitRow(result: Result): Row {
  const { name } = result.case
  const waits = [TURNS, ALONE].map((each) => valuesOf(result, each, ({ worstWaitMs }) => worstWaitMs / 1_000))
  const [ours = [], alone = []] = waits
  const row = judge({
    what: `${name}: worst wait over that of ${ALONE}`,
    cases: [[name, ratios(ours, alone)]],
    of: 'median',
    most: WORST_WAIT,
  })
  const [oursS, aloneS] = waits.map((seconds) => shown(spreadOf(seconds)))
  return ours.length > 0 ? { ...row, value: `${row.value}; ${oursS} s, ${ALONE} ${aloneS} s` } : row
}

function loadsRow(name: string, results: readonly Result[]): Row {
  const more = moreLoads(results, TURNS)
  const row = judge({ what: `${name}: loads beyond ${ALONE}`, cases: more, of: 'each seed', most: 0 })
  const above = (cases: typeof more) =>
    cases.flatMap(([, loads]) => loads).filter((loads) => loads > 0).length
  const all = more.flatMap(([, loads]) => loads).length
  if (all === 0) return row
  const off = above(moreLoads(results, NO_TURNS))
  return { ...row, value: `${row.value}; above in ${above(more)} of ${all}, with ${NO_TURNS} in ${off}` }
}

/** By case: the loads of the contestant less those of Ollama alone, for each seed. */
function moreLoads(results: readonly Result[], contestant: string): (readonly [string, number[]])[] {
  return results.map((result) => {
    const alone = valuesOf(result, ALONE, ({ loads }) => loads)
    const loads = valuesOf(result, contestant, (figures) => figures.loads)
    return [result.case.name, loads.map((each, seed) => each - (alone[seed] ?? 0))] as const
  })
}

/** Cases that differ only in the time of a load and in the order of the models. */
function grouped(results: readonly Result[]): [string, Result[]][] {
  const groups = new Map<string, Result[]>()
  for (const result of results) {
    const { mix, load, machine } = result.case
    const models = isHotAndCold(mix) ? 'hot and cold' : `${mix.length} models`
    const name = `load ${load}, ${models}, ${machine.together} in memory`
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return [...groups]
}

function isHotAndCold(mix: readonly number[]): boolean {
  return mix.length === 2
}
