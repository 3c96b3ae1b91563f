import { LOAD_MS } from '../admission/contract.ts'
import { type LoadOptions, type OptionDifference, reloadCauses } from '../ollama/load-options.ts'

/** An answer up to this time shows that the model was loaded: below the shortest load, see LOAD_MS. */
const LOADED_MS = 20
const MOST_SPANS = 16
const MOST_FITS = 16

/** One call that Ollama ran to its end. Times in clock milliseconds. */
export interface OptionRun {
  readonly options: LoadOptions
  /** Equal for equal options. */
  readonly signature: string
  readonly client: string
  readonly sentAt: number
  readonly endedAt: number
  /** Undefined where the answer does not tell. */
  readonly loadMs: number | undefined
}

/** A load that the options of a call made necessary. */
export interface OptionReload {
  readonly causes: readonly OptionDifference[]
  /** The address that sent the options before. */
  readonly previousClient: string
}

/** Calls with equal options that ended one after the other. */
interface Span {
  readonly options: LoadOptions
  readonly signature: string
  readonly firstEndedAt: number
  /** Address of the last one. */
  client: string
  /** All answers show that the model was loaded. */
  loaded: boolean
  /** Signature of the options for which the runner was loaded again after this span. */
  followedBy: string | undefined
}

/**
 * The options with which one runner ran, in the order in which the calls ended. A runner has one set of options at a
 * time, so Ollama lets the calls with the old options end before it loads the runner with new ones.
 */
export class OptionRuns {
  readonly #spans: Span[] = []
  /** Pairs of signatures that need no load between them, the first learned first, with the time of the last proof. */
  readonly #fits = new Map<string, number>()

  /** Returns what the options of this call did, where they made Ollama load the model again. */
  add(run: OptionRun): OptionReload | undefined {
    const last = this.#spans.at(-1)
    if (last?.signature !== run.signature) this.#learnFit(run)
    const reload =
      run.loadMs !== undefined && run.loadMs >= LOAD_MS ? this.#reload(run, run.loadMs) : undefined
    const isLoaded = run.loadMs !== undefined && run.loadMs <= LOADED_MS
    if (last?.signature === run.signature) {
      last.client = run.client
      last.loaded &&= isLoaded
    } else this.#open(run, isLoaded)
    return reload
  }

  /** Forgets what has no proof since this clock time. */
  forgetBefore(time: number): void {
    for (const [pair, seenAt] of this.#fits) if (seenAt < time) this.#fits.delete(pair)
  }

  #open({ options, signature, client, endedAt }: OptionRun, loaded: boolean): void {
    const span = { options, signature, client, firstEndedAt: endedAt, loaded }
    this.#spans.push({ ...span, followedBy: undefined })
    if (this.#spans.length > MOST_SPANS) this.#spans.shift()
  }

  #reload({ options, signature, sentAt }: OptionRun, loadMs: number): OptionReload | undefined {
    const loadedAt = sentAt + loadMs
    const before = this.#spans.findLast(({ firstEndedAt }) => firstEndedAt <= loadedAt)
    if (before === undefined || this.#fits.has(pairOf(before.signature, signature))) return undefined
    // Several calls can wait for one load, and each of their answers shows the load.
    if (before.followedBy === signature) return undefined
    const causes = reloadCauses(before.options, options)
    if (causes.length === 0) return undefined
    before.followedBy = signature
    return { causes, previousClient: before.client }
  }

  /**
   * Options that come back after others, and no answer shows a load: both are the same for Ollama. An example is a
   * num_ctx that equals the default.
   */
  #learnFit({ signature, endedAt, loadMs = 0 }: OptionRun): void {
    const others = this.#spans.at(-1)
    if (!others?.loaded || loadMs > LOADED_MS || this.#spans.at(-2)?.signature !== signature) return
    this.#fits.set(pairOf(others.signature, signature), endedAt)
    const [oldest] = this.#fits.keys()
    if (this.#fits.size > MOST_FITS && oldest !== undefined) this.#fits.delete(oldest)
  }
}

/** A signature holds no line break. */
function pairOf(one: string, other: string): string {
  return one < other ? `${one}\n${other}` : `${other}\n${one}`
}
