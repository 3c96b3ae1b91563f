import { choose, type Field } from './choose.ts'
import type { Contender } from './contender.ts'
import type { LoadedWatch, TurnObserver, TurnSettings, WaitingFor } from './contract.ts'
import { PACE_MS, Pace } from './pace.ts'
import { Presence } from './presence.ts'
import { Sightings } from './sightings.ts'
import { Switching } from './switching.ts'
import { SwitchingBudget } from './switching-budget.ts'
import { Together } from './together.ts'
import { startsInMs, waitingFor } from './turn-wait.ts'

/** What was seen so long ago may be wrong: models leave by their keep_alive. */
const KNOWN_MS = 5_000

interface OrderParts {
  readonly settings: TurnSettings
  readonly observer: TurnObserver
  readonly watch: LoadedWatch
  /** Calls `advance` at these clock milliseconds; Infinity: not at all. A later plan replaces an earlier one. */
  plan(at: number): void
}

/**
 * Decides which runner has the machine. A runner serves its line until it is idle; then the runner comes whose call has
 * waited longest. A call that has waited `max_wait`, or whose caller is owed, ends the turn of a runner with work, as far
 * as the budget for switching allows. First the runner that leaves gets no more calls, then its last call ends, then one call of the next
 * runner is sent, and the rest follow when that runner is seen in memory. So at most one load is under way, and no call
 * is sent to a runner that leaves.
 */
export class Turns implements Field {
  readonly together = new Together()
  readonly budget: SwitchingBudget
  readonly switching: Switching
  readonly presence: Presence
  readonly sightings: Sightings
  /** Runners that are in memory, as far as this proxy knows, or wanted. */
  readonly inPlay = new Set<Contender>()
  readonly #parts: OrderParts
  #settings: TurnSettings
  /** For Turns alone to change: the runners' calls may have to wait for a turn. A field, because each call asks for it. */
  ordered: boolean
  #available = true
  #advancing = false
  #again = false
  /** A load was under way after the last step. */
  #loading = false
  readonly #pace: Pace

  constructor(parts: OrderParts) {
    const { observer, settings, watch } = parts
    this.#parts = parts
    this.#pace = new Pace(watch)
    this.#settings = settings
    this.ordered = settings.ordered
    this.budget = new SwitchingBudget(settings.maxSwitching)
    const evicted = (contender: Contender, now: number) => this.presence.gone(contender, 'evicted', now)
    const { budget, inPlay, together } = this
    this.switching = new Switching({ budget, inPlay, together, observer, watch, evicted })
    this.presence = new Presence({
      inPlay,
      switching: this.switching,
      observer,
      advance: (now) => this.advance(now),
    })
    this.sightings = new Sightings(this)
  }

  get settings(): TurnSettings {
    return this.#settings
  }

  /** Ollama tells what is loaded. */
  get available(): boolean {
    return this.#available
  }

  /** More than one runner is in play. */
  get governs(): boolean {
    return this.inPlay.size > 1
  }

  get drainMs(): number {
    return this.switching.drainMs
  }

  get outsiders(): readonly string[] {
    return this.sightings.outsiders.map(({ runner }) => runner)
  }

  /** A call has arrived whose runner may not be called now. The runner gets its turn at once where that is possible. */
  knock(contender: Contender, now: number): void {
    if (!this.ordered || !contender.lane.contends) {
      contender.lane.admit(contender, 'all', now)
      return
    }
    // A runner that is alone needs no look.
    if (this.inPlay.size > (this.inPlay.has(contender) ? 1 : 0)) this.#doubtStale(now)
    this.inPlay.add(contender)
    contender.knocks = true
    this.advance(now)
    contender.knocks = false
  }

  /** Calls in line, maybe of several runners, may run from now on. `joined` and `advance` must follow. */
  refresh(now: number): void {
    if (this.ordered && this.governs) this.#doubtStale(now)
  }

  /** Calls have come into the line of this contender without a knock. `advance` must follow. */
  joined(contender: Contender): void {
    if (this.ordered && contender.lane.contends) this.inPlay.add(contender)
  }

  /** A lane has come under the order of turns, or its calls go there now. Its running calls go on. */
  adopt(contender: Contender, now: number): void {
    const isBusy = contender.running > 0
    contender.become(isBusy ? 'loaded' : 'absent', now)
    if (isBusy) contender.notes.loadedAt = now
    if (isBusy || contender.queued > 0) this.inPlay.add(contender)
    contender.lane.admit(contender, isBusy ? 'all' : 'none', now)
  }

