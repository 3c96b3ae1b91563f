import type { FairSettings } from '../../../src/admission/contract.ts'
import type { Config } from '../../../src/config/schema.ts'
import { configSchema } from '../../../src/config/schema.ts'
import { evidenceIn } from '../../../src/replay/evidence.ts'
import { type RecordedCall, Recording } from '../../../src/replay/recording.ts'
import { type RunFigures, runThrough } from '../../../src/replay/run.ts'
import { type RunSettings, runSettings } from '../../../src/replay/settings.ts'

/** Milliseconds since 1970. */
const START = Date.UTC(2026, 0, 1)

/** A call that held a slot for a second, `at` milliseconds after the start. */
export function aCall({ at = 0, ...parts }: Partial<RecordedCall> & { at?: number } = {}): RecordedCall {
  return {
    arrivedAt: START + at,
    model: 'llama2',
    caller: 'alice',
    user: undefined,
    class: 'normal',
    end: 'done',
    served: true,
    missing: false,
    waitMs: 0,
    heldMs: 1_000,
    firstByteMs: 100,
    loadMs: 1,
    patienceMs: Number.POSITIVE_INFINITY,
    bytes: 100,
    numCtx: undefined,
    embeds: false,
    ...parts,
  }
}

export function recordingOf(calls: readonly RecordedCall[]): Recording {
  const recording = new Recording()
  for (const call of calls) recording.add(call)
  return recording
}

/** A configuration as config.yaml has it. */
export function aConfig(written: object = {}): Config {
  return configSchema.parse(written)
}

interface RunOf {
  readonly slots?: number
  /** Of the configuration. */
  readonly set?: object
  readonly windowMs?: number
  readonly fairness?: Partial<FairSettings>
}

/** The calls through the admission of a proxy. */
export function run(
  calls: readonly RecordedCall[],
  { slots = 1, set, windowMs = 60_000, fairness }: RunOf = {},
) {
  const recording = recordingOf(calls)
  const evidence = evidenceIn(recording)
  const config = aConfig(set)
  const settings: RunSettings = runSettings(config, aConfig(), slots, evidence)
  const fair = { ...settings.fairness, ...fairness }
  return runThrough(recording, evidence, { ...settings, fairness: fair }, windowMs)
}

/** The figures of one caller. */
export function callerOf(figures: RunFigures, name: string) {
  const found = figures.callers.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no caller ${name}`)
  return found
}
