import type { ModelView } from '../admission/contract.ts'
import type { Spread } from '../admission/observer.ts'
import type { ModelSample } from '../pages/monitor.ts'
import { hundredths } from './snapshot.ts'

/** The figures that one interval adds to a window. */
export interface Sums {
  readonly arrived: number
  readonly refused: number
  readonly waited: number
  readonly waitedMs: number
  readonly tokensOut: number
}

/** One model's share of a sample. */
export interface LaneSample {
  readonly page: ModelSample
  readonly sums: Sums
}

/** The state of a model's calls at their last sample. */
export interface Track {
  readonly view: ModelView
  /** Clock time of the last sample with an event or a call. */
  busyAt: number
  queued: number
  meanAgeMs: number
  /** Number of the last sample that found the model. */
  round: number
  /** The last sample found no event and no call. */
  quiet: boolean
}

export interface LaneSamplerParts {
  readonly models: () => Iterable<ModelView>
  /**
   * Tokens that the model gave so far, tokens of running calls included. `now`: clock time of the sample. All models of
   * a sample have the same time, so the function needs to go through all calls only once for each time.
   */
  readonly tokensOut: (model: string, now: number) => number
}

/** Takes the differences of the counters of all models. A model without events costs a few comparisons. */
export class LaneSampler {
  readonly #parts: LaneSamplerParts
  readonly #tracks = new Map<string, Track>()
  /** Tokens at the last sample, of models that gave any. Kept when a model is forgotten. */
  readonly #tokens = new Map<string, number>()
  #round = 0

  constructor(parts: LaneSamplerParts) {
    this.#parts = parts
  }

  /** All models by key. */
  get tracks(): ReadonlyMap<string, Readonly<Track>> {
    return this.#tracks
  }

  /** The figures since the previous call, by model. Models without an event and without a call are left out. */
  take(now: number): Map<string, LaneSample> {
    const taken = new Map<string, LaneSample>()
    this.#round++
    let models = 0
    for (const view of this.#parts.models()) {
      models++
      const track = this.#trackOf(view)
      track.round = this.#round
      const quiet = view.active === 0 && view.queued === 0 && view.observer.untouched
      // A model that went quiet is measured once more: the tokens of a call are counted just after its slot is free.
      if (quiet && track.quiet) continue
      const sample = this.#measure(track, now)
      track.quiet = quiet
      if (quiet && sample.sums.arrived === 0 && sample.sums.tokensOut === 0) continue
      track.busyAt = now
      taken.set(view.model, sample)
    }
    if (this.#tracks.size > models) this.#forget()
    return taken
  }

  /** A model that was forgotten and opened again gets a new track, which begins at zero. */
  #trackOf(view: ModelView): Track {
    const known = this.#tracks.get(view.model)
    if (known?.view === view) return known
    const track = { view, round: 0, quiet: true, busyAt: Number.NEGATIVE_INFINITY, queued: 0, meanAgeMs: 0 }
    this.#tracks.set(view.model, track)
    return track
  }

  #forget(): void {
    for (const [model, { round }] of this.#tracks) if (round !== this.#round) this.#tracks.delete(model)
  }

  #measure(track: Track, now: number): LaneSample {
    const { model, active, queued, observer } = track.view
    const { waited, waitedMs, turnedAway, refused, done, waitMs, processingMs } = observer.takeInterval()
    // Calls that got a slot or left the line, plus the growth of the line. After a reset of the figures the sum can be
    // negative.
    const arrived = turnedAway + Math.max(0, waited + queued - track.queued)
    const tokensOut = this.#newTokens(model, now)
    track.queued = queued
    track.meanAgeMs = meanAgeMs(track.view, now)
    return {
      page: {
        active,
        queued,
        arrived,
        done,
        refused,
        tokens_out: tokensOut,
        wait_ms: rounded(waitMs),
        processing_ms: rounded(processingMs),
      },
      sums: { arrived, refused, waited, waitedMs, tokensOut },
    }
  }

  /** Tokens since the last sample. A count that has become smaller has begun again, and gives 0. */
  #newTokens(model: string, now: number): number {
    const tokens = this.#parts.tokensOut(model, now)
    const before = this.#tokens.get(model) ?? 0
    if (tokens === 0) this.#tokens.delete(model)
    else if (tokens !== before) this.#tokens.set(model, tokens)
    return Math.max(0, tokens - before)
  }
}

function meanAgeMs(view: ModelView, now: number): number {
  if (view.queued === 0) return 0
  let calls = 0
  let ageMs = 0
  for (const { enqueuedAt } of view.waiting()) {
    calls++
    ageMs += now - enqueuedAt
  }
  return calls === 0 ? 0 : ageMs / calls
}

function rounded(spread: Spread | null): Spread | null {
  return spread && { p50: hundredths(spread.p50), p95: hundredths(spread.p95) }
}
