import type { CallReport, EffectiveLimit, ForcedReason, Limits } from './contract.ts'
import type { LocalPermit } from './local-permit.ts'
import { type EndedCall, RunnerLimit } from './runner-limit.ts'

/** The limits of a lane, and where its number of slots comes from. */
export interface LaneLimits {
  readonly limits: Limits
  /** An operator chose the number of slots, so the number is never changed. False: the number is where `auto` begins. */
  readonly chosen: boolean
  /** The answers tell what this Ollama runs at once. False: the calls run in the cloud. */
  readonly isLocal: boolean
  /** The limit in force where nothing is known of the runner. */
  readonly effective: EffectiveLimit
}

/** `chosen`, `isLocal`: as in LaneLimits. Many lanes can share the result. */
export function laneLimits(limits: Limits, chosen: boolean, isLocal = true): LaneLimits {
  const { parallel } = limits
  const reason = !chosen ? 'memory' : parallel === Number.POSITIVE_INFINITY ? 'cloud' : 'configured'
  return { limits, chosen, isLocal, effective: { parallel, reason } }
}

/** How many calls of a lane may run at once, and why: as configured, as Ollama forces, or as Ollama was seen to run. */
export class LaneLimit {
  #set: LaneLimits
  #forced: ForcedReason | undefined
  /** Made for the first call that ran beside another one. */
  #runner: RunnerLimit | undefined
  #effective: EffectiveLimit

  constructor(limits: LaneLimits) {
    this.#set = limits
    this.#effective = this.#inForce()
  }

  get limits(): Limits {
    return this.#set.limits
  }

  set(limits: LaneLimits): void {
    this.#set = limits
    this.#effective = this.#inForce()
  }

  /** Why Ollama runs one call at a time on this runner; undefined where Ollama does not. */
  get forced(): ForcedReason | undefined {
    return this.#forced
  }

  /** Takes effect with the next `set`. */
  set forced(reason: ForcedReason | undefined) {
    this.#forced = reason
  }

  get effective(): EffectiveLimit {
    return this.#effective
  }

  /** The calls that Ollama runs at once, where an operator chose a higher number. */
  get runsFewer(): number | undefined {
    const { chosen, limits } = this.#set
    const runs = this.#forced === undefined ? this.#runner?.measured : 1
    return chosen && runs !== undefined && runs < limits.parallel ? runs : undefined
  }

  /** Whether one call more than the limit in force may run now, to see whether Ollama runs more meanwhile. */
  mayTry(active: number, now: number): boolean {
    const { parallel, reason } = this.#effective
    return reason === 'measured' && active === parallel && this.#runner?.mayTry(now) === true
  }

  /** The permit of the call that runs for a trial. */
  tries(permit: LocalPermit): void {
    this.#runner?.tries(permit)
  }

  /** Whether a call that ran alone says anything. */
  hearsAlone(report: CallReport | undefined): boolean {
    if (report === undefined) return false
    return (
      RunnerLimit.tellsOfOutside(report) || (this.#runner !== undefined && RunnerLimit.tellsOfLoad(report))
    )
  }

  /**
   * A call of the lane is over that ran beside others, or for which `hearsAlone` is true. Returns whether `effective` or
   * `runsFewer` has changed.
   */
  ended(call: EndedCall): boolean {
    if (!this.#set.isLocal) return false
    this.#runner ??= new RunnerLimit()
    if (!this.#runner.ended(call, this.limits.parallel)) return false
    this.#effective = this.#inForce()
    return true
  }

  /** Ollama was restarted, so what was learned may be wrong. Returns whether anything was. */
  forget(): boolean {
    const had = this.#runner?.measured !== undefined
    this.#runner?.forget()
    this.#effective = this.#inForce()
    return had
  }

  #inForce(): EffectiveLimit {
    const { chosen, effective } = this.#set
    const { parallel } = effective
    if (chosen) return effective
    if (this.#forced !== undefined) return { parallel: Math.min(parallel, 1), reason: this.#forced }
    const measured = this.#runner?.measured
    return measured !== undefined && measured < parallel
      ? { parallel: measured, reason: 'measured' }
      : effective
  }
}
