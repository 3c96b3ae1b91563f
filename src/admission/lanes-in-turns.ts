import type { Cancel, Clock } from '../clock.ts'
import { CLOUD, type Runners } from './contract.ts'
import type { Lane } from './lane.ts'
import type { LoadedWatch, SeenModel, TurnObserver, TurnSettings } from './turns/contract.ts'
import { Turns } from './turns/turns.ts'
import { TurnsPage } from './turns/turns-page.ts'

/** What an admission with turns brings. */
export interface TurnsParts {
  readonly settings: TurnSettings
  readonly observer: TurnObserver
  readonly watch: LoadedWatch
}

const NO_TURNS: TurnsParts = {
  settings: { ordered: false, maxWaitMs: 0, maxSwitching: 0, together: [] },
  observer: { loaded() {}, left() {} },
  watch: { pace() {}, look() {} },
}

interface LanesInTurnsParts {
  readonly clock: Clock
  readonly runners: Runners
  readonly turns: TurnsParts | undefined
  readonly lanes: () => Iterable<Lane>
  /** The lane of a model that was called. */
  readonly laneOf: (model: string) => Lane | undefined
}

/** Connects the turns with the lanes, the clock and what is known of the runners. */
export class LanesInTurns {
  readonly turns: Turns
  readonly page: TurnsPage
  readonly #parts: LanesInTurnsParts
  #timer: Cancel | undefined
  /** Clock milliseconds for which the timer is set. */
  #timerAt = Number.POSITIVE_INFINITY

  constructor(parts: LanesInTurnsParts) {
    this.#parts = parts
    this.turns = new Turns({ ...(parts.turns ?? NO_TURNS), plan: (at) => this.#plan(at) })
    this.page = new TurnsPage(this.turns, parts.clock)
    this.#configure()
  }

  /** A lane was made. Further names of a lane change nothing about the turn of its runner. */
  opened(lane: Lane): void {
    lane.turn.enter(this.#contends(lane), this.#now)
  }

  /** What is known of the runners has changed, and so have the lanes. */
  regrouped(): void {
    const now = this.#now
    for (const lane of this.#parts.lanes()) {
      const contends = this.#contends(lane)
      if (contends === lane.turn.contends) continue
      if (!contends) lane.turn.leave(now)
      lane.turn.enter(contends, now)
    }
    this.#configure()
    this.turns.advance(now)
  }

  /** What Ollama had in memory at the clock milliseconds `askedAt`. */
  saw(models: readonly SeenModel[], askedAt: number): void {
    if (!this.turns.available) this.#order(this.turns.settings, true)
    const sighted = models.map(({ model, expiresAt }) => {
      const lane = this.#laneOf(model)
      return { contender: lane?.turn.contenders.shown, runner: lane?.runner ?? model, model, expiresAt }
    })
    this.turns.sightings.saw(sighted, askedAt, this.#now)
  }

  /** Ollama does not tell what is loaded, so no call waits for a turn until the next `saw`. */
  unknown(): void {
    if (this.turns.available) this.#order(this.turns.settings, false)
  }

  order(settings: TurnSettings): void {
    this.#order(settings, this.turns.available)
  }

  stop(): void {
    this.#timer?.()
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  get #now(): number {
    return this.#parts.clock.now()
  }

  #order(settings: TurnSettings, available: boolean): void {
    const now = this.#now
    const before = this.turns.ordered
    this.turns.order(settings, available, now)
    this.#configure()
    if (this.turns.ordered && !before)
      for (const lane of this.#parts.lanes()) lane.turn.enter(lane.turn.contends, now)
    this.turns.advance(now)
  }

  #configure(): void {
    const idOf = (model: string) => this.#parts.runners.find(model)?.runner ?? model
    this.turns.together.configure(this.turns.settings.together.map((models) => models.map(idOf)))
  }

  /** Cloud models load nothing here, and neither do names that stand for no model. */
  #contends({ runnerId, names }: Lane): boolean {
    const { runners } = this.#parts
    if (runnerId !== undefined) return runnerId !== CLOUD
    return !runners.complete || names.some((name) => runners.find(name) !== undefined)
  }

  #laneOf(model: string): Lane | undefined {
    const called = this.#parts.laneOf(model)
    if (called !== undefined) return called
    const runner = this.#parts.runners.find(model)?.runner
    if (runner !== undefined)
      for (const lane of this.#parts.lanes()) if (lane.runnerId === runner) return lane
    return undefined
  }

  /** Infinity: nothing is planned. */
  #plan(at: number): void {
    if (at === this.#timerAt) return
    this.stop()
    if (at === Number.POSITIVE_INFINITY) return
    this.#timerAt = at
    this.#timer = this.#parts.clock.after(Math.max(1, at - this.#now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.turns.advance(this.#now)
    })
  }
}
