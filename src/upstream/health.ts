import type { Cancel, Clock } from '../clock.ts'

const PROBE_EVERY_MS = 5_000

export interface UpstreamStatus {
  /** False until something answered for the first time. */
  readonly reachable: boolean
  /** The version that was seen last; null when none was. */
  readonly version: string | null
  /** How long the last good probe took; null while Ollama does not answer. */
  readonly latency_ms: number | null
  /** When this was last looked at, ISO 8601; null before the first probe. */
  readonly checked_at: string | null
}

export interface UpstreamHealthParts {
  readonly clock: Clock
  /** Asks Ollama for its version; rejects when it does not answer. Must bring its own time limit. */
  readonly fetchVersion: () => Promise<string>
  /** Told when Ollama begins or ceases to answer, and of the first finding. Must not throw. */
  readonly onChange?: (status: UpstreamStatus) => void
}

/** Whether Ollama answers, known without asking it: from a probe every five seconds and from what the calls see. */
export class UpstreamHealth {
  readonly #clock: Clock
  readonly #fetchVersion: () => Promise<string>
  readonly #onChange: (status: UpstreamStatus) => void
  #reachable: boolean | undefined
  #version: string | null = null
  #latencyMs: number | null = null
  #checkedAt: number | undefined
  #running = false
  #probe: Promise<UpstreamStatus> | undefined
  #next: Cancel | undefined

  constructor({ clock, fetchVersion, onChange = () => {} }: UpstreamHealthParts) {
    this.#clock = clock
    this.#fetchVersion = fetchVersion
    this.#onChange = onChange
  }

  status(): UpstreamStatus {
    return {
      reachable: this.#reachable === true,
      version: this.#version,
      latency_ms: this.#latencyMs,
      checked_at: this.#checkedAt === undefined ? null : new Date(this.#checkedAt).toISOString(),
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

  /** A call had an answer from Ollama. Costs a comparison while all is well. */
  sawAnswer(): void {
    if (this.#reachable !== true) this.#found(true)
  }

  /** A call found nobody there. */
  sawRefusal(): void {
    if (this.#reachable !== false) this.#found(false)
  }

  async #ask(): Promise<UpstreamStatus> {
    const begun = this.#clock.now()
    try {
      this.#version = await this.#fetchVersion()
      this.#latencyMs = this.#clock.now() - begun
      this.#found(true)
    } catch {
      this.#found(false)
    }
    return this.status()
  }

  #found(reachable: boolean): void {
    const changed = this.#reachable !== reachable
    this.#reachable = reachable
    this.#checkedAt = this.#clock.wallTime()
    if (!reachable) this.#latencyMs = null
    if (changed) this.#onChange(this.status())
  }

  #scheduleNext(): void {
    this.#next?.()
    this.#next = this.#running ? this.#clock.after(PROBE_EVERY_MS, () => void this.checkNow()) : undefined
  }
}
