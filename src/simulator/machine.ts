import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import { type EngineCall, type EngineLimits, runnerKey } from './engine-call.ts'
import { GraphicsMemory, recoveryMs } from './graphics-memory.ts'
import { Runner } from './runner.ts'
import { type RunnerShape, shapeFor } from './runner-shape.ts'

export interface MachineParts {
  readonly clock: Clock
  readonly limits: EngineLimits
  /** A runner has left memory. */
  unloaded(runner: Runner): void
  /** Whether the work loop of a runner with this key is dead from its beginning on. */
  hangs(key: string): boolean
  /** The memory of a runner that left is back, or Ollama waits no more for the memory. */
  recovered(runner: Runner): void
}

/** Memory that a load has taken, and the runner that will use it. */
export interface Reservation {
  readonly shape: RunnerShape
  readonly graphicsBytes: number
}

/** The runners in memory: which fit, which has to leave for another, and how a runner leaves. */
export class Machine {
  readonly #parts: MachineParts
  #limits: EngineLimits
  readonly #memory: GraphicsMemory
  readonly #runners = new Map<string, Runner>()
  /** Runners that are to leave. They leave one after another. */
  readonly #expired = new Queue<Runner>()
  /** Runs while Ollama waits for the memory of a runner that has left. */
  #recovery: Cancel | undefined
  #peak = 0

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.#limits = parts.limits
    this.#memory = new GraphicsMemory(parts.clock, parts.limits.memoryBytes)
  }

  get size(): number {
    return this.#runners.size
  }

  /** The most runners that were in memory at once, since the last resetPeak(). */
  get peak(): number {
    return this.#peak
  }

  get(key: string): Runner | undefined {
    return this.#runners.get(key)
  }

  has(runner: Runner): boolean {
    return this.#runners.get(runner.key) === runner
  }

  /** The runner that stays longest is first. */
  loaded(): Runner[] {
    return [...this.#runners.values()].sort((a, b) => compare(b.expiresInMs, a.expiresInMs))
  }

  /** The runner that can serve the call as it is loaded. */
  usable(call: EngineCall): Runner | undefined {
    const runner = this.#runners.get(runnerKey(call) ?? '')
    return runner?.needsReload(call) ? undefined : runner
  }

  /** The runner that has to leave before the call's model can be loaded. Undefined: there is room. */
  inTheWayOf(call: EngineCall): Runner | undefined {
    const otherOptions = this.#runners.get(runnerKey(call) ?? '')
    if (otherOptions) return otherOptions
    if (this.size === 0) return undefined
    const shape = shapeFor(call, this.#limits.numParallel)
    const fits = !shape.onGraphics || this.#memory.fitsBesideOthers(shape.bytes)
    return this.size < this.#limits.maxLoaded && fits ? undefined : this.#victim()
  }

  /** Takes the memory for the call's model. */
  reserve(call: EngineCall): Reservation {
    const shape = shapeFor(call, this.#limits.numParallel)
    return { shape, graphicsBytes: shape.onGraphics ? this.#memory.take(shape.bytes) : 0 }
  }

  /** The load has failed, or was given up. As in Ollama, nobody waits for the memory. */
  release({ graphicsBytes }: Reservation): void {
    this.#memory.giveBack(graphicsBytes, this.#limits.vramReturnMs ?? 0)
  }

  /** The runner's work loop is dead, or goes on. */
  hang(key: string, hangs: boolean): void {
    const runner = this.#runners.get(key)
    if (runner) runner.hangs = hangs
  }

  /** The call's model is in memory now. */
  add(call: EngineCall, { shape, graphicsBytes }: Reservation): Runner {
    const { clock } = this.#parts
    const runner = new Runner({
      call,
      shape,
      graphicsBytes,
      clock,
      limits: this.#limits,
      onExpired: () => {
        this.#expired.enqueue(runner)
        this.#unloadExpired()
      },
    })
    runner.hangs = this.#parts.hangs(runner.key)
    this.#runners.set(runner.key, runner)
    this.#peak = Math.max(this.#peak, this.size)
    return runner
  }

  resetPeak(): void {
    this.#peak = this.size
  }

  /** All runners are gone at once, and their calls fail. */
  restart(numParallel = this.#limits.numParallel): void {
    this.#limits = { ...this.#limits, numParallel }
    const runners = [...this.#runners.values()]
    this.#runners.clear()
    this.#expired.clear()
    this.#recovery?.()
    this.#recovery = undefined
    for (const runner of runners) runner.kill()
    this.#memory.clear()
  }

  /** Ollama: findRunnerToUnload. An idle runner leaves before a busy one, then the one with the shorter keep-alive. */
  #victim(): Runner | undefined {
    const [victim] = [...this.#runners.values()].sort(
      (a, b) =>
        Number(b.idle) - Number(a.idle) || compare(a.keepAliveMs, b.keepAliveMs) || compare(a.key, b.key),
    )
    return victim
  }

  /** Ollama: processCompleted. While it waits for the memory of one runner, no other runner leaves. */
  #unloadExpired(): void {
    while (!this.#recovery) {
      const runner = this.#expired.dequeue()
      if (!runner) return
      // A runner that is busy again expires once more when it is idle. A runner can be here twice.
      if (runner.idle && this.has(runner)) this.#unload(runner)
    }
  }

  #unload(runner: Runner): void {
    const returnMs = this.#limits.vramReturnMs ?? 0
    const waitMs = runner.onGraphics ? recoveryMs(returnMs) : 0
    this.#runners.delete(runner.key)
    runner.kill()
    this.#memory.giveBack(runner.graphicsBytes, returnMs)
    this.#parts.unloaded(runner)
    if (waitMs === 0) this.#parts.recovered(runner)
    else {
      this.#recovery = this.#parts.clock.after(waitMs, () => {
        this.#recovery = undefined
        this.#parts.recovered(runner)
        this.#unloadExpired()
      })
    }
  }
}

/** Compares without subtraction, because Infinity - Infinity is NaN. */
function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1
}
