import type { Clock } from '../clock.ts'
import { Counters, type ModelCounters } from './counters.ts'
import type { EngineCall, EngineHandle, EngineLimits } from './engine-call.ts'
import { Loader } from './loader.ts'
import { Runner } from './runner.ts'
import { Session, type SessionOutcome } from './session.ts'

export interface LoadedModel {
  readonly model: string
  readonly slots: number
  /** Infinity: stays for ever. Negative: told to go, held by calls. */
  readonly expiresInMs: number
}

export interface EngineSnapshot {
  readonly total: ModelCounters
  readonly models: Record<string, ModelCounters>
  /** In memory now, the longest to stay first. */
  readonly loaded: readonly LoadedModel[]
}

/**
 * What Ollama does with calls, on the clock and without any I/O: a bounded line for models that must be loaded, an
 * unbounded one for those that are, slots that share the machine, models that come and go.
 */
export class Engine {
  readonly counters = new Counters()
  readonly #clock: Clock
  readonly #limits: EngineLimits
  readonly #runners = new Map<string, Runner>()
  readonly #loader: Loader

  constructor(clock: Clock, limits: EngineLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#loader = new Loader({
      clock,
      maxQueue: limits.maxQueue,
      loadMs: limits.loadMs,
      admit: (session) => this.#admit(session),
      makeRoom: () => this.#makeRoom(),
      loaded: (session) => this.#loaded(session),
    })
  }

  /** Takes a call in. undefined: refused, because the line of calls that wait for a load is full. */
  submit(call: EngineCall): EngineHandle | undefined {
    const counters = this.counters.of(call.model)
    const session = new Session(call, this.#clock.now(), (it, outcome) => this.#ended(it, outcome))
    counters.submitted++
    // The way past the pending line that makes it bound nothing: a loaded model is handed out directly.
    if (this.#runners.has(call.model)) {
      this.#hand(session)
      return session
    }
    counters.pending++
    if (this.#loader.enqueue(session)) return session
    counters.pending--
    counters.refused++
    return undefined
  }

  /** Never waits: the model goes now, or with the last call that holds it. */
  unload(model: string): void {
    this.#runners.get(model)?.expire()
  }

  snapshot(): EngineSnapshot {
    const loaded = [...this.#runners.values()]
      .map(({ model, slots, expiresInMs }) => ({ model, slots, expiresInMs }))
      .sort((a, b) => (a.expiresInMs < b.expiresInMs ? 1 : -1))
    return { total: this.counters.total(), models: this.counters.byModel(), loaded }
  }

  #admit(session: Session): boolean {
    if (!this.#runners.has(session.call.model)) return false
    this.counters.of(session.call.model).pending--
    this.#hand(session)
    return true
  }

  #hand(session: Session): void {
    this.#runners.get(session.call.model)?.admit(session)
  }

  #loaded(session: Session): void {
    const { model, keepAliveMs } = session.call
    const counters = this.counters.of(model)
    const runner = new Runner({
      model,
      keepAliveMs: keepAliveMs ?? this.#limits.keepAliveMs,
      clock: this.#clock,
      limits: this.#limits,
      counters,
      onExpired: (it) => {
        this.#runners.delete(it.model)
        this.#loader.freed()
      },
    })
    this.#runners.set(model, runner)
    counters.loads++
    this.#admit(session)
  }

  #makeRoom(): boolean {
    if (this.#runners.size < this.#limits.maxLoaded) return true
    // An idle model goes before a busy one; among equals the one that would leave first. Work in flight is never killed.
    const [victim] = [...this.#runners.values()].sort(
      (a, b) => Number(b.idle) - Number(a.idle) || byKeepAlive(a, b),
    )
    victim?.expire()
    return false
  }

  #ended(session: Session, outcome: SessionOutcome): void {
    const counters = this.counters.of(session.call.model)
    counters[outcome]++
    if (outcome !== 'finished' && session.grantedAt === undefined) counters.pending--
  }
}

/** Infinity minus Infinity is not a number, so no subtraction. */
function byKeepAlive(a: Runner, b: Runner): number {
  if (a.keepAliveMs === b.keepAliveMs) return 0
  return a.keepAliveMs < b.keepAliveMs ? -1 : 1
}
