import { percentile, spreadOf } from '../support/rounds.ts'
import { Service } from './service.ts'
import type { Course } from './sharing.ts'
import type { SharingWorkload } from './workload.ts'

/** Waits of some calls, in milliseconds. */
export interface Waits {
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

/** What one contestant did with one workload. */
export interface SharingFigures {
  readonly service: Service
  /** Milliseconds that a call held its slot. */
  readonly longestMs: number
  /** The mean of the callers' means, so that a caller of many short calls counts no more than the others. */
  readonly meanMs: number
  /** Calls that ended within the run, by caller. */
  readonly ended: Readonly<Record<string, number>>
  /** Waits of the calls of these callers. A call that still waits at the end counts with its wait so far. */
  waits(names: (name: string) => boolean): Waits
  /** Milliseconds that a call of these callers has still to run at a random moment in its slot, on average. */
  residualMs(names: (name: string) => boolean): number
}

export function figuresOf(workload: SharingWorkload, courses: readonly Course[]): SharingFigures {
  const of = (names: (name: string) => boolean) => courses.filter(({ call }) => names(call.sender.name))
  const helds = (names: (name: string) => boolean) =>
    of(names).flatMap(({ startedAt, endedAt }) =>
      startedAt === undefined || endedAt === undefined ? [] : [endedAt - startedAt],
    )
  const bySender = workload.senders.map(({ name }) => [name, helds((each) => each === name)] as const)
  return {
    service: new Service(workload, courses),
    longestMs: bySender.reduce(
      (most, [, held]) => held.reduce((longest, ms) => Math.max(longest, ms), most),
      0,
    ),
    meanMs: mean(bySender.filter(([, held]) => held.length > 0).map(([, held]) => mean(held))),
    ended: Object.fromEntries(bySender.map(([name, held]) => [name, held.length])),
    waits: (names) => {
      const waits = of(names).map(({ call, startedAt }) => (startedAt ?? workload.runMs) - call.atMs)
      const sorted = waits.sort((a, b) => a - b)
      return {
        calls: sorted.length,
        p50Ms: percentile(sorted, 50),
        p99Ms: percentile(sorted, 99),
        mostMs: spreadOf(sorted).high,
      }
    },
    residualMs: (names) => {
      const held = helds(names)
      return mean(held.map((ms) => ms * ms)) / (2 * mean(held))
    },
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
