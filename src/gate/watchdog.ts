import { CLOUD, type RunnerFacts } from '../admission/contract.ts'
import type { LocalAdmission } from '../admission/local-admission.ts'
import type { TurnsView } from '../admission/turns/contract.ts'
import type { StuckModel } from '../alerts/stuck-models.ts'
import type { Clock } from '../clock.ts'
import type { RunningCall } from '../relay/running-call.ts'
import type { Log } from '../telemetry/call-log.ts'
import { hundredths } from '../telemetry/snapshot.ts'
import type { Ask } from '../upstream/asking.ts'
import type { InMemory, Probe, Standstill } from '../watchdog/contract.ts'
import { PROBE_MS } from '../watchdog/probe-plan.ts'
import { probeRequest } from '../watchdog/probe-request.ts'
import { Watchdog } from '../watchdog/watchdog.ts'

export interface GateWatchdogParts {
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly admission: Pick<LocalAdmission, 'lanes' | 'model' | 'stick' | 'turns'>
  /** The calls that Ollama has. */
  readonly running: () => Iterable<RunningCall>
  readonly ask: Ask
  readonly factsOf: (model: string) => RunnerFacts | undefined
}

/** Ollama has answered, but not the model: too many calls wait for a load. */
const BUSY = 503
/** The status is all that counts. */
const MOST_BYTES = 64 * 1024

/** The watch over the runners of the lanes of this process. */
export function createWatchdog(parts: GateWatchdogParts): Watchdog {
  const { admission, clock, log } = parts
  const runnerOf = (model: string) => {
    const runner = admission.model(model)?.lane.runner
    return runner === CLOUD ? undefined : runner
  }
  const fieldsOf = ({ runner, since }: Standstill) => {
    const { names, queued } = laneOf(parts, runner)
    return { runner, models: names.join(','), silent_ms: hundredths(clock.now() - since), waiting: queued }
  }
  return new Watchdog({
    clock,
    runnerOf,
    *running() {
      for (const call of parts.running()) {
        const { model } = call
        const runner = model === undefined ? undefined : runnerOf(model)
        if (model !== undefined && runner !== undefined) yield { ...call, model, runner }
      }
    },
    memory: () => memoryOf(admission.turns),
    stick: (runner, stuck) => admission.stick(runner, stuck),
    probe: (probe, done) => void ask(parts, probe).then(done),
    found: (standstill) =>
      log.warn(`Ollama does not get on with ${standstill.model}: new calls are refused`, {
        ...fieldsOf(standstill),
        running: standstill.running,
      }),
    over: (standstill, reason) =>
      log.info(`calls of ${standstill.model} are taken again`, { ...fieldsOf(standstill), reason }),
  })
}

/** What is known of the runners has changed: lanes have other runners, or share one now. */
export function regroupStuck(watchdog: Watchdog, admission: GateWatchdogParts['admission']): void {
  const lanes = [...admission.lanes()]
  watchdog.regrouped(new Set(lanes.map(({ runner }) => runner)))
  for (const { runner, stuck } of lanes)
    if (stuck !== watchdog.isStuck(runner)) admission.stick(runner, !stuck)
}

/** The models on which Ollama does not work, for the alerts. */
export function stuckModels(
  watchdog: Watchdog,
  parts: Pick<GateWatchdogParts, 'admission' | 'clock'>,
): readonly StuckModel[] {
  const now = parts.clock.now()
  return watchdog.standstills.map(({ runner, model, since, foundAt }) => ({
    ...laneOf(parts, runner),
    model,
    silentMs: now - since,
    foundAfterMs: foundAt - since,
  }))
}

/** The runner has one lane, or none any more. */
function laneOf({ admission }: Pick<GateWatchdogParts, 'admission'>, runner: string) {
  for (const { active, names, queued, runner: id } of admission.lanes())
    if (id === runner) return { active, names, queued }
  return { active: 0, names: [], queued: 0 }
}

/** A runner that is alone is not looked at, so it may have left memory unseen. */
function memoryOf(turns: TurnsView): (runner: string) => InMemory {
  if (turns.mode !== 'auto') return () => 'unknown'
  const states = new Map(Array.from(turns.runners(), ({ runner, state }) => [runner, state]))
  return (runner) => {
    const state = states.get(runner)
    if (state === 'loading') return 'loading'
    return state === undefined || states.size < 2 ? 'unknown' : 'loaded'
  }
}

async function ask({ ask, factsOf }: GateWatchdogParts, probe: Probe): Promise<boolean> {
  const request = probeRequest(probe, factsOf(probe.model)?.forced === 'embedding')
  try {
    const { status } = await ask({ ...request, method: 'POST', mostBytes: MOST_BYTES, timeoutMs: PROBE_MS })
    return status !== BUSY
  } catch {
    return false
  }
}
