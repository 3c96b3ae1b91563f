import { type CallReport, LOAD_MS } from '../contract.ts'
import type { Outcome } from '../observer.ts'
import { type Contender, runnerOf } from './contender.ts'
import type { LeaveReason, LoadReason, TurnObserver } from './contract.ts'
import type { Switching } from './switching.ts'

/** A shorter load time is none: a loaded model tells 1 to 2 ms, and the shortest load that was seen took 32 ms. */
const MOST_WITHOUT_LOAD_MS = 20

/** A call can find a load that another call has begun. So one load without time proves nothing. */
const MOST_NEEDLESS = 2

interface PresenceParts {
  readonly inPlay: Set<Contender>
  readonly switching: Switching
  readonly observer: TurnObserver
  /** Something has changed that can bring the next step. */
  advance(now: number): void
}

/** Knows which runners are in memory, from the calls of this proxy. */
export class Presence {
  readonly #parts: PresenceParts

  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Ollama has begun an answer to a call of this runner, or shows the runner: the runner is in memory. */
  began(contender: Contender, now: number): void {
    if (contender.state === 'absent') return
    contender.notes.provenAt = now
    contender.notes.failures = 0
    if (contender.state !== 'loading') return
    const { switching } = this.#parts
    if (switching.change?.to === contender) switching.loaded(switching.change, now)
    this.#parts.advance(now)
  }

  /** A call of this runner is over. `grantedAt`: clock milliseconds of its grant. */
  released(
    contender: Contender,
    grantedAt: number,
    outcome: Outcome,
    now: number,
    report?: CallReport,
  ): void {
    if (contender.state === 'absent') return
    if (report !== undefined && report.loadMs >= LOAD_MS) this.#heard(contender, grantedAt, report.loadMs)
    if (report?.served === true) {
      this.began(contender, now)
      this.#unite(contender, grantedAt, report, now)
    }
    if (contender.running === 0) this.#becameIdle(contender, isFailedLoad(outcome, report), now)
    if (this.#governs) this.#parts.advance(now)
  }

  /** A call has asked Ollama to unload the runner. Ollama does so as soon as no call of the runner runs. */
  unloads(contender: Contender, now: number): void {
    // Ollama does nothing for a runner that is not in memory.
    if (contender.state === 'absent') return
    contender.notes.unloadsWhenIdle = true
    if (contender.running === 0 && contender.state !== 'loading') this.gone(contender, 'unloaded', now)
    if (this.#governs) this.#parts.advance(now)
  }

  /** A runner is not in memory any more. */
  gone(contender: Contender, reason: LeaveReason, now: number): void {
    if (contender.state === 'absent') return
    contender.become('absent', now)
    contender.notes.unloadsWhenIdle = false
    contender.lane.admit(contender, 'none', now)
    this.#parts.observer.left({ ...runnerOf(contender), reason, at: now })
  }

  /** A runner is in memory that no call of this proxy has loaded. `tells`: that is news. */
  appeared(contender: Contender, tells: boolean, now: number): void {
    this.#parts.inPlay.add(contender)
    contender.become('loaded', now)
    contender.notes.loadedAt = now
    if (tells) this.#tell(contender, 'outside', 0, now)
    contender.lane.admit(contender, 'all', now)
  }

  /** Options that are written differently can mean the same, as the default of num_ctx. Then Ollama loads nothing. */
  #unite(contender: Contender, grantedAt: number, { loadMs, computedMs }: CallReport, now: number): void {
    const { reloadedFor, loadedAt } = contender.history
    if (reloadedFor === undefined || grantedAt >= loadedAt) return
    contender.notes.reloadedFor = undefined
    // An answer without durations tells nothing.
    if (computedMs === undefined) return
    contender.notes.needless = loadMs < MOST_WITHOUT_LOAD_MS ? contender.history.needless + 1 : 0
    if (contender.history.needless >= MOST_NEEDLESS) contender.lane.unite(contender, reloadedFor, now)
  }

  /** `failed`: if the call should have loaded the runner, Ollama could not. */
  #becameIdle(contender: Contender, failed: boolean, now: number): void {
    contender.becameIdle(now)
    const { switching } = this.#parts
    const { change } = switching
    if (contender.state === 'loading' && change?.to === contender) switching.attemptEnded(change, failed, now)
    else if (contender.history.unloadsWhenIdle && contender.state !== 'loading')
      this.gone(contender, 'unloaded', now)
  }

  /** An answer tells how long its call waited for a load. Several calls can wait for one load. */
  #heard(contender: Contender, grantedAt: number, loadMs: number): void {
    if (grantedAt >= contender.history.loadedAt) {
      // While Ollama loads another runner, calls of a loaded one can wait for it.
      const { change, last } = this.#parts.switching
      if (change?.stage === 'loading' || (last !== undefined && last.at > grantedAt)) return
      contender.notes.loadedAt = grantedAt + loadMs
      const reason = this.#governs ? 'outside' : 'first'
      this.#tell(contender, reason, loadMs, contender.history.loadedAt)
      return
    }
    contender.learnLoad(loadMs, true)
    if (contender.history.untold) this.#tell(contender, 'first', loadMs, contender.history.loadedAt)
    contender.notes.untold = false
  }

  #tell(contender: Contender, reason: LoadReason, loadMs: number, at: number): void {
    const load = { ...runnerOf(contender), reason, from: [], at, drainMs: 0, loadMs, failed: false }
    this.#parts.observer.loaded(load)
  }

  /** More than one runner is in play. */
  get #governs(): boolean {
    return this.#parts.inPlay.size > 1
  }
}

/** Ollama answers so when it cannot load a model, or when the runner crashes while it loads. */
const LOAD_FAILED = 500

/**
 * Whether a call that asked for a load says that the load failed. An Ollama that is busy or cannot be reached says
 * nothing about the model.
 */
function isFailedLoad(outcome: Outcome, report: CallReport | undefined): boolean {
  return outcome === 'timed_out' || (outcome === 'failed' && report?.status === LOAD_FAILED)
}
