import type { Clock } from '../clock.ts'
import { Cloud } from './cloud.ts'
import { CallCounters, Counters, type ModelCounters } from './counters.ts'
import { type EngineCall, type EngineHandle, type EngineLimits, runnerKey } from './engine-call.ts'
import { Hangs } from './hangs.ts'
import { LoadFaults } from './load-faults.ts'
import { LoadLog, type LoadRecord } from './load-log.ts'
import { ModelLoader } from './loader.ts'
import { Machine } from './machine.ts'
import type { Runner } from './runner.ts'
import { Session } from './session.ts'

interface RunnerInMemory {
  /** The name of the call for which the model was loaded. */
  readonly model: string
  readonly weights: string
  readonly slots: number
  /** Bytes of the weights and of the context of all slots. */
  readonly bytes: number
  /** Bytes of these on the graphics cards. */
  readonly graphicsBytes: number
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
  readonly loaded: readonly RunnerInMemory[]
  /** The most models that were in memory at once. */
  readonly peakLoaded: number
  /** The last 1000 loads. The oldest is first. */
  readonly loads: readonly LoadRecord[]
}

/**
 * How Ollama schedules calls, on a Clock and without I/O. Calls whose model must be loaded wait in one bounded line.
 * Calls whose model is loaded wait in that model's line, which has no bound. The slots share the machine. Models are
 * loaded and unloaded.
 */
export class Engine {
  readonly counters = new Counters()
  /** Loads that are to fail, by the keys of the runners. */
  readonly loadFaults = new LoadFaults()
  /** Runners that stand still. A runner that leaves memory, and a restart, end the hang of a generation. */
  readonly hangs = new Hangs((key) => this.#hangChanged(key))
  readonly #weightCounters = new Counters()
  readonly #clock: Clock
  readonly #machine: Machine
  readonly #loader: ModelLoader
  readonly #loadLog = new LoadLog()
  readonly #cloud: Cloud

  constructor(clock: Clock, limits: EngineLimits) {
    this.#clock = clock
    this.#cloud = new Cloud(clock, limits)
    this.#machine = new Machine({
      clock,
      limits,
      unloaded: (runner) => {
        this.hangs.ended(runner.key)
        if (runner.evicted) this.countsOf(runner.model, runner.key).add('evictions')
      },
      hangs: (key) => this.hangs.has(key, 'generation'),
      recovered: (runner) => this.#loader.runnerLeft(runner),
    })
    this.#loader = new ModelLoader({
      clock,
      limits,
      machine: this.#machine,
      faults: this.loadFaults,
      hangs: this.hangs,
      log: this.#loadLog,
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
    const runner = this.#machine.usable(call)
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
    this.#loadLog.reset()
    this.#machine.resetPeak()
  }

  /** All runners and lines are gone at once, and all calls fail. */
  restart(numParallel?: number): void {
    this.hangs.clear()
    this.#loader.clear()
    this.#machine.restart(numParallel)
    this.#cloud.failAll()
  }

  #hangChanged(key: string): void {
    this.#machine.hang(key, this.hangs.has(key, 'generation'))
    this.#loader.hangChanged()
  }

  /** The runner leaves memory now, or when its last call ends. */
  unload(key: string): void {
    this.#machine.get(key)?.unload()
  }

  /** The runners in memory. The one that stays longest is first. */
  loaded(): Runner[] {
    return this.#machine.loaded()
  }

  snapshot(): EngineSnapshot {
    const loaded = this.loaded().map(({ model, key, slots, bytes, graphicsBytes, expiresInMs }) => ({
      model,
      weights: key,
      slots,
      bytes,
      graphicsBytes,
      expiresInMs,
    }))
    return {
      total: this.counters.total(),
      models: this.counters.byModel(),
      weights: this.#weightCounters.byModel(),
      loaded,
      peakLoaded: this.#machine.peak,
      loads: this.#loadLog.records(),
    }
  }
}
