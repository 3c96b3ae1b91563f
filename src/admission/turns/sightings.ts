import type { Contender } from './contender.ts'
import type { LeaveReason, RunnerTurn } from './contract.ts'
import type { Presence } from './presence.ts'
import type { Switching } from './switching.ts'
import type { Together } from './together.ts'

/** The turns, as a look at the memory needs them. */
interface SightedTurns {
  readonly inPlay: Iterable<Contender>
  readonly switching: Switching
  readonly presence: Presence
  readonly together: Together
  readonly outsiders: readonly string[]
  advance(now: number): void
}

/** One model that Ollama has in memory, with the contender that it belongs to. */
export interface Sighted {
  /** Undefined for a model that no lane knows. */
  readonly contender: Contender | undefined
  /** The runner's id. */
  readonly runner: string
  /** Key of the name for which the model was loaded. */
  readonly model: string
  /** Clock milliseconds; undefined: unknown, or never. */
  readonly expiresAt: number | undefined
}

/** A keep_alive that runs out within this time of a look may have run out already. Milliseconds. */
const EXPIRES_SOON_MS = 1_000

/** Compares what Ollama shows with what the turns believe. */
export class Sightings {
  readonly #turns: SightedTurns
  /** Clock milliseconds at which the last answer was asked for. */
  askedAt = Number.NEGATIVE_INFINITY
  /** Models in memory that no lane knows. */
  outsiders: readonly RunnerTurn[] = []

  constructor(turns: SightedTurns) {
    this.#turns = turns
  }

  forget(): void {
    this.outsiders = []
  }

  /** Nobody has looked for long: runners without work may have left by now. */
  doubt(now: number): void {
    for (const each of this.#turns.inPlay) {
      if (each.state !== 'loaded' || each.running > 0) continue
      each.notes.doubted = true
      each.become('absent', now)
      each.lane.admit(each, 'none', now)
    }
    this.outsiders = []
  }

  /** `askedAt`: clock milliseconds at which Ollama was asked. What happened later is not in the answer. */
  saw(sighted: readonly Sighted[], askedAt: number, now: number): void {
    const turns = this.#turns
    this.askedAt = askedAt
    const present = new Set<Contender>()
    for (const each of sighted) {
      if (each.contender === undefined) continue
      present.add(each.contender)
      this.#present(each.contender, each, askedAt, now)
    }
    this.#keepOutsiders(sighted, now)
    const { change } = turns.switching
    if (change !== undefined && !present.has(change.to) && askedAt > change.sentAt) change.sawAbsence = true
    for (const each of turns.inPlay) if (!present.has(each)) this.#missing(each, askedAt, now)
    const ids = [...present].map(({ id }) => id)
    turns.together.seen([...ids, ...turns.outsiders], now)
    if (change?.stage === 'looking' && askedAt >= change.endedAt) turns.switching.settle(change, present, now)
    turns.advance(now)
  }

  #present(contender: Contender, { expiresAt }: Sighted, askedAt: number, now: number): void {
    const turns = this.#turns
    if (contender.running === 0) contender.notes.expiresAt = expiresAt ?? Number.POSITIVE_INFINITY
    const { change } = turns.switching
    if (contender.state === 'absent') {
      const { doubted, since } = contender.history
      // Ollama may unload the runner for a load that was sent after the question.
      if (change?.stage === 'loading' && askedAt <= change.sentAt) return
      contender.notes.doubted = false
      // The lane serves calls with other options, and the answer may be older than they are.
      if (contender.lane.current !== contender && contender.lane.running > 0) return
      if (askedAt >= since || doubted) turns.presence.appeared(contender, !doubted, now)
    } else if (contender.state !== 'loading') {
      contender.notes.doubted = false
      contender.notes.provenAt = askedAt
    } else if (change?.to === contender && askedAt > change.sentAt && (!change.reloads || change.sawAbsence))
      turns.presence.began(contender, now)
  }

  #missing(contender: Contender, askedAt: number, now: number): void {
    const { state, running } = contender
    if (contender.history.doubted) {
      contender.notes.doubted = false
      if (state !== 'leaving') return
      // The runner had left before, so the load that is under way has evicted nobody.
      contender.become('absent', now)
      this.#turns.switching.forget(contender, now)
      return
    }
    const { provenAt, idleSince, since } = contender.history
    if (state !== 'loaded' && state !== 'leaving') return
    if (running > 0 || askedAt <= Math.max(provenAt, idleSince, since)) return
    this.#turns.presence.gone(contender, this.#reasonOf(contender, now), now)
  }

  #reasonOf(contender: Contender, now: number): LeaveReason {
    const { switching, together } = this.#turns
    const { change, last } = switching
    if (contender.history.unloadsWhenIdle) return 'unloaded'
    if (change?.from.includes(contender)) return 'evicted'
    if (contender.history.expiresAt <= now + EXPIRES_SOON_MS) return 'expired'
    if (last === undefined || last.to === contender || last.at <= contender.history.provenAt) return 'outside'
    together.evicted([...this.#inMemory(last.to), contender.id], last.to.id, now)
    return 'evicted'
  }

  /** Ids of the runners in memory, without this one. */
  #inMemory(without: Contender): string[] {
    const loaded = [...this.#turns.inPlay].filter(({ state }) => state === 'loaded')
    return [...loaded.filter((each) => each !== without).map(({ id }) => id), ...this.#turns.outsiders]
  }

  #keepOutsiders(sighted: readonly Sighted[], now: number): void {
    const before = new Map(this.outsiders.map((each) => [each.runner, each]))
    const outsiders: RunnerTurn[] = []
    for (const { contender, runner, model } of sighted) {
      if (contender !== undefined) continue
      const known = before.get(runner)
      outsiders.push(known ?? { runner, names: [model], options: '', state: 'loaded', since: now })
    }
    this.outsiders = outsiders
  }
}
