import type { RunnerLoad, RunnerTurn } from '../admission/turns/contract.ts'

const WINDOW_MS = 300_000
/** More loads in five minutes would take less than 0.15 s each. */
const MOST_LOADS = 2_000

/** Minutes that RecentLoads covers. */
export const LOADING_MINUTES = WINDOW_MS / 60_000

/** The loads of the last five minutes. */
export class RecentLoads {
  #loads: RunnerLoad[] = []

  add(load: RunnerLoad): void {
    this.#loads.push(load)
    // Forgets many at once, so that one load costs little on average.
    if (this.#loads.length > 2 * MOST_LOADS) this.#loads = this.#loads.slice(-MOST_LOADS)
  }

  /** Loads that ended within the window, in the order in which they were told. */
  at(now: number): readonly RunnerLoad[] {
    this.#loads = this.#loads.filter(({ at }) => at > now - WINDOW_MS).slice(-MOST_LOADS)
    return this.#loads
  }

  /**
   * The share of the window in which Ollama loaded a model: 0 to 1. Loads that overlap count once. `runners`: those that
   * are loaded or being loaded now.
   */
  share(now: number, runners: Iterable<RunnerTurn>): number {
    const spans = this.at(now).map(({ at, loadMs }) => ({ from: at - loadMs, to: at }))
    for (const { state, since } of runners) if (state === 'loading') spans.push({ from: since, to: now })
    return unionMs(spans, now - WINDOW_MS) / WINDOW_MS
  }
}

interface LoadSpan {
  readonly from: number
  readonly to: number
}

/** Milliseconds after `start` that lie in at least one of the spans. */
function unionMs(spans: readonly LoadSpan[], start: number): number {
  let total = 0
  let covered = Number.POSITIVE_INFINITY
  for (const { from, to } of spans.toSorted((a, b) => b.to - a.to)) {
    // No span that is still to come ends later than this one, so only the time before `covered` is new.
    const begin = Math.max(from, start)
    total += Math.max(0, Math.min(to, covered) - begin)
    covered = Math.min(covered, begin)
  }
  return total
}
