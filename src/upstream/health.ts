import type { Cancel, Clock } from '../clock.ts'
import { type Cause, causeOf, isOllamasFault } from './cause.ts'
import { type ProbeAnswer, readProbe } from './probe.ts'

const PROBE_EVERY_MS = 5_000
/** Pause between a first failure and the probe that confirms or withdraws the failure. */
const CONFIRM_AFTER_MS = 1_000

/** Two changes of the version within this time are one. */
const OTHER_VERSION_MS = 60_000

export interface UpstreamStatus {
  readonly name: string
  /** False until the first answer. */
  readonly reachable: boolean
  /** The version that Ollama gave last; null when it gave none. */
  readonly version: string | null
  /** Milliseconds that the last good probe took; null while Ollama does not answer. */
  readonly latencyMs: number | null
  /** The time of the last finding, in milliseconds since 1970; null before the first. */
  readonly checkedAt: number | null
  /** HTTP status of the answer to the last probe; null when the probe got no answer. */
  readonly status: number | null
  /** Why Ollama cannot be reached, or why its version is unknown; null when all is well. */
  readonly error: Cause | null
}

export interface UpstreamHealthParts {
  readonly name: string
  readonly clock: Clock
  /** Asks Ollama for its version; rejects when there is no answer. Has its own time limit. */
  readonly probe: () => Promise<ProbeAnswer>
  /** True when probes carry an Authorization header. */
  readonly authorized?: boolean
  /**
   * Called with the first result, when Ollama begins or stops answering, and when a probe finds another cause.
   * Must not throw.
   */
  readonly onChange?: (status: UpstreamStatus) => void
  /** Called when Ollama answers again after it did not, or with another version: Ollama may be a new process. Must not throw. */
  readonly onReturn?: () => void
}

/**
 * Knows whether Ollama answers, from a probe every five seconds and from the results of calls.
 *
 * Every HTTP answer counts as reachable, except an answer of another program. One failure changes nothing; a second
 * failure in a row does. The second attempt must have begun after the first failure was known: when Ollama ends, all
 * running calls fail at once, and that is one event.
 */
export class UpstreamHealth {
  readonly #parts: UpstreamHealthParts
  #reachable: boolean | undefined
  /** Reachable, and no failure since. The answer to a call then changes nothing. */
  #well = false
  /** Another program answered the last probe, so answers to calls prove nothing. */
  #otherProgram = false
  /** Clock time of a first failure that is not confirmed yet. */
  #doubtedAt: number | undefined
  #failure: Cause | undefined
  #problem: Cause | undefined
  #version: string | null = null
  /** Clock time at which another version answered. */
  #otherAt = Number.NEGATIVE_INFINITY
  #status: number | null = null
  #latencyMs: number | null = null
  #checkedAt: number | null = null
  /** The last report to `onChange`. */
  #reported: { readonly reachable: boolean; readonly code: string | undefined } | undefined
  #running = false
  #probe: Promise<UpstreamStatus> | undefined
  #next: Cancel | undefined

  constructor(parts: UpstreamHealthParts) {
    this.#parts = parts
  }

  status(): UpstreamStatus {
    return {
      name: this.#parts.name,
      reachable: this.#reachable === true,
      version: this.#version,
      latencyMs: this.#latencyMs,
      checkedAt: this.#checkedAt,
      status: this.#status,
      error: this.#failure ?? this.#problem ?? null,
    }
  }

  /** Probes at once, then five seconds after the end of each probe. */
  start(): void {
    if (this.#running) return
    this.#running = true
    void this.checkNow()
  }

  /** Begins no further probe. */
  stop(): void {
    this.#running = false
    this.#next?.()
    this.#next = undefined
  }

  /** Probes, or joins the probe under way. Never rejects: "not reachable" is a result. */
  checkNow(): Promise<UpstreamStatus> {
    this.#probe ??= this.#ask().finally(() => {
      this.#probe = undefined
      this.#scheduleNext()
    })
    return this.#probe
  }

  /** Probes, and probes again after a first failure. For a platform without periodic probes. */
  async checkForSure(): Promise<UpstreamStatus> {
    const status = await this.checkNow()
    return this.#doubtedAt === undefined ? status : this.checkNow()
  }

  /** A call got an answer. Costs one comparison while all is well. */
  sawAnswer(): void {
    if (this.#well || this.#otherProgram) return
    this.#answered()
    this.#report(false)
  }

  /** A call got no answer because of `error`. `sentAt`: clock time when the call was sent. */
  sawFailure(error: unknown, sentAt: number): void {
    const cause = causeOf(error)
    if (!isOllamasFault(cause)) return
    const doubted = this.#doubtedAt !== undefined
    this.#failed(cause, sentAt)
    this.#report(false)
    // A probe under way schedules the next probe itself.
    if (!doubted && this.#doubtedAt !== undefined && this.#probe === undefined) this.#scheduleNext()
  }

  async #ask(): Promise<UpstreamStatus> {
    const begun = this.#parts.clock.now()
    try {
      const answer = await this.#parts.probe()
      const { version, problem, otherProgram } = readProbe(answer, this.#parts.authorized === true)
      this.#status = answer.status
      this.#otherProgram = otherProgram
      if (otherProgram) this.#failed(problem, begun)
      else {
        const isOther = this.#isOther(version)
        this.#problem = problem
        this.#version = version ?? this.#version
        this.#latencyMs = this.#parts.clock.now() - begun
        this.#answered(isOther)
      }
    } catch (error) {
      this.#status = null
      this.#otherProgram = false
      this.#failed(causeOf(error), begun)
    }
    this.#report(true)
    return this.status()
  }

  /** `isOther`: another version answers. */
  #answered(isOther = false): void {
    // A process that ends refuses connections until its successor listens. One failed call is enough to tell.
    const returned = isOther || this.#reachable === false || this.#doubtedAt !== undefined
    this.#reachable = true
    this.#well = true
    this.#doubtedAt = undefined
    this.#failure = undefined
    this.#checkedAt = this.#parts.clock.wallTime()
    if (returned) this.#parts.onReturn?.()
  }

  /**
   * Whether another version answers than before. Two Ollamas of different versions can share one address, so this counts
   * once a minute.
   */
  #isOther(version: string | null): boolean {
    if (version === null || this.#version === null || version === this.#version) return false
    const now = this.#parts.clock.now()
    if (now - this.#otherAt < OTHER_VERSION_MS) return false
    this.#otherAt = now
    return true
  }

  #failed(cause: Cause | undefined, begun: number): void {
    this.#well = false
    this.#failure = cause
    this.#checkedAt = this.#parts.clock.wallTime()
    if (this.#reachable === true) {
      if (this.#doubtedAt === undefined) this.#doubtedAt = this.#parts.clock.now()
      else if (begun >= this.#doubtedAt) this.#reachable = false
    } else this.#reachable = false
    if (this.#reachable) return
    this.#doubtedAt = undefined
    this.#latencyMs = null
  }

  /** Every call may fail for another reason, so only a probe reports a change of the cause. */
  #report(probed: boolean): void {
    const reachable = this.#reachable === true
    const code = (reachable ? this.#problem : this.#failure)?.code
    if (this.#reported?.reachable === reachable && !(probed && this.#reported.code !== code)) return
    this.#reported = { reachable, code }
    this.#parts.onChange?.(this.status())
  }

  #scheduleNext(): void {
    this.#next?.()
    const ms = this.#doubtedAt === undefined ? PROBE_EVERY_MS : CONFIRM_AFTER_MS
    this.#next = this.#running ? this.#parts.clock.after(ms, () => void this.checkNow()) : undefined
  }
}
