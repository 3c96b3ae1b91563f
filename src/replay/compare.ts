import type { Config } from '../config/schema.ts'
import { type Evidence, evidenceIn } from './evidence.ts'
import { type Recording, ran } from './recording.ts'
import { type RunFigures, runThrough } from './run.ts'
import { type RunSettings, runSettings } from './settings.ts'
import { recordedFigures, type TallyFigures } from './tally.ts'

/** Jain's index is taken over times in which the slots can serve so many calls of mean length. */
const CALLS_A_WINDOW = 200
/** Shorter times for a short recording. */
const LEAST_WINDOWS = 10

/** Where the number of slots comes from. log: so many ran at once there while others waited. */
type SlotsFrom = 'configuration' | 'log' | 'memory'

/** One run, with the number of slots that it had. */
interface ComparedRun {
  readonly parallel: number
  readonly slotsFrom: SlotsFrom
  readonly settings: RunSettings
  readonly figures: RunFigures
}

export interface Comparison {
  readonly evidence: Evidence
  readonly recorded: TallyFigures
  readonly windowMs: number
  /** As configured, and with --set if there is one. */
  readonly runs: readonly ComparedRun[]
}

interface Compared {
  readonly recording: Recording
  /** As configured first. */
  readonly configs: readonly [Config, ...Config[]]
  /** The number of slots that `auto` begins with on this machine. */
  readonly memoryParallel: number
  /** The calls come from a log, and not from a trace that tells only what was asked for. */
  readonly isLog: boolean
}

/** Runs a recording once with each configuration. Undefined: no call ran, so nothing tells how long calls take. */
export function compare({ recording, configs, memoryParallel, isLog }: Compared): Comparison | undefined {
  const evidence = evidenceIn(recording)
  const serviceMs = meanServiceMs(recording)
  if (serviceMs === undefined || evidence.standInFor(0) === undefined) return undefined
  const [configured] = configs
  const auto = autoSlots(evidence, memoryParallel, isLog)
  const slotsOf = ({ ollama_num_parallel: parallel }: Config) =>
    parallel === 'auto' ? auto : { parallel, slotsFrom: 'configuration' as const }
  const windowMs = windowOf(recording, serviceMs / slotsOf(configured).parallel)
  const runs = configs.map((config) => {
    const slots = slotsOf(config)
    const settings = runSettings(config, configured, slots.parallel, evidence)
    return { ...slots, settings, figures: runThrough(recording, evidence, settings, windowMs) }
  })
  return { evidence, recorded: recordedFigures(recording), windowMs, runs }
}

function autoSlots({ parallel }: Evidence, memoryParallel: number, isLog: boolean) {
  if (isLog && parallel !== undefined) return { parallel, slotsFrom: 'log' as const }
  return { parallel: memoryParallel, slotsFrom: 'memory' as const }
}

function meanServiceMs(recording: Recording): number | undefined {
  let [sum, count] = [0, 0]
  for (let index = 0; index < recording.length; index++) {
    const call = recording.at(index)
    if (!ran(call)) continue
    sum += call.heldMs
    count++
  }
  return count === 0 ? undefined : sum / count
}

function windowOf({ firstAt, lastAt }: Recording, paceMs: number): number {
  return Math.max(1, Math.min(CALLS_A_WINDOW * paceMs, (lastAt - firstAt) / LEAST_WINDOWS))
}
