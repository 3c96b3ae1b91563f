import type { Row } from '../support/findings.ts'
import { round } from '../support/rounds.ts'
import { FLOODER, HEAVY, QUIET } from './cases.ts'
import { FIFO, OURS } from './contestants.ts'
import type { SharingFigures, Waits } from './figures.ts'
import type { SharingWorkload } from './workload.ts'

/** What all contestants did with one workload. */
export interface SharingResult {
  readonly workload: SharingWorkload
  /** By the name of the contestant. */
  readonly by: ReadonlyMap<string, SharingFigures>
}

export interface SharingResults {
  readonly floods: readonly SharingResult[]
  readonly backlogs: readonly SharingResult[]
  readonly classes: readonly SharingResult[]
  readonly traces: readonly SharingResult[]
}

/** Mean services that the quiet caller waits. */
const QUIET_P50 = 1
const QUIET_MOST = 2
/** Of the flooder's calls with FIFO. */
const LEAST_OF_FLOODER = 0.97
const LEAST_JAIN = 0.99
/** Mean services in a window of Jain's index. */
const WINDOW = 200

/** What is published, ours first, the other contestants beside it. */
export function rowsOf({ floods, backlogs, classes, traces }: SharingResults): Row[] {
  return [
    ...floods.flatMap(floodRows),
    ...backlogs.flatMap(backlogRows),
    ...classes.flatMap(classRows),
    ...traces.flatMap(traceRows),
  ]
}

/** A figure of each contestant, held against a target by the figure of ours. */
interface Compared {
  readonly what: string
  readonly value: (figures: SharingFigures) => number
  readonly unit?: string
  /** Digits after the point. Default: as many as mean something. */
  readonly digits?: number
  readonly below?: number
  readonly most?: number
  readonly least?: number
  /** Added to the target. */
  readonly where?: string
}

function rowOf(result: SharingResult, compared: Compared): Row {
  const { what, value, unit = '', where = '', digits, below, most, least } = compared
  const shown = (figure: number) => (digits === undefined ? round(figure) : figure.toFixed(digits))
  const values = new Map(Array.from(result.by, ([name, figures]) => [name, value(figures)]))
  const found = values.get(OURS) ?? Number.NaN
  const others = Array.from(values).filter(([name]) => name !== OURS)
  const row = {
    what: `${result.workload.name}: ${what}`,
    value: `${shown(found)}${unit}; ${others.map(([name, each]) => `${name} ${shown(each)}`).join(', ')}`,
  }
  if (below !== undefined) return { ...row, target: `< ${round(below)}${unit}${where}`, met: found < below }
  if (most !== undefined) return { ...row, target: `≤ ${round(most)}${unit}${where}`, met: found <= most }
  if (least !== undefined) return { ...row, target: `≥ ${least}${unit}${where}`, met: found >= least }
  return row
}

function floodRows(result: SharingResult): Row[] {
  const unit = ' mean services'
  const quiet = ({ waits }: SharingFigures) => waits((name) => name === QUIET)
  const callsOverFifo = (name: string) => (figures: SharingFigures) =>
    (figures.ended[name] ?? Number.NaN) / (result.by.get(FIFO)?.ended[name] ?? Number.NaN)
  const isOpen = result.workload.senders.some(({ name, pace }) => name === QUIET && 'everyMs' in pace)
  return [
    rowOf(result, {
      ...{ what: 'wait of the quiet caller, p50', unit, below: QUIET_P50 },
      value: (figures) => quiet(figures).p50Ms / figures.meanMs,
    }),
    rowOf(result, {
      ...{ what: 'wait of the quiet caller, longest', unit, below: QUIET_MOST },
      value: (figures) => quiet(figures).mostMs / figures.meanMs,
    }),
    rowOf(result, {
      what: 'calls of the flooder over those with FIFO',
      value: callsOverFifo(FLOODER),
      digits: 3,
      // A quiet caller that asks again at once gets more calls through, and those are the flooder's no longer.
      ...(isOpen ? { least: LEAST_OF_FLOODER } : {}),
    }),
    ...(isOpen
      ? []
      : [
          rowOf(result, {
            what: 'calls of the quiet caller over those with FIFO',
            value: callsOverFifo(QUIET),
          }),
        ]),
  ]
}

function backlogRows(result: SharingResult): Row[] {
  const { machine, senders, runMs } = result.workload
  const leastWeight = Math.min(...senders.map(({ weight = 1 }) => weight))
  const boundMs = ({ longestMs }: SharingFigures) => ((machine.slots + 1) * longestMs) / leastWeight
  const allowed = result.by.get(OURS)
  return [
    rowOf(result, {
      what: 'largest gap of service over weight',
      value: ({ service }) => service.gapMs() / 1_000,
      unit: ' s',
      ...(allowed ? { most: boundMs(allowed) / 1_000, where: ', the bound' } : {}),
    }),
    rowOf(result, {
      what: "Jain's index, lowest window",
      value: ({ service, meanMs }) => Math.min(...service.jains(WINDOW * meanMs, runMs)),
      digits: 3,
      least: LEAST_JAIN,
    }),
  ]
}

function classRows(result: SharingResult): Row[] {
  const { machine, reserve, senders } = result.workload
  const kinds = (kind: string) => (name: string) =>
    senders.some((sender) => sender.name === name && sender.class === kind)
  const interactive = (which: 'p50Ms' | 'p99Ms') => (figures: SharingFigures) =>
    figures.waits(kinds('interactive'))[which] / 1_000
  const batchCalls = (figures: SharingFigures | undefined) =>
    senders.reduce(
      (sum, { name }) => sum + (kinds('batch')(name) ? (figures?.ended[name] ?? Number.NaN) : 0),
      0,
    )
  const residualMs = result.by.get(OURS)?.residualMs(kinds('batch')) ?? Number.NaN
  const isJudged = machine.slots > 1 && reserve > 0
  return [
    rowOf(result, { what: 'wait of interactive calls, p50', unit: ' s', value: interactive('p50Ms') }),
    rowOf(result, {
      ...{ what: 'wait of interactive calls, p99', unit: ' s', value: interactive('p99Ms') },
      ...(isJudged ? { most: residualMs / 1_000, where: ', a batch residual' } : {}),
    }),
    rowOf(result, {
      ...{ what: 'wait of normal calls, p99', unit: ' s' },
      value: ({ waits }) => waits(kinds('normal')).p99Ms / 1_000,
    }),
    rowOf(result, {
      what: 'batch calls over those with FIFO',
      value: (figures) => batchCalls(figures) / batchCalls(result.by.get(FIFO)),
      digits: 3,
    }),
  ]
}

function traceRows(result: SharingResult): Row[] {
  const light = (name: string) => name !== HEAVY
  const heavy = (name: string) => name === HEAVY
  const row = (what: string, names: (name: string) => boolean, which: keyof Waits) =>
    rowOf(result, { what, unit: ' s', value: ({ waits }) => waits(names)[which] / 1_000 })
  return [
    row('wait of the light callers, p50', light, 'p50Ms'),
    row('wait of the light callers, p99', light, 'p99Ms'),
    row('wait of the heavy caller, p50', heavy, 'p50Ms'),
    row('wait of the heavy caller, p99', heavy, 'p99Ms'),
  ]
}
