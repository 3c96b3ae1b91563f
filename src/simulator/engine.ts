import type { Clock } from '../clock.ts'
import { Cloud } from './cloud.ts'
import { CallCounters, Counters, type ModelCounters } from './counters.ts'
import { type EngineCall, type EngineHandle, type EngineLimits, runnerKey } from './engine-call.ts'
import { ModelLoader } from './loader.ts'
import { Runner } from './runner.ts'
import { Session } from './session.ts'

interface LoadedModel {
  /** The name of the call for which the model was loaded. */
  readonly model: string
  readonly weights: string
  readonly slots: number
  /** Infinity: the model stays for ever. Zero or less: the model leaves when its last call ends. */
  readonly expiresInMs: number
}

export interface EngineSnapshot {
  readonly total: ModelCounters
  /** By the names that the calls used. */
  readonly models: Record<string, ModelCounters>
  /** By the keys of the runners. Names with the same weights are counted together here. */
  readonly weights: Record<string, ModelCounters>
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
  readonly #weightCounters = new Counters()
  readonly #clock: Clock
  #limits: EngineLimits
  readonly #runners = new Map<string, Runner>()
  readonly #loader: ModelLoader
  readonly #cloud: Cloud

  constructor(clock: Clock, limits: EngineLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#cloud = new Cloud(clock, limits)
    this.#loader = new ModelLoader({
      clock,
      maxQueue: limits.maxQueue,
      loadMs: limits.loadMs,
      admit: (session) => this.#admit(session),
      makeRoom: (session) => this.#makeRoom(session),
      loaded: (session) => this.#loaded(session),
    })
  }

  /** Undefined: the call is refused, because the line of calls that wait for a load is full. */
  submit(call: EngineCall): EngineHandle | undefined {
    const key = runnerKey(call)
    const counts = this.countsOf(call.model, key)
    const session = new Session(call, counts, this.#clock.now())
    counts.add('submitted')
    if (key === undefined) {
      this.#cloud.answer(session)
      return session
    }
    // As in Ollama, a call to a loaded model skips the pending line, so maxQueue does not bound such calls.
    const runner = this.#usable(call)
    if (runner) {
      runner.admit(session)
      return session
    }
    counts.add('pending')
    if (this.#loader.enqueue(session)) return session
    counts.add('pending', -1)
    counts.add('refused')
    return undefined
  }

  /** Counts for a call with this name, served by the runner with this key, or by the cloud when there is no key. */
  countsOf(name: string, key: string | undefined): CallCounters {
    const byName = this.counters.of(name)
    return key === undefined
      ? new CallCounters(byName)
      : new CallCounters(byName, this.#weightCounters.of(key))
  }

  resetCounters(): void {
    this.counters.reset()
    this.#weightCounters.reset()
  }

  /** All runners and lines are gone at once, and all calls fail. */
  restart(numParallel = this.#limits.numParallel): void {
    this.#limits = { ...this.#limits, numParallel }
    this.#loader.clear()
    const runners = [...this.#runners.values()]
    this.#runners.clear()
    for (const runner of runners) runner.kill()
    this.#cloud.failAll()
  }

  /** The runner leaves memory now, or when its last call ends. */
  unload(key: string): void {
    this.#runners.get(key)?.unload()
  }

  /** The runners in memory. The one that stays longest is first. */
  loaded(): Runner[] {
    return [...this.#runners.values()].sort((a, b) => compare(b.expiresInMs, a.expiresInMs))
  }

  snapshot(): EngineSnapshot {
    const loaded = this.loaded().map(({ model, key, slots, expiresInMs }) => ({
      model,
      weights: key,
      slots,
      expiresInMs,
    }))
    const models = this.counters.byModel()
    return { total: this.counters.total(), models, weights: this.#weightCounters.byModel(), loaded }
  }

  #admit(session: Session): boolean {
    const runner = this.#usable(session.call)
    if (!runner) return false
    session.counts.add('pending', -1)
    runner.admit(session)
    return true
  }

  #loaded(session: Session): void {
    const runner = new Runner({
      call: session.call,
      clock: this.#clock,
      limits: this.#limits,
      onExpired: () => {
        this.#runners.delete(runner.key)
        this.#loader.modelLeft()
      },
    })
    this.#runners.set(runner.key, runner)
    session.counts.add('loads')
    this.#admit(session)
  }

  /** The runner in memory that can serve the call as it is loaded. */
  #usable(call: EngineCall): Runner | undefined {
    const runner = this.#runners.get(runnerKey(call) ?? '')
    return runner?.needsReload(call) ? undefined : runner
  }

  #makeRoom(session: Session): boolean {
    const reloaded = this.#runners.get(runnerKey(session.call) ?? '')
    if (reloaded) {
      reloaded.evict()
      return false
    }
    if (this.#runners.size < this.#limits.maxLoaded) return true
    // An idle model leaves before a busy one, then the model with the shorter keep-alive. Running calls always finish.
    const [victim] = [...this.#runners.values()].sort(
      (a, b) =>
        Number(b.idle) - Number(a.idle) || compare(a.keepAliveMs, b.keepAliveMs) || compare(a.key, b.key),
    )
    victim?.evict()
    return false
  }
}

/** Compares without subtraction, because Infinity - Infinity is NaN. */
function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1
}
