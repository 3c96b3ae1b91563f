import type { TurnsView } from '../admission/turns/contract.ts'
import { NONE } from './labels.ts'
import { LOAD_REASONS, type Meters } from './meters.ts'
import type { Families } from './prometheus-families.ts'
import type { TurnHistory } from './turn-history.ts'

export interface TurnMetricsParts {
  readonly meters: Meters
  readonly admission: { readonly turns: TurnsView }
  readonly turns: Pick<TurnHistory, 'totals' | 'loadingShare'>
}

/** The metrics of loads and turns. */
export function describeTurns(families: Families, { admission, meters, turns }: TurnMetricsParts): void {
  families.counter(
    {
      name: 'model_loads_total',
      help: 'Loads of a model, failed ones included, by reason.',
      labels: ['model', 'reason'],
    },
    function* () {
      for (const [model, { loads }] of meters.models()) {
        // All reasons of a model that was loaded, zeros included: a rate needs the zero before the first load.
        if (loads.every((count) => count === 0)) continue
        for (const [at, reason] of LOAD_REASONS.entries()) yield [{ model, reason }, loads[at] ?? 0]
      }
    },
  )
  families.counter(
    {
      name: 'model_loads_failed_total',
      help: 'Loads of a model that Ollama did not end, or whose client left meanwhile.',
      labels: ['model'],
    },
    function* () {
      for (const [model, { failedLoads }] of meters.models())
        if (model !== NONE) yield [{ model }, failedLoads]
    },
  )
  const seconds = {
    load_seconds_total: ['Time from the calls that asked for a load to its end.', () => turns.totals.loadMs],
    drain_seconds_total: [
      'Time from the decision for a load until the runners that leave had no more calls.',
      () => turns.totals.drainMs,
    ],
  } satisfies Record<string, readonly [string, () => number]>
  for (const [name, [help, ms]] of Object.entries(seconds))
    families.counter({ name, help }, () => [[{}, ms() / 1_000]])
  families.value('loading_ratio', 'The part of the last five minutes that went into loading: 0 to 1.', () =>
    turns.loadingShare(admission.turns.runners()),
  )
  families.value('runners_loaded', 'Runners in memory; absent where that is not known.', () =>
    admission.turns.mode === 'auto' ? runnersLoaded(admission.turns) : undefined,
  )
  families.gauge(
    { name: 'turns_mode', help: 'Always 1; auto, off, or unavailable.', labels: ['mode'] },
    () => [[{ mode: admission.turns.mode }, 1]],
  )
}

function runnersLoaded(turns: TurnsView): number {
  return turns.runners().filter(({ state }) => state !== 'loading').length
}
