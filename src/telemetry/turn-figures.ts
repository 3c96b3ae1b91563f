import { CLOUD, type LaneView } from '../admission/contract.ts'
import type { TurnsView } from '../admission/turns/contract.ts'
import type { ModelFigures } from '../pages/queue.ts'
import type { TurnsNow } from '../pages/turns.ts'
import type { Moments } from './moments.ts'
import { shownRunner, type TurnHistory } from './turn-history.ts'

interface TurnsNowParts {
  readonly turns: TurnsView
  /** Absent where nobody keeps a history. */
  readonly history: Pick<TurnHistory, 'totals' | 'loadingShare'> | undefined
  readonly moments: Moments
}

/** The turns in the answer of `GET /queue/stats`. */
export function turnsNow({ turns, history, moments }: TurnsNowParts, now: number): TurnsNow {
  const runners = turns.runners()
  const next = turns.next(now)
  return {
    mode: turns.mode,
    loaded: runners.map((runner) => ({
      ...shownRunner(runner),
      state: runner.state,
      since: moments.of(runner.since),
    })),
    next: next === undefined ? null : { ...shownRunner(next), since: moments.of(now - next.waitedMs) },
    credit_ms: Math.round(turns.creditMs(now)),
    together: setsOf(turns.together()),
    apart: setsOf(turns.apart()),
    ...(history && {
      loads: { ...history.totals.loads },
      // Whole, so that /queue/events does not send the page twice a second as the five minutes go on.
      loading_percent: Math.round(100 * history.loadingShare(runners)),
    }),
  }
}

type TurnOfLane = (
  lane: Pick<LaneView, 'runner' | 'queued' | 'paused' | 'stuck'>,
) => Pick<ModelFigures, 'loaded' | 'turn'>

/** Returns the two fields of a model that tell of turns, for the lane of the model. */
export function turnOfLane(turns: Pick<TurnsView, 'mode' | 'runners'>): TurnOfLane {
  const known = new Map(Array.from(turns.runners(), ({ runner, state }) => [runner, state]))
  return ({ runner, queued, paused, stuck }) => {
    const state = known.get(runner)
    if (state !== undefined) return { loaded: state !== 'loading', turn: state }
    if (turns.mode !== 'auto' || runner === CLOUD) return { loaded: null, turn: 'none' }
    return { loaded: false, turn: queued > 0 && !paused && !stuck ? 'waiting' : 'none' }
  }
}

function setsOf(sets: readonly (readonly string[])[]): string[][] {
  return sets.map((set) => [...set])
}
