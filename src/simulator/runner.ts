import type { Cancel, Clock } from '../clock.ts'
import { type EngineCall, type EngineLimits, runnerKey, runnerRequest } from './engine-call.ts'
import { LlamaServer } from './llama-server.ts'
import { needsReload, type RunnerOptions } from './load-options.ts'
import type { Model } from './model-spec.ts'
import type { RunnerShape } from './runner-shape.ts'
import type { Holder, Session } from './session.ts'
import { SlotSemaphore } from './slot-semaphore.ts'
import { type SlotUnit, unitsOf } from './slot-unit.ts'

interface RunnerParts {
  /** The call for which the model was loaded. */
  readonly call: EngineCall
  readonly shape: RunnerShape
  /** Bytes on the graphics cards. */
  readonly graphicsBytes: number
  readonly clock: Clock
  readonly limits: EngineLimits
  /** The model is to leave memory, and the runner is idle now. Runs again when the runner was busy once more since. */
  readonly onExpired: () => void
}

/** A session that holds the runner: it runs, waits in line, or only loads the model. Times are clock times. */
interface Holding {
  /** The units that are not over. */
  readonly units: Set<SlotUnit>
  /** When the first unit began to compute. */
  startedAt: number | undefined
  /** When the last prompt was computed. */
  promptEndedAt: number
  pausedMs: number
  /** Takes back the end of a load, or of the overhead. */
  readonly cancel: Cancel | undefined
}

/** One model in memory. The model stays in memory while a session holds the runner, and for the keep-alive after that. */
export class Runner implements Holder {
  readonly model: string
  readonly key: string
  /** As on the disk when the model was loaded. */
  readonly source: Model | undefined
  /** Undefined: the runner serves calls with any options. */
  readonly options: RunnerOptions | undefined
  readonly slots: number
  /** Bytes of the weights and of the context. */
  readonly bytes: number
  readonly graphicsBytes: number
  readonly onGraphics: boolean
  keepAliveMs: number
  /** The model leaves for another model, or to be loaded with other options. */
  evicted = false
  readonly #parts: RunnerParts
  readonly #semaphore: SlotSemaphore
  readonly #server: LlamaServer
  readonly #holding = new Map<Session, Holding>()
  #expiry: Cancel | undefined
  /** Clock time. Undefined until the model is idle for the first time. */
  #expiresAt: number | undefined
  /** onExpired() has run, so the model leaves as soon as it is idle, whatever keep-alive later calls have. */
  #expired = false

