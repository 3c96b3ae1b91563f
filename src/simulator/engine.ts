import type { Clock } from '../clock.ts'
import { Counters, type ModelCounters } from './counters.ts'
import type { EngineCall, EngineHandle, EngineLimits } from './engine-call.ts'
import { ModelLoader } from './loader.ts'
import { Runner } from './runner.ts'
import { Session, type SessionOutcome } from './session.ts'

interface LoadedModel {
  readonly model: string
  readonly slots: number
  /** Infinity: the model stays for ever. Negative: the model leaves when its last call ends. */
  readonly expiresInMs: number
}

export interface EngineSnapshot {
  readonly total: ModelCounters
  readonly models: Record<string, ModelCounters>
  /** In memory now. The model that stays longest is first. */
  readonly loaded: readonly LoadedModel[]
}

/**
 * How Ollama schedules calls, on a Clock and without I/O. Calls whose model must be loaded wait in one bounded line.
 * Calls whose model is loaded wait in that model's line, which has no bound. The slots share the machine. Models are
 * loaded and unloaded.
 */
export class Engine {
  readonly counters = new Counters()
  readonly #clock: Clock
  readonly #limits: EngineLimits
  readonly #runners = new Map<string, Runner>()
  readonly #loader: ModelLoader

  constructor(clock: Clock, limits: EngineLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#loader = new ModelLoader({
      clock,
      maxQueue: limits.maxQueue,
      loadMs: limits.loadMs,
      admit: (session) => this.#admit(session),
      makeRoom: () => this.#makeRoom(),
      loaded: (session) => this.#loaded(session),
    })
  }

  /** Undefined: the call is refused, because the line of calls that wait for a load is full. */
  submit(call: EngineCall): EngineHandle | undefined {
    const counters = this.counters.of(call.model)
    const session = new Session(call, this.#clock.now(), (ended, outcome) => this.#ended(ended, outcome))
    counters.submitted++
    // As in Ollama, a call to a loaded model skips the pending line, so maxQueue does not bound such calls.
    const runner = this.#runners.get(call.model)
    if (runner) {
      runner.admit(session)
      return session
    }
    counters.pending++
    if (this.#loader.enqueue(session)) return session
    counters.pending--
    counters.refused++
    return undefined
  }

  /** The model leaves memory now, or when its last call ends. */
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
    const runner = this.#runners.get(session.call.model)
    if (!runner) return false
    this.counters.of(session.call.model).pending--
    runner.admit(session)
    return true
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
      onExpired: () => {
        this.#runners.delete(model)
        this.#loader.modelLeft()
      },
    })
    this.#runners.set(model, runner)
    counters.loads++
    this.#admit(session)
  }

  #makeRoom(): boolean {
    if (this.#runners.size < this.#limits.maxLoaded) return true
    // An idle model leaves before a busy one, then the model with the shorter keep-alive. Running calls always finish.
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

/** Compares without subtraction, because Infinity - Infinity is NaN. */
function byKeepAlive(a: Runner, b: Runner): number {
  if (a.keepAliveMs === b.keepAliveMs) return 0
  return a.keepAliveMs < b.keepAliveMs ? -1 : 1
}