  /** A lane is no more, or loads nothing here. */
  forget(contender: Contender, now: number): void {
    this.inPlay.delete(contender)
    this.switching.forget(contender, now)
    contender.become('absent', now)
  }

  /** Ollama was restarted: nothing is in memory, and what fits together may be another thing. */
  restarted(now: number): void {
    this.together.forget()
    this.sightings.forget()
    this.switching.stop()
    for (const each of this.inPlay) {
      this.adopt(each, now)
      // A process that only did not answer for a moment has kept its runners.
      each.notes.doubted = each.state === 'absent'
    }
    if (this.inPlay.size > 0) this.#parts.watch.look()
    this.advance(now)
  }

  /** Changes how turns are ordered. `adopt` must follow for each contender where there is an order, and then `advance`. */
  order(settings: TurnSettings, available: boolean, now: number): void {
    this.#settings = settings
    this.#available = available
    this.ordered = settings.ordered && available
    this.budget.share = settings.maxSwitching
    if (this.ordered) return
    this.switching.stop()
    const all = [...this.inPlay]
    this.inPlay.clear()
    for (const each of all) each.become('absent', now)
    for (const each of all) each.lane.admit(each, 'all', now)
    this.#pace.set(settings.ordered ? PACE_MS.steady : undefined)
    this.#parts.plan(Number.POSITIVE_INFINITY)
  }

  /** The only place where the machine changes hands. */
  advance(now: number): void {
    // A grant can end a call at once, and then this is called from within.
    this.#again = true
    if (this.#advancing || !this.ordered) return
    this.#advancing = true
    let dueAt = Number.POSITIVE_INFINITY
    try {
      while (this.#again) {
        this.#again = false
        dueAt = this.#step(now)
        if (!this.#again) this.#releaseHeld(now)
      }
    } finally {
      this.#advancing = false
    }
    for (const each of this.inPlay) if (each.isOut) this.inPlay.delete(each)
    this.#pace.set(this.#wantedPace())
    this.#parts.plan(dueAt)
  }

  /** Another runner is being loaded. */
  loadsBeside({ lane }: Contender): boolean {
    const { change } = this.switching
    return change?.stage === 'loading' && change.to.lane !== lane
  }

  /** Milliseconds until the calls of this runner may run; 0 for a runner that has the machine. */
  startsInMs(contender: Contender, now: number): number {
    if (contender.state === 'loaded' || !this.ordered || !contender.lane.contends) return 0
    return startsInMs(contender, { ...this.#field(), change: this.switching.change }, now)
  }

  /** What the calls in line of a runner wait for. */
  waitingFor(contender: Contender, now: number): WaitingFor {
    if (!this.ordered || !contender.lane.contends) return 'slot'
    return waitingFor(contender, { ...this.#field(), change: this.switching.change }, now)
  }

  /** Returns the clock milliseconds at which there may be another step without a further event. */
  #step(now: number): number {
    const { change } = this.switching
    if (change === undefined) {
      const verdict = choose(this.#field(), now)
      if (typeof verdict === 'number') return verdict
      this.switching.begin(verdict, now)
      this.#again = true
    } else if (this.switching.step(change, now)) this.#again = true
    return Number.POSITIVE_INFINITY
  }

  /** After a load, the lanes grant the calls that were held back because of it. */
  #releaseHeld(now: number): void {
    const loading = this.switching.change?.stage === 'loading'
    const isOver = this.#loading && !loading
    this.#loading = loading
    if (isOver) for (const each of this.inPlay) if (each.state === 'loaded') each.lane.admit(each, 'all', now)
  }

  #field(): Field {
    const { budget, drainMs, inPlay, outsiders, settings, together } = this
    return { budget, drainMs, inPlay, outsiders, settings, together }
  }

  /** What was seen so long ago is looked at again. */
  #doubtStale(now: number): void {
    if (!this.#isStale(now)) return
    this.sightings.doubt(now)
    this.#parts.watch.look()
  }

  /** Nobody was called for some time, and nobody has looked. */
  #isStale(now: number): boolean {
    let knownAt = this.sightings.askedAt
    for (const each of this.inPlay) {
      if (!each.idle) return false
      knownAt = Math.max(knownAt, each.history.idleSince)
    }
    return now - knownAt > KNOWN_MS
  }

  #wantedPace(): number | undefined {
    const { change } = this.switching
    // The runners that left may be out of play before the next one is seen.
    if (!this.governs && !change?.isOneOfMany) return undefined
    if (change !== undefined && change.stage !== 'draining') return PACE_MS.changing
    for (const each of this.inPlay) if (!each.idle) return PACE_MS.steady
    return undefined
  }
}
