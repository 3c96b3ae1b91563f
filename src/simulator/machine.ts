import type { Clock } from '../clock.ts'
import { type EngineCall, type EngineLimits, runnerKey } from './engine-call.ts'
import { GraphicsMemory } from './graphics-memory.ts'
import { Runner } from './runner.ts'
import { type RunnerShape, shapeFor } from './runner-shape.ts'

export interface MachineParts {
  readonly clock: Clock
  readonly limits: EngineLimits
  /** A runner has left memory. */
  left(runner: Runner): void
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
  #peak = 0

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.#limits = parts.limits
    this.#memory = new GraphicsMemory(parts.limits.memoryBytes)
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

  /** The load was given up. */
  release({ graphicsBytes }: Reservation): void {
    this.#memory.giveBack(graphicsBytes)
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
        this.#runners.delete(runner.key)
        runner.kill()
        this.#memory.giveBack(graphicsBytes)
        this.#parts.left(runner)
      },
    })
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
}

/** Compares without subtraction, because Infinity - Infinity is NaN. */
function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1
}
