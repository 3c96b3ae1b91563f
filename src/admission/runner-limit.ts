import { type CallReport, LOAD_MS } from './contract.ts'
import type { LocalPermit } from './local-permit.ts'
import type { Outcome } from './observer.ts'
import { RecentEnds } from './recent-ends.ts'

/**
 * A wait inside Ollama up to this many milliseconds is no wait: Ollama renders the template, counts tokens, and lets a
 * call begin between two steps of the others. A real Ollama of May 2026 took 1 to 45 ms for it, and up to 150 ms for
 * long answers on a busy machine.
 */
const OVERHEAD_MS = 60
/**
 * The same as a share of the time that Ollama had the call. A wait for one of four places takes a quarter of the time
 * that a call computes, and more for one of fewer places.
 */
const OVERHEAD_SHARE = 0.15

/** Two moments that are no further apart than this share of a wait, or than OVERHEAD_MS, are one. */
const NEAR_SHARE = 0.05
/** Moments of a part of a call's life at which the calls beside it are counted. */
const MOMENTS = [0.25, 0.5, 0.75]
/** Waits that must agree before a limit is lowered. */
const VOTES = 3
/** Calls that must have computed side by side before so many count as proven. */
const PROOFS = 3
/**
 * A model may have been loaded because Ollama was restarted unseen. So after a load a proof counts for so long, and the
 * next trial comes no later than this after the last one.
 */
const AFTER_LOAD_MS = 60_000
/** After a trial that failed, the next one comes so much later. */
const TRIAL_EVERY_MS = 600_000
/** After a trial whose answer told nothing, the next one comes so much later, twice as late each time. */
const VAIN_TRIAL_MS = 60_000
/**
 * A call that was broken off may keep its place in the runner: llama-server looks for a closed client once a second, and
 * a runner ends the prompt that it has begun. So waits say nothing for as long as the call had run, within these bounds.
 */
const LEAST_AFTERMATH_MS = 3_000
const MOST_AFTERMATH_MS = 60_000
/** Waits that must tell of another client of Ollama before that is believed: of short calls the times are blurred. */
const OUTSIDE_SIGNS = 3
/** After another client of Ollama was seen, waits say nothing for so long. */
const OUTSIDE_MS = 60_000

/** A call that held slots and is over. */
export interface EndedCall {
  readonly permit: LocalPermit
  readonly outcome: Outcome
  /** Clock milliseconds. */
  readonly now: number
  /** Number of the last grant before the end. */
  readonly lastGrant: number
  readonly report: CallReport | undefined
}

/**
 * Learns how many calls Ollama really runs at once on one runner, from the answers alone.
 *
 * Ollama starts the calls of a runner in the order in which they come. A call that waits inside Ollama therefore shows
 * the number: at that moment, the calls that came before it and were not over were all running. A call that began at
 * once, while so many others ran on, proves that so many run. Only a call whose answer tells its times is judged; the
 * other calls still count among those that run.
 */
export class RunnerLimit {
  readonly #ends = new RecentEnds()
  /** Calls at once that were seen, where that is less than the number that was asked for. */
  #measured: number | undefined
  #votes: number[] = []
  /** So many calls ran at once, without doubt. */
  #proven = 0
  #provenUntil = Number.POSITIVE_INFINITY
  #proofs = 0
  /** Waits before this clock time may come from a call that was broken off. */
  #quietAt = Number.NEGATIVE_INFINITY
  #outsideSigns = 0
  #outsideAt = Number.NEGATIVE_INFINITY
  /** The permit of the one call that runs for a trial. */
  #trial: LocalPermit | undefined
  #trialAt = Number.POSITIVE_INFINITY
  #trialEndedAt = Number.NEGATIVE_INFINITY
  /** Trials in a row whose answers told nothing. */
  #vainTrials = 0

  /** Calls that Ollama runs at once; undefined while nothing says that it runs fewer than asked for. */
  get measured(): number | undefined {
    return this.#measured
  }

  /** Whether one call more than measured may run now, to see whether Ollama runs more meanwhile. */
  mayTry(now: number): boolean {
    return this.#trial === undefined && now >= this.#trialAt
  }

  tries(permit: LocalPermit): void {
    this.#trial = permit
  }

  /** Ollama was restarted: what was learned may be wrong. */
  forget(): void {
    this.#measured = undefined
    this.#trialAt = Number.POSITIVE_INFINITY
    this.#trial = undefined
    this.#proven = 0
    this.#startAnew()
  }

  /** Whether a call that ran alone says anything: it waited inside Ollama, so Ollama has another client. */
  static tellsOfOutside({ queuedMs = 0 }: CallReport): boolean {
    return queuedMs > OVERHEAD_MS
  }

  /** Whether the model was loaded for the call, so that Ollama may be a new process. */
  static tellsOfLoad({ loadMs }: CallReport): boolean {
    return loadMs >= LOAD_MS
  }

