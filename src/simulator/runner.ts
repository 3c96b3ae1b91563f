import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import { increase, type ModelCounters } from './counters.ts'
import { Decoder, type SlotWork } from './decoder.ts'
import type { EngineLimits } from './engine-call.ts'
import type { Holder, Session } from './session.ts'

interface RunnerParts {
  readonly model: string
  readonly keepAliveMs: number
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly counters: ModelCounters
  /** The model has left memory. */
  readonly onExpired: () => void
}

/**
 * One model in memory: its slots, and a first-in first-out line without a bound. The model stays in memory while a
 * session holds the runner, and for the keep-alive after that.
 */
export class Runner implements Holder {
  readonly model: string
  readonly slots: number
  keepAliveMs: number
  readonly #parts: RunnerParts
  readonly #decoder: Decoder
  readonly #line = new Queue<Session>()
  readonly #running = new Map<Session, SlotWork>()
  /** Sessions that hold the model in memory: they run, wait in line, or only load the model. */
  readonly #holding = new Set<Session>()
  #expiry: Cancel | undefined
  #idleSince: number

  constructor(parts: RunnerParts) {
    this.#parts = parts
    this.model = parts.model
    this.keepAliveMs = parts.keepAliveMs
    this.slots = Math.max(1, parts.limits.slotsOf?.(parts.model) ?? parts.limits.numParallel)
    this.#decoder = new Decoder(parts.clock, parts.limits.slowdown)
    this.#idleSince = parts.clock.now()
  }

  get idle(): boolean {
    return this.#holding.size === 0
  }

  /** Milliseconds until the model leaves memory. Negative: the model leaves when its last call ends. */
  get expiresInMs(): number {
    if (this.idle) return this.#idleSince + this.keepAliveMs - this.#parts.clock.now()
    return this.keepAliveMs > 0 ? this.keepAliveMs : -1
  }

  admit(session: Session): void {
    this.#expiry?.()
    session.grantedAt = this.#parts.clock.now()
    session.heldBy(this)
    this.#holding.add(session)
    if (session.call.keepAliveMs !== undefined) this.keepAliveMs = session.call.keepAliveMs
    if (session.call.loadOnly) {
      this.#parts.counters.started++
      const now = session.grantedAt
      this.#parts.clock.after(0, () => this.#finish(session, now, now))
    } else if (this.#running.size < this.slots) {
      this.#start(session)
    } else {
      this.#line.enqueue(session)
      increase(this.#parts.counters, 'waiting', 'peakWaiting')
    }
  }

  /** The model leaves memory now, or when its last call ends. */
  expire(): void {
    this.keepAliveMs = 0
    if (this.idle) this.#leave()
  }

  drop(session: Session): void {
    const run = this.#running.get(session)
    if (run) {
      this.#decoder.remove(run)
      this.#free(session)
    } else if (!session.call.loadOnly) {
      // The entry stays in the line; #free skips entries of sessions that are over.
      this.#parts.counters.waiting--
    }
    this.#release(session)
  }

  setPaused(session: Session, paused: boolean): void {
    const run = this.#running.get(session)
    if (run) this.#decoder.setPaused(run, paused)
  }

  #start(session: Session): void {
    const { call } = session
    const stretch = call.stretch ?? 1
    session.startedAt = this.#parts.clock.now()
    const run: SlotWork = {
      promptMs: (call.promptTokens * 1000 * stretch) / this.#parts.limits.promptTokensPerSecond,
      tokenMs: (1000 * stretch) / this.#parts.limits.outputTokensPerSecond,
      tokens: call.outputTokens,
      onToken: call.onToken,
      onEnd: () => {
        const ended = this.#parts.clock.now()
        this.#free(session)
        this.#finish(session, run.promptEndedAt ?? ended, ended)
      },
      done: 0,
      reported: 0,
      paused: false,
      promptEndedAt: undefined,
    }
    this.#running.set(session, run)
    increase(this.#parts.counters, 'active', 'peakActive')
    this.#parts.counters.started++
    this.#decoder.add(run)
  }

  #free(session: Session): void {
    this.#running.delete(session)
    this.#parts.counters.active--
    while (this.#running.size < this.slots) {
      const next = this.#line.dequeue()
      if (!next) return
      if (next.outcome) continue
      this.#parts.counters.waiting--
      this.#start(next)
    }
  }

  #finish(session: Session, promptEndedAt: number, ended: number): void {
    if (session.outcome) return
    this.#release(session)
    const grantedAt = session.grantedAt ?? session.submittedAt
    const startedAt = session.call.loadOnly ? grantedAt : session.startedAt
    session.finish({
      promptTokens: session.call.promptTokens,
      outputTokens: session.call.outputTokens,
      totalMs: ended - session.submittedAt,
      loadMs: grantedAt - session.submittedAt,
      waitMs: startedAt - grantedAt,
      promptMs: promptEndedAt - startedAt,
      outputMs: ended - promptEndedAt,
    })
  }

  #release(session: Session): void {
    this.#holding.delete(session)
    if (!this.idle) return
    this.#idleSince = this.#parts.clock.now()
    if (this.keepAliveMs <= 0) this.#leave()
    else if (this.keepAliveMs !== Number.POSITIVE_INFINITY) {
      this.#expiry = this.#parts.clock.after(this.keepAliveMs, () => this.#leave())
    }
  }

  #leave(): void {
    this.#expiry?.()
    this.#parts.onExpired()
  }
}
