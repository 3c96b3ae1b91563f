import { seeded } from '../support/admission-random.ts'
import type { Asks, Workload } from './workload.ts'

/** A workload with a name that tells how it differs from the others. */
export interface Case extends Workload {
  readonly name: string
}

const SLOTS = 4
const LOADS_MS = [2_000, 10_000, 30_000]
const BURST_CALLS = 60
const TRACE_CALLS = 600
const LOADS = [0.3, 0.7, 0.85]
/** Here the hot model of two hardly ever becomes idle. */
const NEARLY_FULL = 0.95
const THREE_MODELS = [0.5, 0.3, 0.2]
/** One model that everybody uses, and one that nearly nobody does. */
const HOT_AND_COLD = [0.95, 0.05]

/** All calls at once, in the order of the trace. */
export function bursts(): Case[] {
  return [1, 2, 3].flatMap((together) =>
    LOADS_MS.map((loadMs) =>
      named({
        machine: { slots: SLOTS, together, loadMs },
        calls: BURST_CALLS,
        load: Number.POSITIVE_INFINITY,
        mix: THREE_MODELS,
        order: 'mixed',
      }),
    ),
  )
}

/** Calls that arrive as in the trace. */
export function traces(): Case[] {
  return [THREE_MODELS, HOT_AND_COLD].flatMap((mix) =>
    mix.flatMap((_, index) =>
      (mix === HOT_AND_COLD ? [...LOADS, NEARLY_FULL] : LOADS).flatMap((load) =>
        (['mixed', 'runs'] as const).flatMap((order) =>
          LOADS_MS.map((loadMs) =>
            named({
              machine: { slots: SLOTS, together: index + 1, loadMs },
              calls: TRACE_CALLS,
              load,
              mix,
              order,
            }),
          ),
        ),
      ),
    ),
  )
}

const ODD_CALLS = 120
const MOST_SLOTS = 8
const MOST_MODELS = 8
const MOST_TOGETHER = 3
const ODD_LOADS = [...LOADS, 1.2, Number.POSITIVE_INFINITY]

/** Machines and mixes of all kinds, by chance. The same seed gives the same workload. */
export function odd(asks: Asks | undefined, seed: number): Case {
  const random = seeded(15_485_863 * seed)
  const upTo = (most: number) => 1 + Math.floor(random() * most)
  const oneOf = <T>(values: readonly T[], otherwise: T) => values[upTo(values.length) - 1] ?? otherwise
  const weights = Array.from({ length: upTo(MOST_MODELS) }, () => random())
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return named({
    machine: {
      slots: upTo(MOST_SLOTS),
      together: upTo(MOST_TOGETHER),
      loadMs: oneOf(LOADS_MS, 0),
    },
    calls: ODD_CALLS,
    load: oneOf(ODD_LOADS, 1),
    mix: weights.map((weight) => weight / sum),
    order: oneOf(['mixed', 'runs'] as const, 'mixed'),
    ...(asks ? { asks } : {}),
  })
}

function named(workload: Workload): Case {
  const { machine, load, mix, order, asks } = workload
  const { slots, together, loadMs } = machine
  const arrivals = Number.isFinite(load) ? `load ${load}` : 'burst'
  const shares = mix.map((share) => share.toFixed(2).replace(/^0/, '')).join('/')
  const parts = [
    ...[`${arrivals}`, `${shares} ${order}`, `${loadMs / 1_000} s a load`, `${together} in memory`],
    ...(slots === SLOTS ? [] : [`${slots} slots`]),
    ...(asks ? [asks] : []),
  ]
  return { ...workload, name: parts.join(', ') }
}
