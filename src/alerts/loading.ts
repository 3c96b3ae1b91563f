import { LOADING_MINUTES } from '../telemetry/recent-loads.ts'
import { hundredths } from '../telemetry/snapshot.ts'
import type { TurnHistory } from '../telemetry/turn-history.ts'
import type { Mismatch } from './mismatches.ts'
import { listed } from './words.ts'

/** Above the default of turn.max_switching, 15 %, which does not bound the loads for which no runner with work left. */
const LEAST_PERCENT = 20
/** An alert that stands goes on down to 80 % of the threshold, as the alerts with thresholds of their own do. */
const RELEASE_PERCENT = 0.8 * LEAST_PERCENT
/** One or two long loads are no alternation. */
const LEAST_LOADS = 3

type RecentLoad = ReturnType<TurnHistory['recent']>[number]

/** One runner and its loads. */
interface LoadedRunner {
  readonly name: string
  readonly options: Set<string>
  loads: number
}

/**
 * Whether too much of the last minutes went into loading. `share`: 0 to 1. `loads`: those of the same minutes.
 * `isStanding`: an alert stands.
 */
export function loadingMismatches(
  share: number,
  loads: readonly RecentLoad[],
  isStanding: boolean,
): readonly Mismatch[] {
  const value = hundredths(100 * share)
  if (value < (isStanding ? RELEASE_PERCENT : LEAST_PERCENT) || loads.length < LEAST_LOADS) return []
  const runners = runnersOf(loads)
  const counted = runners.map(({ name, loads }) => `${name} (${loads === 1 ? 'once' : `${loads} times`})`)
  const outside = loads.filter(({ reason }) => reason === 'outside').length
  return [
    {
      metric: 'loading',
      model: null,
      value,
      threshold: LEAST_PERCENT,
      unit: 'percent',
      message: `${value} % of the last ${LOADING_MINUTES} min went into loading ${listed(counted)}`,
      action: 2 * outside > loads.length ? ASKED_PAST_US : advice(runners),
    },
  ]
}

const ASKED_PAST_US =
  'Most of these loads were asked for past this proxy. Let all clients of this Ollama use the proxy, which orders the turns of the models.'

function advice(runners: readonly LoadedRunner[]): string {
  const varied = runners.filter(({ options }) => options.size > 1).map(({ name }) => name)
  const sameOptions =
    varied.length === 0
      ? []
      : [`Give all clients of ${listed(varied)} the same options, above all one num_ctx.`]
  if (runners.length > 1)
    return [
      'Let Ollama hold these models together: raise OLLAMA_MAX_LOADED_MODELS, add memory, or take smaller models or a smaller num_ctx.',
      ...sameOptions,
      'Otherwise use fewer models here, or lower turn.max_switching: then models change less often, and calls wait longer for their turn.',
    ].join(' ')
  return (
    sameOptions[0] ??
    'Raise OLLAMA_KEEP_ALIVE, or the keep_alive of the calls, so that the model stays loaded.'
  )
}

/** The runner with the most loads first. */
function runnersOf(loads: readonly RecentLoad[]): readonly LoadedRunner[] {
  const runners = new Map<string, LoadedRunner>()
  for (const { names, options, runner } of loads) {
    const known = runners.get(runner) ?? { name: names[0] ?? runner, options: new Set<string>(), loads: 0 }
    known.options.add(options)
    known.loads++
    runners.set(runner, known)
  }
  return [...runners.values()].sort((a, b) => b.loads - a.loads)
}
