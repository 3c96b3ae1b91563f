import type { Cancel, Clock } from '../clock.ts'
import { type Cause, causeOf, isOllamas } from './cause.ts'
import { type ProbeAnswer, readProbe } from './probe.ts'

const PROBE_EVERY_MS = 5_000
/** After a first failure the next probe comes this soon, to confirm the failure or to take it back. */
const CONFIRM_AFTER_MS = 1_000

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
  /** HTTP status of the answer to the last probe; null when it had none. */
  readonly status: number | null
  /** Why Ollama cannot be reached, or why it told no version; null when all is well. */
  readonly error: Cause | null
}

export interface UpstreamHealthParts {
  readonly name: string
  readonly clock: Clock
  /** Asks for Ollama's version; rejects when there is no answer. Must bring its own time limit. */
  readonly probe: () => Promise<ProbeAnswer>
  /** True when probes carry an Authorization. */
  readonly authorized?: boolean
  /** Told when Ollama begins or ceases to answer, of the first finding, and when probes find another cause. Must not throw. */
  readonly onChange?: (status: UpstreamStatus) => void
}

/**
 * Whether Ollama answers, known without asking it: from a probe every five seconds and from what the calls see.
 *
 * Any HTTP answer counts, but for that of another program. One failure alone changes nothing, two in a row do. The
 * second one must be of an attempt that began after the first failure was known: when Ollama ends, all calls under way
 * fail at once, and that is one event, not many.
 */
export class UpstreamHealth {
  readonly #name: string
  readonly #clock: Clock
  readonly #askVersion: () => Promise<ProbeAnswer>
  readonly #authorized: boolean
  readonly #onChange: (status: UpstreamStatus) => void
  #reachable: boolean | undefined
  /** Reachable, without a failure since: then a call's answer tells nothing new. */
  #well = false
  /** The last probe was answered by another program, so that answers to calls prove nothing. */
  #stranger = false
  /** Clock time of the first failure, while Ollama still counts as reachable. */
  #doubtedAt: number | undefined
  #failure: Cause | undefined
  #oddity: Cause | undefined
  #version: string | null = null
  #status: number | null = null
  #latencyMs: number | null = null
  #checkedAt: number | null = null
  /** What `onChange` was told last. */
  #told: { readonly reachable: boolean; readonly code: string | undefined } | undefined
  #running = false
  #probe: Promise<UpstreamStatus> | undefined
  #next: Cancel | undefined

  constructor({ name, clock, probe, authorized = false, onChange = () => {} }: UpstreamHealthParts) {
    this.#name = name
    this.#clock = clock
    this.#askVersion = probe
    this.#authorized = authorized
    this.#onChange = onChange
  }

  status(): UpstreamStatus {
    return {
      name: this.#name,
      reachable: this.#reachable === true,
      version: this.#version,
      latencyMs: this.#latencyMs,
      checkedAt: this.#checkedAt,
      status: this.#status,
      error: this.#failure ?? this.#oddity ?? null,
    }
  }

  /** Probes at once and then every five seconds, counted from the end of the probe before. */
  start(): void {
    if (this.#running) return
    this.#running = true
    void this.checkNow()
  }

  /** No probe begins any more. */
  stop(): void {
    this.#running = false
    this.#next?.()
    this.#next = undefined
  }

  /** Probes, or joins the probe that is under way. Never rejects: not reachable is an answer. */
  checkNow(): Promise<UpstreamStatus> {
    this.#probe ??= this.#ask().finally(() => {
      this.#probe = undefined
      this.#scheduleNext()
    })
    return this.#probe
  }

  /** Probes, and once more when that leaves a doubt. For where no probe comes by itself. */
  async checkForSure(): Promise<UpstreamStatus> {
    const status = await this.checkNow()
    return this.#doubtedAt === undefined ? status : this.checkNow()
  }

  /** A call had an answer. Costs a comparison while all is well. */
  sawAnswer(): void {
    if (this.#well || this.#stranger) return
    this.#answered()
    this.#tell(false)
  }

  /** A call had no answer, for this reason. `sentAt`: the clock time at which it was sent. */
  sawFailure(error: unknown, sentAt: number): void {
    const cause = causeOf(error)
    if (!isOllamas(cause)) return
    const doubted = this.#doubtedAt !== undefined
    this.#failed(cause, sentAt)
    this.#tell(false)
    // A probe that is under way schedules the next one itself.
    if (!doubted && this.#doubtedAt !== undefined && this.#probe === undefined) this.#scheduleNext()
  }

  async #ask(): Promise<UpstreamStatus> {
    const begun = this.#clock.now()
    try {
      const answer = await this.#askVersion()
      const { version, oddity, stranger } = readProbe(answer, this.#authorized)
      this.#status = answer.status
      this.#stranger = stranger
      if (stranger) this.#failed(oddity, begun)
      else {
        this.#oddity = oddity
        this.#version = version ?? this.#version
        this.#latencyMs = this.#clock.now() - begun
        this.#answered()
      }
    } catch (error) {
      this.#status = null
      this.#stranger = false
      this.#failed(causeOf(error), begun)
    }
    this.#tell(true)
    return this.status()
  }

  #answered(): void {
    this.#reachable = true
    this.#well = true
    this.#doubtedAt = undefined
    this.#failure = undefined
    this.#checkedAt = this.#clock.wallTime()
  }

  #failed(cause: Cause | undefined, begun: number): void {
    this.#well = false
    this.#failure = cause
    this.#checkedAt = this.#clock.wallTime()
    if (this.#reachable === true) {
      if (this.#doubtedAt === undefined) this.#doubtedAt = this.#clock.now()
      else if (begun >= this.#doubtedAt) this.#reachable = false
    } else this.#reachable = false
    if (this.#reachable) return
    this.#doubtedAt = undefined
    this.#latencyMs = null
  }

  /** Calls may fail for a different reason each; only what the probes find is told anew. */
  #tell(probed: boolean): void {
    const reachable = this.#reachable === true
    const code = (reachable ? this.#oddity : this.#failure)?.code
    if (this.#told?.reachable === reachable && !(probed && this.#told.code !== code)) return
    this.#told = { reachable, code }
    this.#onChange(this.status())
  }

  #scheduleNext(): void {
    this.#next?.()
    const ms = this.#doubtedAt === undefined ? PROBE_EVERY_MS : CONFIRM_AFTER_MS
    this.#next = this.#running ? this.#clock.after(ms, () => void this.checkNow()) : undefined
  }
}
