import { CLOUD } from '../admission/contract.ts'
import {
  type LoadOption,
  type LoadOptions,
  loadOptions,
  signature as signatureOf,
} from '../ollama/load-options.ts'
import { gatedRoute } from '../ollama/routes.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { OptionRuns } from './option-runs.ts'
import { ReloadCounts, type ReloadPair } from './reload-counts.ts'

const MOST_RUNNERS = 200
const HOUR_MS = 3_600_000
/** Texts of options with their meaning. A text has at most 4 KiB. */
const MOST_TEXTS = 64

/** The parts of a call that tell of a load. */
export type OptionCall = Pick<
  FinishedCall,
  'client' | 'loadMs' | 'model' | 'options' | 'outcome' | 'path' | 'sentMs' | 'status' | 'totalMs'
>

/** The loads of one runner because calls have different options. */
export interface RunnerReloads {
  readonly runner: string
  /** Loads in the last ten minutes. */
  readonly count: number
  /** At most sixteen, the pair with the most loads first. */
  readonly pairs: readonly ReloadPair[]
}

export interface ReloadsParts {
  /** The runner of a model key; undefined where there is none. */
  readonly runnerOf: (model: string) => string | undefined
  /** Ollama loaded a model again because this option differs. Must not throw. */
  readonly reloaded: (model: string, option: LoadOption) => void
}

interface ReadOptions {
  readonly options: LoadOptions
  readonly signature: string
}

interface WatchedRunner {
  readonly runs: OptionRuns
  readonly counts: ReloadCounts
  heardAt: number
}

/** A call without options, and every call of /v1: Ollama takes all values from the model and from the machine. */
const AUTOMATIC: ReadOptions = { options: {}, signature: '' }

/**
 * Finds out which loads happen because clients want the same runner with different options. Told the time, in clock
 * milliseconds. Everything older than an hour is forgotten.
 */
export class Reloads {
  readonly #parts: ReloadsParts
  readonly #runners = new Map<string, WatchedRunner>()
  readonly #texts = new Map<string, ReadOptions>()
  /** Until this time, calls without options matter: somebody has sent options. */
  #watchesUntil = Number.NEGATIVE_INFINITY

  constructor(parts: ReloadsParts) {
    this.#parts = parts
  }

  /** A gated call is over. `now`: the end of the call. */
  heard(call: OptionCall, now: number): void {
    // Where no client sends options, no options differ, and a call costs no more than this.
    if (call.options === undefined && now > this.#watchesUntil) return
    const { model, sentMs } = call
    if (model === null || sentMs === null || !tellsOptions(call)) return
    const { options, signature } = this.#read(call.options)
    if (signature !== '') this.#watchesUntil = now + HOUR_MS
    const runner = now > this.#watchesUntil ? undefined : this.#parts.runnerOf(model)
    if (runner === undefined || runner === CLOUD) return
    const { runs, counts } = this.#watched(runner, now)
    const sentAt = now - call.totalMs + sentMs
    const loadMs = call.loadMs > 0 ? call.loadMs : undefined
    const reload = runs.add({ options, signature, client: call.client, sentAt, endedAt: now, loadMs })
    if (reload === undefined) return
    counts.add(reload, call.client, now)
    for (const { option } of reload.causes) this.#parts.reloaded(model, option)
  }

  /** The runners that were loaded again because of options within the last hour. Call this every minute or so: it forgets. */
  runners(now: number): readonly RunnerReloads[] {
    const found: RunnerReloads[] = []
    for (const [runner, watched] of this.#runners) {
      const { runs, counts, heardAt } = watched
      if (heardAt < now - HOUR_MS) {
        this.#runners.delete(runner)
        continue
      }
      runs.forgetBefore(now - HOUR_MS)
      counts.forgetBefore(now - HOUR_MS)
      const pairs = counts.pairs(now)
      if (pairs.length > 0) found.push({ runner, count: counts.count(now), pairs })
    }
    if (now > this.#watchesUntil) this.#texts.clear()
    return found
  }

  #read(text: string | undefined): ReadOptions {
    if (text === undefined) return AUTOMATIC
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const options = loadOptions(text)
    const read = { options, signature: signatureOf(options) }
    const [oldest] = this.#texts.keys()
    if (this.#texts.size >= MOST_TEXTS && oldest !== undefined) this.#texts.delete(oldest)
    this.#texts.set(text, read)
    return read
  }

  #watched(runner: string, now: number): WatchedRunner {
    const known = this.#runners.get(runner)
    if (known !== undefined && known.heardAt >= now - HOUR_MS) {
      known.heardAt = now
      return known
    }
    if (known === undefined && this.#runners.size >= MOST_RUNNERS) this.#forgetLongestUnused()
    const watched = { runs: new OptionRuns(), counts: new ReloadCounts(), heardAt: now }
    this.#runners.set(runner, watched)
    return watched
  }

  #forgetLongestUnused(): void {
    let longest: readonly [string, WatchedRunner] | undefined
    for (const each of this.#runners) if (!longest || each[1].heardAt < longest[1].heardAt) longest = each
    if (longest) this.#runners.delete(longest[0])
  }
}

/**
 * Whether Ollama ran the call to its end with options that are known. An answer without figures, where a call can
 * unload its model, may come from an unload, which has no options.
 */
function tellsOptions({ loadMs, options, outcome, path, status }: OptionCall): boolean {
  if (outcome !== 'done' || status >= 400) return false
  return loadMs > 0 || options !== undefined || gatedRoute(path)?.unloads !== true
}
