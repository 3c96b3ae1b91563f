import { type Caller, NO_LIMITS } from '../../src/callers/caller.ts'
import { exponential, seeded } from '../support/admission-random.ts'
import { percentile } from '../support/rounds.ts'
import { type Contestant, type Served, worldOf } from './race.ts'
import { drawnCall, type SharedMachine } from './workload.ts'

/** One caller always has calls in flight for model a. Each other caller asks for a model of its own now and then. */
export interface Flood {
  readonly machine: SharedMachine
  /** Calls that the flooding caller has in flight. */
  readonly inFlight: number
  /** Mean milliseconds from call to call, for each of the quiet callers. */
  readonly quietMs: readonly number[]
  readonly lastsMs: number
}

/** What came of a flood. Times in milliseconds. */
export interface FloodFigures {
  /** Waits of the calls of the quiet callers that ended: from the arrival to the begin of the work. */
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** The share of slot-time in which calls ran. */
  readonly busy: number
  readonly loads: number
  /** Calls that the flooding caller got served. */
  readonly flooded: number
  /** Calls of the quiet callers, and those of them that ended. */
  readonly asked: number
  readonly served: number
  readonly reasons: Readonly<Record<string, number>>
}

/** Any number that is not small: the generator's first draws for small seeds are all small. */
const SEED_STEP = 104_729
const STEP_MS = 60_000
/** A quiet call that has not ended so long after the flood is stuck. */
const PATIENCE_MS = 3_600_000

/** The same seed gives the same calls of the quiet callers, for every contestant and every machine. */
export function flood(
  { machine, inFlight, quietMs, lastsMs }: Flood,
  contestant: Contestant,
  seed: number,
): FloodFigures {
  const waits: number[] = []
  let [busyMs, flooded, asked, served] = [0, 0, 0, 0]
  let loads = 0
  const reasons: Record<string, number> = {}
  const flooder = callerOf('a')
  const draws = seeded(SEED_STEP * seed + 1)
  const over = ({ call, startedAt, endedAt }: Served): void => {
    busyMs += Math.max(0, Math.min(endedAt, lastsMs) - startedAt)
    if (call.caller === flooder) {
      if (endedAt <= lastsMs) flooded++
      arrive(drawnCall('a', flooder, clock.now(), draws))
      return
    }
    served++
    waits.push(startedAt - call.atMs)
  }
  const world = worldOf(machine, over, (reason) => {
    if (clock.now() <= lastsMs) reasons[reason] = (reasons[reason] ?? 0) + 1
  })
  const { clock, engine } = world
  const arrive = contestant.enter(world)
  for (let call = 0; call < inFlight; call++) arrive(drawnCall('a', flooder, 0, draws))
  for (const [index, everyMs] of quietMs.entries()) {
    const random = seeded(SEED_STEP * (seed + 1_000 * (index + 1)))
    const caller = callerOf(modelOf(index))
    const ask = (): void => {
      if (clock.now() > lastsMs) return
      asked++
      arrive(drawnCall(modelOf(index), caller, clock.now(), random))
      clock.after(everyMs * exponential(random), ask)
    }
    clock.after(everyMs * exponential(random), ask)
  }
  while (clock.now() < lastsMs) clock.advance(STEP_MS)
  loads = engine.snapshot().total.loads
  while (served < asked && clock.now() < lastsMs + PATIENCE_MS) clock.advance(STEP_MS)
  waits.sort((a, b) => a - b)
  const [p50Ms, p99Ms] = [percentile(waits, 50), percentile(waits, 99)]
  const meanMs = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
  return {
    meanMs,
    p50Ms,
    p99Ms,
    busy: busyMs / machine.slots / lastsMs,
    loads,
    flooded,
    asked,
    served,
    reasons,
  }
}

function callerOf(model: string): Caller {
  return { id: `caller of ${model}`, key: undefined, limits: NO_LIMITS }
}

/** b, c … */
function modelOf(index: number): string {
  return String.fromCharCode('b'.charCodeAt(0) + index)
}
