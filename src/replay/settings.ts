import {
  CLOUD,
  type FairSettings,
  type Limits,
  type RunnerFacts,
  type Runners,
} from '../admission/contract.ts'
import type { TurnSettings } from '../admission/turns/contract.ts'
import { CALL_CLASSES, type CallClass, type Caller, type Key, NO_LIMITS } from '../callers/caller.ts'
import type { Config } from '../config/schema.ts'
import { authOf, keysOf } from '../gate/caller-settings.ts'
import { fairSettings } from '../gate/fair-settings.ts'
import { limitsByKey } from '../gate/model-limits.ts'
import { turnSettings } from '../gate/turn-settings.ts'
import { isCloudKey } from '../ollama/model-name.ts'
import { type Evidence, UNKNOWN_LOAD_MS } from './evidence.ts'
import type { MachineFacts } from './machine.ts'
import type { RecordedCall } from './recording.ts'
import { isSubset } from './residence.ts'

/** What one run of the calls is to be done with. */
export interface RunSettings {
  readonly defaults: Limits
  readonly models: ReadonlyMap<string, Partial<Limits>>
  readonly runners: Runners
  readonly turns: TurnSettings
  readonly fairness: FairSettings
  readonly maxWaitingBytes: number
  /** As RelayOptions has them. */
  readonly requestTimeoutMs: number
  readonly firstByteTimeoutMs: number | undefined
  readonly machine: MachineFacts
  callerOf(id: string): Caller
  classOf(call: RecordedCall): CallClass
}

/**
 * The settings of a run, from a configuration and from what the recording tells. `parallel`: the slots of a model.
 * `configured`: the configuration without --set, whose classes of keys the recorded calls have.
 */
export function runSettings(
  config: Config,
  configured: Config,
  parallel: number,
  evidence: Evidence,
): RunSettings {
  const [keys, before] = [keysByName(config), keysByName(configured)]
  const turns = turnSettings(config)
  return {
    defaults: { parallel, queue: config.ollama_max_queue },
    models: limitsByKey(config.models),
    runners: runnersOf(evidence),
    turns,
    fairness: fairSettings(config),
    maxWaitingBytes: config.max_queue_bytes,
    requestTimeoutMs: config.request_timeout * 1_000,
    firstByteTimeoutMs: firstByteTimeoutOf(config),
    machine: machineFacts(evidence, turns),
    callerOf: (id) => callerOf(id, keys.get(id)),
    classOf: (call) => classOf(call, keys.get(call.caller), before.get(call.caller)),
  }
}

/** Without `auth` a key is nobody's, so callers are addresses, and no recorded caller has a key. */
function keysByName(config: Config): ReadonlyMap<string, Key> {
  if (authOf(config) === 'off') return new Map()
  return new Map(keysOf(config).map((key) => [key.name, key]))
}

/** 0 in the configuration sets no limit. */
function firstByteTimeoutOf({ first_byte_timeout: seconds }: Config): number | undefined {
  if (seconds === undefined) return undefined
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 1_000
}

function callerOf(id: string, key: Key | undefined): Caller {
  return { id, key, limits: key?.limits ?? NO_LIMITS }
}

/** The class that the call had; where --set changes the class that the key gives, a call that had this class follows. */
function classOf(call: RecordedCall, key: Key | undefined, before: Key | undefined): CallClass {
  const given = before !== undefined && call.class === before.class ? (key?.class ?? call.class) : call.class
  const most = key?.maxClass ?? given
  return CALL_CLASSES.indexOf(given) < CALL_CLASSES.indexOf(most) ? most : given
}

/** A name is a runner of its own: the log does not tell which names share their weights. */
function runnersOf({ embeddings, missing }: Evidence): Runners {
  return {
    complete: true,
    opened() {},
    find(model) {
      if (isCloudKey(model)) return { runner: CLOUD }
      if (missing.has(model)) return undefined
      return embeddings.has(model) ? { runner: undefined, forced: 'embedding' } : NO_FACTS
    },
  }
}

const NO_FACTS: RunnerFacts = { runner: undefined }

function machineFacts(evidence: Evidence, { together }: TurnSettings): MachineFacts {
  const known = [...together, ...evidence.together].map((models) => new Set(models))
  const fits = (models: readonly string[]) => {
    const set = new Set(models)
    return set.size < 2 || known.some((each) => isSubset(set, each))
  }
  const loadedFirst: string[] = []
  for (const model of evidence.loadedFirst)
    if (!isCloudKey(model) && fits([...loadedFirst, model])) loadedFirst.push(model)
  const { keepAliveMs } = evidence
  return { fits, keepAliveMs, loadedFirst, loadMs: (model) => loadMsOf(model, evidence) }
}

/** The middle load of the model; where none is known, the middle one of the other models. */
export function loadMsOf(model: string, { loadMs }: Evidence): number {
  const all = [...loadMs.values()].sort((a, b) => a - b)
  return loadMs.get(model) ?? all[all.length >> 1] ?? UNKNOWN_LOAD_MS
}
