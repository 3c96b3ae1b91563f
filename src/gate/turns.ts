import type { RunnerLoad, TurnObserver, TurnRunner } from '../admission/turns/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { Meters } from '../telemetry/meters.ts'
import { hundredths } from '../telemetry/snapshot.ts'
import type { TurnHistory } from '../telemetry/turn-history.ts'

/** Names of a runner in a line of the log. A runner can have hundreds. */
const NAMES_LOGGED = 10

export interface TurnTellers {
  readonly history: TurnHistory
  readonly meters: Pick<Meters, 'loaded'>
  readonly log: Pick<Log, 'info'>
}

/** Tells the pages, the metrics and the log of each change of the loaded runners. */
export function turnObserver({ history, meters, log }: TurnTellers): TurnObserver {
  return {
    loaded(load) {
      history.loaded(load)
      meters.loaded(load)
      logLoad(log, load)
    },
    left: (leave) => history.left(leave),
  }
}

/** A failed load is no warning: clients that left make loads fail, too. */
function logLoad(log: Pick<Log, 'info'>, load: RunnerLoad): void {
  log.info(load.failed ? 'not loaded' : 'loaded', {
    runner: load.runner,
    models: namesOf(load),
    options: load.options === '' ? null : load.options,
    reason: load.reason,
    from: load.from.length === 0 ? null : load.from.map(namesOf).join('; '),
    drain_ms: hundredths(load.drainMs),
    load_ms: hundredths(load.loadMs),
  })
}

function namesOf({ names }: TurnRunner): string {
  return names.slice(0, NAMES_LOGGED).join(',')
}

/** Tells the log why the turns of models are not ordered. */
export function logNoTurns(log: Pick<Log, 'warn'>, problem = 'Ollama does not answer /api/ps'): void {
  log.warn(`${problem}; no call waits for the turn of its model`)
}