  constructor(parts: RunnerParts) {
    this.#parts = parts
    const { call, limits, clock, shape } = parts
    const request = runnerRequest(call)
    this.model = call.model
    this.key = runnerKey(call) ?? ''
    this.source = request?.source
    this.keepAliveMs = call.keepAliveMs ?? limits.keepAliveMs
    this.slots = shape.slots
    this.options = shape.options
    this.bytes = shape.bytes
    this.graphicsBytes = parts.graphicsBytes
    this.onGraphics = shape.onGraphics
    this.#server = new LlamaServer({
      clock,
      limits,
      slots: this.slots,
      started: (unit) => this.#started(unit),
      ended: (unit) => this.#ended(unit),
    })
    this.#semaphore = new SlotSemaphore({ slots: this.slots, granted: (unit) => this.#server.run(unit) })
  }

  get #overheadMs(): number {
    return this.#parts.limits.overheadMs ?? 0
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
    const { clock } = this.#parts
    const { keepAliveMs, loadOnly } = session.call
    const now = clock.now()
    this.#expiry?.()
    session.grantedAt = now
    session.heldBy(this)
    const units = new Set(loadOnly ? [] : unitsOf(session))
    let cancel: Cancel | undefined
    if (loadOnly) cancel = clock.after(0, () => this.#finish(session))
    else if (this.#overheadMs > 0) cancel = clock.after(this.#overheadMs, () => this.#enter(units))
    this.#holding.set(session, { units, startedAt: undefined, promptEndedAt: now, pausedMs: 0, cancel })
    // As useLoadedRunner in Ollama's server/sched.go: an explicit keep-alive takes back the eviction of a busy runner,
    // and all that wait for the eviction wait on. A call without a keep-alive changes nothing.
    if (keepAliveMs !== undefined) {
      this.keepAliveMs = keepAliveMs
      if (!this.#expired) this.evicted = false
    }
    if (loadOnly) session.counts.add('started')
    else if (!cancel) this.#enter(units)
  }

  /** A client wants the model to leave memory: now, or when the last call ends. */
  unload(): void {
    this.#expiresAt = this.#parts.clock.now()
    this.#leaveWhenIdle()
  }

  /** As unload(), to make room for another model. The time in /api/ps stays. */
  evict(): void {
    this.evicted = true
    this.#leaveWhenIdle()
  }

  /**
   * The process ends now, also while a call that was given up still computes, and all its calls fail. onExpired() does
   * not run.
   */
  kill(): void {
    this.#expiry?.()
    this.#server.kill()
    const held = [...this.#holding]
    this.#holding.clear()
    for (const [, { cancel }] of held) cancel?.()
    this.#giveUp(held.flatMap(([, { units }]) => [...units]))
    for (const [session] of held) session.fail()
  }

  drop(session: Session): void {
    const holding = this.#holding.get(session)
    if (!holding) return
    holding.cancel?.()
    this.#giveUp([...holding.units])
    this.#release(session)
  }

  setPaused(session: Session, paused: boolean): void {
    for (const unit of this.#holding.get(session)?.units ?? []) this.#server.setPaused(unit, paused)
  }

  /** The work loop is dead, or goes on. */
  set hangs(hangs: boolean) {
    this.#server.hangs = hangs
  }

  #enter(units: Iterable<SlotUnit>): void {
    for (const unit of units) if (unit.state === 'new') this.#semaphore.acquire(unit)
  }

  /** No unit of these gets the slot of another: all of them leave the lines before a slot is free. */
  #giveUp(units: readonly SlotUnit[]): void {
    const granted = units.filter(({ state }) => state === 'granted')
    for (const unit of units) if (unit.state !== 'granted') this.#semaphore.release(unit)
    for (const unit of granted) unit.state = 'over'
    for (const unit of granted) this.#server.abort(unit)
    for (const unit of granted) this.#semaphore.release(unit)
  }

  #started({ session }: SlotUnit): void {
    const holding = this.#holding.get(session)
    if (!holding || holding.startedAt !== undefined) return
    holding.startedAt = this.#parts.clock.now()
    session.counts.add('started')
  }

  #ended(unit: SlotUnit): void {
    this.#semaphore.release(unit)
    const holding = this.#holding.get(unit.session)
    if (!holding) return
    const promptEndedAt = unit.work?.promptEndedAt ?? this.#parts.clock.now()
    holding.pausedMs += unit.work?.pausedMs ?? 0
    holding.promptEndedAt = Math.max(holding.promptEndedAt, promptEndedAt)
    holding.units.delete(unit)
    if (holding.units.size === 0) this.#finish(unit.session)
  }

  #finish(session: Session): void {
    const holding = this.#holding.get(session)
    if (!holding) return
    this.#release(session)
    const { submittedAt, grantedAt = submittedAt, call } = session
    const { startedAt = grantedAt, promptEndedAt } = holding
    const ended = this.#parts.clock.now()
    session.finish({
      promptTokens: call.promptTokens,
      outputTokens: call.outputTokens,
      totalMs: ended - submittedAt,
      loadMs: grantedAt - submittedAt,
      waitMs: startedAt - grantedAt - (call.loadOnly ? 0 : this.#overheadMs),
      promptMs: promptEndedAt - startedAt,
      outputMs: ended - promptEndedAt - holding.pausedMs,
    })
  }

  #release(session: Session): void {
    this.#holding.delete(session)
    if (!this.idle) return
    this.#expiresAt = this.#parts.clock.now() + this.keepAliveMs
    if (this.keepAliveMs <= 0 || this.#expired) this.#expire()
    else if (this.keepAliveMs !== Number.POSITIVE_INFINITY) {
      this.#expiry = this.#parts.clock.after(this.keepAliveMs, () => this.#expire())
    }
  }

  #leaveWhenIdle(): void {
    this.keepAliveMs = 0
    if (this.idle) this.#expire()
  }

  #expire(): void {
    this.#expiry?.()
    this.#expired = true
    this.#parts.onExpired()
  }
}
