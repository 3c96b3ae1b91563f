import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import { Decoder, type SlotWork, workOf } from './decoder.ts'
import { type EngineCall, type EngineLimits, runnerKey, runnerRequest } from './engine-call.ts'
import { asLoaded, type LoadOptions, needsReload } from './load-options.ts'
import type { Model } from './model-spec.ts'
import type { Holder, Session } from './session.ts'

interface RunnerParts {
  /** The call for which the model was loaded. */
  readonly call: EngineCall
  readonly clock: Clock
  readonly limits: EngineLimits
  /** The model has left memory. */
  readonly onExpired: () => void
}

/**
 * One model in memory: its slots, and a first-in first-out line without a bound. The model stays in memory while a
 * session holds the runner, and for the keep-alive after that.
 */
export class Runner implements Holder {
  readonly model: string
  readonly key: string
  /** As on the disk when the model was loaded. */
  readonly source: Model | undefined
  /** Undefined: the runner serves calls with any options. */
  readonly options: LoadOptions | undefined
  readonly slots: number
  keepAliveMs: number
  readonly #parts: RunnerParts
  readonly #decoder: Decoder
  readonly #line = new Queue<Session>()
  readonly #running = new Map<Session, SlotWork>()
  /** Sessions that hold the model in memory: they run, wait in line, or only load the model. */
  readonly #holding = new Set<Session>()
  #expiry: Cancel | undefined
  /** Clock time. Undefined until the model is idle for the first time. */
  #expiresAt: number | undefined

  constructor(parts: RunnerParts) {
    this.#parts = parts
    const { call, limits, clock } = parts
    this.model = call.model
    this.key = runnerKey(call) ?? ''
    const request = runnerRequest(call)
    this.source = request?.source
    this.options = request && asLoaded(request.options, request.source.trainedContext)
    this.keepAliveMs = call.keepAliveMs ?? limits.keepAliveMs
    this.slots = request?.singleSlot ? 1 : Math.max(1, limits.numParallel)
    this.#decoder = new Decoder(clock, limits.slowdown)
  }

  get idle(): boolean {
    return this.#holding.size === 0
  }

  /**
   * Milliseconds until the time that /api/ps shows as expires_at. As in Ollama, the time is set when the model becomes
   * idle and when an unload is asked for, and not when a call begins. So it can lie in the past while calls run.
   */
  get expiresInMs(): number {
    return this.#expiresAt === undefined ? this.keepAliveMs : this.#expiresAt - this.#parts.clock.now()
  }

  /** True: the call needs the runner to be loaded again. Ollama's runner of safetensors ignores all options. */
  needsReload(call: EngineCall): boolean {
    const wanted = runnerRequest(call)
    if (!this.options || !wanted || wanted.source.format === 'safetensors') return false
    return needsReload(this.options, wanted.options, wanted.source.trainedContext)
  }

  admit(session: Session): void {
    this.#expiry?.()
    session.grantedAt = this.#parts.clock.now()
    session.heldBy(this)
    this.#holding.add(session)
    if (session.call.keepAliveMs !== undefined) this.keepAliveMs = session.call.keepAliveMs
    if (session.call.loadOnly) {
      session.counts.add('started')
      const now = session.grantedAt
      this.#parts.clock.after(0, () => this.#finish(session, now, now))
    } else if (this.#running.size < this.slots) {
      this.#start(session)
    } else {
      this.#line.enqueue(session)
      session.counts.add('waiting')
    }
  }

  /** A client wants the model to leave memory: now, or when the last call ends. */
  unload(): void {
    this.#expiresAt = this.#parts.clock.now()
    this.evict()
  }

  /** As unload(), to make room for another model. The time in /api/ps stays. */
  evict(): void {
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
      session.counts.add('waiting', -1)
    }
    this.#release(session)
  }

  setPaused(session: Session, paused: boolean): void {
    const run = this.#running.get(session)
    if (run) this.#decoder.setPaused(run, paused)
  }

  #start(session: Session): void {
    session.startedAt = this.#parts.clock.now()
    const run = workOf(session.call, this.#parts.limits, () => {
      const ended = this.#parts.clock.now()
      this.#free(session)
      this.#finish(session, run.promptEndedAt ?? ended, ended)
    })
    this.#running.set(session, run)
    session.counts.add('active')
    session.counts.add('started')
    this.#decoder.add(run)
  }

  #free(session: Session): void {
    this.#running.delete(session)
    session.counts.add('active', -1)
    while (this.#running.size < this.slots) {
      const next = this.#line.dequeue()
      if (!next) return
      if (next.outcome) continue
      next.counts.add('waiting', -1)
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
    this.#expiresAt = this.#parts.clock.now() + this.keepAliveMs
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
