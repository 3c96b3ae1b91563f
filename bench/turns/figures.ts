import { percentile } from '../support/rounds.ts'
import { burstInOrderMs, lowerBound } from './lower-bound.ts'
import type { Race } from './race.ts'
import type { SharedMachine, TurnCall } from './workload.ts'

/** Waits of the calls of one model, in milliseconds from their arrival to the begin of their work. */
interface Waits {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What one contestant did with one workload and one seed. Times in milliseconds. */
export interface Figures {
  readonly boundMs: number
  /** Of a burst with one model in memory: its end without any loss, in the order of arrival within each model. */
  readonly inOrderMs: number | undefined
  /** From the first arrival to the last end. Infinity: calls are stuck. */
  readonly makespanMs: number
  /** The bound over the makespan: at least this share of the best that any order could do. */
  readonly ofBest: number
  readonly loads: number
  readonly worstWaitMs: number
  /** By model. */
  readonly waits: Readonly<Record<string, Waits>>
  /** The share of the makespan in which a model was loading. */
  readonly loadingShare: number
  readonly stuck: number
  readonly reasons: Readonly<Record<string, number>>
}

export function figuresOf(calls: readonly TurnCall[], machine: SharedMachine, outcome: Race): Figures {
  const { served, stuck, loads, reasons } = outcome
  const { slots, together, loadMs } = machine
  const bounds = { slots, together, loadMs: () => loadMs }
  const boundMs = lowerBound(calls, bounds)
  const isBurst = together === 1 && calls.every(({ atMs }) => atMs === 0)
  const makespanMs = stuck > 0 ? Number.POSITIVE_INFINITY : (served.at(-1)?.endedAt ?? 0)
  const byModel = new Map<string, number[]>()
  for (const { call, startedAt } of served) {
    const waits = byModel.get(call.model) ?? []
    waits.push(startedAt - call.atMs)
    byModel.set(call.model, waits)
  }
  const models = [...byModel.keys()].sort()
  return {
    boundMs,
    inOrderMs: isBurst ? burstInOrderMs(calls, bounds) : undefined,
    makespanMs,
    ofBest: boundMs / makespanMs,
    loads,
    worstWaitMs: stuck > 0 ? Number.POSITIVE_INFINITY : Math.max(...[...byModel.values()].flat()),
    waits: Object.fromEntries(models.map((model) => [model, waitsOf(byModel.get(model) ?? [])])),
    loadingShare: (loads * loadMs) / makespanMs,
    stuck,
    reasons,
  }
}

function waitsOf(waits: readonly number[]): Waits {
  const sorted = waits.toSorted((a, b) => a - b)
  return { p50Ms: percentile(sorted, 50), p99Ms: percentile(sorted, 99) }
}