  /**
   * A call of the lane is over that ran beside others, or that tells of another client or a load. Returns whether
   * `measured` has changed. `asked`: the number of slots that was asked for.
   */
  ended({ permit, outcome, now, lastGrant, report }: EndedCall, asked: number): boolean {
    const before = this.#measured
    const beganAt = report?.beganMs === undefined ? undefined : permit.grantedAt + report.beganMs
    if (outcome === 'cancelled' || outcome === 'timed_out') this.#brokeOff(now - permit.grantedAt, now)
    if (report !== undefined && RunnerLimit.tellsOfLoad(report)) this.#loaded(now)
    const waited = outcome === 'done' ? this.#judge(permit, now, asked, beganAt, report) : undefined
    this.#ends.add(permit, beganAt, now, lastGrant)
    if (permit === this.#trial) this.#endTrial(waited, now)
    return this.#measured !== before
  }

  /** Returns whether the call waited inside Ollama; undefined where nobody can tell. */
  #judge(
    permit: LocalPermit,
    now: number,
    asked: number,
    beganAt: number | undefined,
    report?: CallReport,
  ): boolean | undefined {
    const { queuedMs, computedMs } = report ?? {}
    if (queuedMs === undefined || computedMs === undefined || beganAt === undefined) return undefined
    // Of a call that takes several slots nobody can tell which of its parts waited.
    if (permit.slots > 1) return undefined
    const waited = queuedMs > Math.max(OVERHEAD_MS, OVERHEAD_SHARE * (queuedMs + computedMs))
    const from = waited ? beganAt - queuedMs : beganAt
    if (from < this.#quietAt) return undefined
    const others = this.#othersWithin(permit, from, waited ? queuedMs : computedMs)
    if (others === undefined) return undefined
    if (!waited) this.#prove(others + permit.slots, now, asked)
    else if (others === 0 || others < this.#provenNow(now)) this.#sawOutside(now)
    else if (now - this.#outsideAt > OUTSIDE_MS) {
      // A call that waited for a slot begins when another call ends. Any other wait is something else.
      if (this.#ends.endedNear(beganAt, Math.max(OVERHEAD_MS, NEAR_SHARE * queuedMs)))
        this.#vote(others, now, asked)
      else this.#votes = []
    }
    return waited
  }

  /**
   * The slots of calls that came before and ran during a part of the call's life. In the moment in which one call follows
   * another, both or neither seem to run. So this is the middle one of three counts.
   */
  #othersWithin(permit: LocalPermit, from: number, ms: number): number | undefined {
    const counts = MOMENTS.map((share) => this.#ends.runningAt(permit, from + share * ms))
    return counts.sort((a = Number.NaN, b = Number.NaN) => a - b)[MOMENTS.length >> 1]
  }

  /** A call waited inside Ollama while `others` ran. */
  #vote(others: number, now: number, asked: number): void {
    if (others >= (this.#measured ?? asked)) return
    this.#votes.push(others)
    if (this.#votes.length < VOTES) return
    this.#votes.sort((a, b) => a - b)
    this.#measured = this.#votes[VOTES >> 1]
    this.#trialAt = now + TRIAL_EVERY_MS
    this.#trialEndedAt = now
    this.#startAnew()
  }

  /** `together` calls ran side by side. */
  #prove(together: number, now: number, asked: number): void {
    this.#votes = this.#votes.filter((others) => others >= together)
    const proven = this.#provenNow(now)
    if (together < 2 || together < proven) return
    if (together === proven) {
      this.#provenUntil = Number.POSITIVE_INFINITY
      return
    }
    this.#proofs++
    if (this.#proofs < PROOFS) return
    this.#proofs = 0
    this.#proven = Math.max(proven, 1) + 1
    this.#provenUntil = Number.POSITIVE_INFINITY
    if (this.#measured === undefined || this.#proven <= this.#measured) return
    this.#measured = this.#proven >= asked ? undefined : this.#proven
  }

  #provenNow(now: number): number {
    if (now > this.#provenUntil) this.#proven = 0
    return this.#proven
  }

  /** A sign that another client of Ollama holds slots. Then the waits say nothing of the number of slots. */
  #sawOutside(now: number): void {
    this.#outsideSigns++
    if (this.#outsideSigns < OUTSIDE_SIGNS) return
    this.#outsideSigns = 0
    this.#outsideAt = now
    this.#votes = []
  }

  #loaded(now: number): void {
    this.#provenUntil = Math.min(this.#provenUntil, now + AFTER_LOAD_MS)
    if (this.#measured !== undefined)
      this.#trialAt = Math.min(this.#trialAt, this.#trialEndedAt + AFTER_LOAD_MS)
  }

  #brokeOff(heldMs: number, now: number): void {
    const aftermathMs = Math.min(Math.max(heldMs, LEAST_AFTERMATH_MS), MOST_AFTERMATH_MS)
    this.#quietAt = Math.max(this.#quietAt, now + aftermathMs)
  }

  #endTrial(waited: boolean | undefined, now: number): void {
    this.#trial = undefined
    this.#trialEndedAt = now
    const vainMs = Math.min(VAIN_TRIAL_MS * 2 ** this.#vainTrials, TRIAL_EVERY_MS)
    this.#vainTrials = waited === undefined ? this.#vainTrials + 1 : 0
    this.#trialAt = now + (waited === undefined ? vainMs : waited ? TRIAL_EVERY_MS : 0)
    if (this.#measured === undefined) this.#trialAt = Number.POSITIVE_INFINITY
  }

  #startAnew(): void {
    this.#votes = []
    this.#proofs = 0
    this.#outsideSigns = 0
  }
}
