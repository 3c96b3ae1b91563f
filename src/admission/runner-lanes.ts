import { Lane } from './lane.ts'
import type { LaneParts } from './lane-parts.ts'
import type { LaneSettings } from './lane-settings.ts'
import type { ModelCalls } from './model-calls.ts'

/** Finds the lane of a runner, or makes one. */
export class RunnerLanes {
  readonly #models: ReadonlyMap<string, ModelCalls<Lane>>
  readonly #settings: LaneSettings
  readonly #parts: LaneParts
  /** Lanes in which calls run, though all of their names stand for other weights now. */
  readonly #nameless = new Set<Lane>()
  /** Whether lanes that are made from now on begin paused. */
  paused = false

  constructor(models: ReadonlyMap<string, ModelCalls<Lane>>, settings: LaneSettings, parts: LaneParts) {
    this.#models = models
    this.#settings = settings
    this.#parts = parts
  }

  all(): Set<Lane> {
    return new Set(Array.from(this.#models.values(), ({ lane }) => lane))
  }

  find(runner: string | undefined): Lane | undefined {
    if (runner === undefined) return undefined
    for (const { lane } of this.#models.values()) if (lane.runnerId === runner) return lane
    return undefined
  }

  /** The lane in which calls of this runner still run, or a new one. */
  open(runner: string | undefined, now: number): Lane {
    for (const lane of this.#nameless) {
      if (lane.active > 0 && lane.runnerId !== runner) continue
      this.#nameless.delete(lane)
      if (lane.active > 0) return lane
    }
    const lane = new Lane(runner, this.#settings.of(runner, []), this.#parts)
    if (this.paused) lane.pause(true, now)
    return lane
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const lane of this.all()) earliest = Math.min(earliest, lane.expire(now))
    return earliest
  }

  /** All calls in line stand anew, and those go that may go then. `change`: changes the rules by which they stand. */
  rejoin(change: () => void, now: number): void {
    const lines = [...this.all()].flatMap(({ turn }) => turn.contenders.lines())
    const all = lines.map((line) => ({ line, tickets: line.takeAll() }))
    change()
    for (const { line, tickets } of all) for (const ticket of tickets) line.join(ticket)
    for (const lane of this.all()) lane.turn.lineMoved(now)
  }

  /** Keeps a lane that has lost its last name, as long as its calls run. */
  keep(lane: Lane): void {
    if (lane.models.length === 0 && lane.active > 0) this.#nameless.add(lane)
  }
}
