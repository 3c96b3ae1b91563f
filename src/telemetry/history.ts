import type { LaneView } from '../admission/contract.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { HistoryPage, Sample } from '../pages/monitor.ts'
import type { WindowFigures } from '../pages/queue.ts'
import { type LaneSample, LaneSampler, type LaneSamplerParts, type Sums, type Track } from './lane-sampler.ts'
import { hundredths } from './snapshot.ts'

const SAMPLE_EVERY_MS = 5_000
/** Five minutes, the longest window. */
const SAMPLES_KEPT = 60
/** Models in a sample. Sixty samples with a thousand made-up names would be ten megabytes for each reader. */
const MODELS_SHOWN = 100

/** The figures of a model that alerts judge, and from which they advise. */
export interface ModelReading extends WindowFigures {
  readonly active: number
  readonly lane: Pick<LaneView, 'runner' | 'names' | 'limits' | 'effective' | 'runsFewer' | 'paused'>
}

/** The last sample as the alerts judge it. */
export interface Readings {
  /** Models that had a call within the window or have one now. */
  readonly models: ReadonlyMap<string, ModelReading>
  readonly memoryPercent: number | null
  /** False once the model is forgotten. */
  readonly remembers: (model: string) => boolean
}

export interface HistoryParts extends LaneSamplerParts {
  readonly clock: Clock
  /** Memory in use; null where the system does not tell. The answer goes into the next sample. */
  readonly memoryPercent: () => Promise<number | null>
  /** From 10 to 300; rounded to whole samples. */
  readonly windowSeconds: number
  /** Called with every new sample. Must not throw. */
  readonly sampled: (sample: Sample) => void
}

interface HistoryEntry {
  readonly endedAt: number
  readonly seconds: number
  readonly sums: ReadonlyMap<string, Sums>
  readonly page: Sample
}

/**
 * The figures over time: a sample of all models every five seconds, the last sixty samples. Costs the calls nothing: a
 * sample is the difference of counters that exist anyway.
 */
export class History {
  readonly #parts: HistoryParts
  readonly #sampler: LaneSampler
  readonly #entries: HistoryEntry[] = []
  #windowSeconds: number
  #memoryPercent: number | null = null
  #sampledAt = 0
  #dueAt = 0
  #next: Cancel | undefined

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#sampler = new LaneSampler(parts)
    this.#windowSeconds = parts.windowSeconds
  }

  /** Starts the samples. Earlier events go into no sample. */
  start(): void {
    if (this.#next !== undefined) return
    const now = this.#parts.clock.now()
    this.#sampler.take(now)
    this.#sampledAt = now
    this.#dueAt = now
    void this.#askMemory()
    this.#scheduleNext()
  }

  stop(): void {
    this.#next?.()
    this.#next = undefined
  }

  setWindow(seconds: number): void {
    this.#windowSeconds = seconds
  }

  /** The samples in the answer of `GET /queue/history`. With more than a hundred models a sample shows the busiest. */
  page(): Omit<HistoryPage, 'turns'> {
    return { interval_seconds: SAMPLE_EVERY_MS / 1_000, samples: this.#entries.map((entry) => entry.page) }
  }

  /** All figures are 0 for an unknown model. */
  window(model: string): WindowFigures {
    return this.#figures(model, this.#sampler.tracks.get(model), this.#window())
  }

  readings(): Readings {
    const window = this.#window()
    const since = window[0]?.endedAt ?? Number.POSITIVE_INFINITY
    const models = new Map<string, ModelReading>()
    for (const [model, track] of this.#sampler.tracks) {
      if (track.busyAt < since) continue
      const { active, lane } = track.view
      models.set(model, { ...this.#figures(model, track, window), active, lane })
    }
    return {
      models,
      memoryPercent: this.#memoryPercent,
      remembers: (model) => this.#sampler.tracks.has(model),
    }
  }

  #scheduleNext(): void {
    const { clock } = this.#parts
    const now = clock.now()
    // Counted from the time at which this sample was due, so that delays do not add up. Missed samples are skipped.
    this.#dueAt += SAMPLE_EVERY_MS
    if (this.#dueAt <= now) this.#dueAt = now + SAMPLE_EVERY_MS
    this.#next = clock.after(this.#dueAt - now, () => {
      this.#scheduleNext()
      this.#take()
    })
  }

  #take(): void {
    const { clock, sampled } = this.#parts
    const now = clock.now()
    const lanes = this.#sampler.take(now)
    const page: Sample = {
      at: new Date(clock.wallTime()).toISOString(),
      models: Object.fromEntries(busiest(lanes).map(([model, { page }]) => [model, page])),
      memory_percent: this.#memoryPercent,
    }
    const sums = new Map(Array.from(lanes, ([model, { sums }]) => [model, sums]))
    this.#entries.push({ endedAt: now, seconds: (now - this.#sampledAt) / 1_000, sums, page })
    if (this.#entries.length > SAMPLES_KEPT) this.#entries.shift()
    this.#sampledAt = now
    void this.#askMemory()
    sampled(page)
  }

  /** The samples of the window, the oldest first. Half an interval of tolerance, since no timer is exact. */
  #window(): HistoryEntry[] {
    const newest = this.#entries.at(-1)?.endedAt ?? 0
    const from = newest - this.#windowSeconds * 1_000 + SAMPLE_EVERY_MS / 2
    return this.#entries.filter(({ endedAt }) => endedAt > from)
  }

  #figures(model: string, track: Track | undefined, window: readonly HistoryEntry[]): WindowFigures {
    let [seconds, arrived, refused, waited, waitedMs, tokens] = [0, 0, 0, 0, 0, 0]
    for (const entry of window) {
      seconds += entry.seconds
      const sums = entry.sums.get(model)
      if (sums === undefined) continue
      arrived += sums.arrived
      refused += sums.refused
      waited += sums.waited
      waitedMs += sums.waitedMs
      tokens += sums.tokensOut
    }
    const queueLimit = track?.view.lane.limits.queue ?? 0
    return {
      seconds: this.#windowSeconds,
      arrived,
      rejection_rate_percent: hundredths(arrived === 0 ? 0 : (100 * refused) / arrived),
      avg_wait_seconds: hundredths(
        Math.max(waited === 0 ? 0 : waitedMs / waited, track?.meanAgeMs ?? 0) / 1_000,
      ),
      queue_depth_percent: hundredths(queueLimit === 0 ? 0 : (100 * (track?.queued ?? 0)) / queueLimit),
      tokens_per_second: hundredths(seconds === 0 ? 0 : tokens / seconds),
    }
  }

  async #askMemory(): Promise<void> {
    try {
      this.#memoryPercent = await this.#parts.memoryPercent()
    } catch {
      this.#memoryPercent = null
    }
  }
}

/** The models with the most tokens, then most calls held, then most arrivals. A made-up model gives no tokens. */
function busiest(lanes: ReadonlyMap<string, LaneSample>): (readonly [model: string, sample: LaneSample])[] {
  const all = [...lanes]
  if (all.length <= MODELS_SHOWN) return all
  const held = ({ page }: LaneSample) => page.active + page.queued
  all.sort(
    ([, a], [, b]) =>
      b.page.tokens_out - a.page.tokens_out || held(b) - held(a) || b.page.arrived - a.page.arrived,
  )
  return all.slice(0, MODELS_SHOWN)
}
