import type { Clock } from '../../clock.ts'
import { candidates } from './choose.ts'
import { runnerOf } from './contender.ts'
import type { RunnerTurn, TurnRunner, TurnsView } from './contract.ts'
import type { Turns } from './turns.ts'

/** The turns for pages and figures. */
export class TurnsPage implements TurnsView {
  readonly #turns: Turns

  readonly #clock: Clock

  constructor(turns: Turns, clock: Clock) {
    this.#turns = turns
    this.#clock = clock
  }

  get mode(): TurnsView['mode'] {
    const { settings, available } = this.#turns
    return !settings.ordered ? 'off' : available ? 'auto' : 'unavailable'
  }

  runners(): readonly RunnerTurn[] {
    const now = this.#clock.now()
    const turns: RunnerTurn[] = [...this.#turns.sightings.outsiders]
    for (const each of this.#turns.inPlay) {
      const { state, history } = each
      // Nobody looks while nobody calls.
      if (state === 'absent' || each.hasExpired(now)) continue
      turns.push({ ...runnerOf(each), state, since: history.since })
    }
    return turns.toSorted((a, b) => a.since - b.since)
  }

  next(now: number): (TurnRunner & { readonly waitedMs: number }) | undefined {
    const to = this.#turns.switching.change?.to ?? candidates(this.#turns.inPlay, now)[0]
    return to?.waiting ? { ...runnerOf(to), waitedMs: now - to.waitingSince(now) } : undefined
  }

  creditMs(now: number): number {
    return this.#turns.budget.creditMs(now)
  }

  together(): readonly (readonly string[])[] {
    return this.#turns.together.sets(this.#clock.now()).together
  }

  apart(): readonly (readonly string[])[] {
    return this.#turns.together.sets(this.#clock.now()).apart
  }
}
