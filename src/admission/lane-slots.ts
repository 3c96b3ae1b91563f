import type { Call, CallReport, Slot } from './contract.ts'
import { type FairRules, slotsForBatch } from './fair/rules.ts'
import { LaneLimit, type LaneLimits } from './lane-limit.ts'
import { LocalPermit, type PermitOwner } from './local-permit.ts'
import type { Outcome } from './observer.ts'
import type { Admits } from './turns/contender.ts'

/** Grants of this process so far. */
let grants = 0

/** The slots of one runner: how many are taken, and how many may be taken. */
export class LaneSlots {
  readonly limit: LaneLimit
  readonly #slot: Slot
  readonly #rules: FairRules
  #taken = 0
  /** Slots that calls of the class batch have taken. */
  #takenByBatch = 0
  #running = 0
  #open = 0
  #paused = false
  #stuck = false
  #admits: Admits = 'none'
  #overlaps = false
  /** The slots of the lane that has taken these over. */
  #heir: LaneSlots | undefined
  /** The last grant before another lane was taken over: until then each lane counted only its own calls. */
  #mergedAt = 0

  /** `slot`: stands for all slots, because slots of one upstream differ in nothing. */
  constructor(slot: Slot, limits: LaneLimits, rules: FairRules) {
    this.#slot = slot
    this.#rules = rules
    this.limit = new LaneLimit(limits)
  }

  get taken(): number {
    return this.#taken
  }

  /** Calls that have a permit, also those that take no slot. */
  get running(): number {
    return this.#running
  }

  /** Which calls may be granted, as far as the turns decide it. */
  get admits(): Admits {
    return this.#admits
  }

  set admits(admits: Admits) {
    this.#admits = admits
    this.#reopen()
  }

  /**
   * The runner leaves memory whenever no call runs. Then one call more is sent than the runner has slots: calls that end
   * together would otherwise leave the runner idle for a moment, and Ollama would load the runner again.
   */
  set overlaps(overlaps: boolean) {
    this.#overlaps = overlaps
  }

  /** Slots that may be taken now: none while the lane is paused or stuck, or has no turn. */
  get open(): number {
    return this.#open
  }

  get paused(): boolean {
    return this.#paused
  }

  pause(paused: boolean): void {
    this.#paused = paused
    this.#reopen()
  }

  get stuck(): boolean {
    return this.#stuck
  }

  /** Ollama does not work on the calls of the runner. A pause that lasts meanwhile stays as it is. */
  stick(stuck: boolean): void {
    this.#stuck = stuck
    this.#reopen()
  }

  setLimits(limits: LaneLimits): void {
    this.limit.set(limits)
    this.#reopen()
  }

  /** Ollama was restarted, so what was learned may be wrong. Returns whether anything was. */
  forgetLearned(): boolean {
    const forgot = this.limit.forget()
    this.#reopen()
    return forgot
  }

  hasRoomFor(call: Call, now: number): boolean {
    if (call.slots === 0) return this.#admits !== 'none' && !this.#stuck
    if (this.isReserved(call)) return false
    if (this.#taken + this.#slotsFor(call) <= this.#open) return true
    if (this.#overlaps && call.slots === 1 && this.#open > 0 && this.#taken === this.#open) return true
    return call.slots === 1 && this.#open > 0 && this.limit.mayTry(this.#taken, now)
  }

  /** The slots that are left for calls of its class are fewer than the call takes. */
  isReserved(call: Call): boolean {
    if (call.class !== 'batch' || call.slots === 0 || !this.#rules.settings.fair) return false
    return this.#takenByBatch + this.#slotsFor(call) > this.#forBatch
  }

  /** Takes the slots of a call for which there is room. */
  take<M>(owner: PermitOwner<M>, model: M, call: Call, now: number, waitMs: number): LocalPermit<M> {
    const beside = this.#taken
    const slots = this.#slotsFor(call)
    this.#taken += slots
    if (call.class === 'batch') this.#takenByBatch += slots
    this.#running++
    grants++
    const permit = new LocalPermit(owner, model, call, this.#slot, slots, now, waitMs, grants, beside)
    if (beside >= this.#open && slots > 0 && !this.#overlaps) this.limit.tries(permit)
    if (this.#admits === 'one') this.admits = 'none'
    return permit
  }

  /** Takes the slots of a call back. `ended` must follow. Returns whether the limit in force, or the advice about it, has changed. */
  giveBack(permit: LocalPermit, outcome: Outcome, now: number, report?: CallReport): boolean {
    const hadCompany = permit.beside > 0 || this.#taken > permit.slots
    this.#taken -= permit.slots
    if (permit.call.class === 'batch') this.#takenByBatch -= permit.slots
    if (permit.slots === 0) return false
    // Most calls run alone and say nothing. They cost no more than this question.
    if (!hadCompany && !this.limit.hearsAlone(report)) return false
    const told = permit.grantNumber > this.#mergedAt ? report : undefined
    if (!this.limit.ended({ permit, outcome, now, lastGrant: grants, report: told })) return false
    this.#reopen()
    return true
  }

  /** After `giveBack`: the call does not count as running any more. */
  ended(): void {
    this.#running--
    this.#heir?.ended()
  }

  /** Takes over the taken slots of another lane. Their permits come back here from now on. */
  takeOver(other: LaneSlots): void {
    if (other.#taken > 0) this.#mergedAt = grants
    this.#taken += other.#taken
    this.#takenByBatch += other.#takenByBatch
    this.#running += other.#running
    other.#takenByBatch = 0
    other.#taken = 0
    other.#running = 0
    other.#heir = this
    this.#stuck ||= other.#stuck
    this.pause(this.#paused || other.#paused)
  }

  /** Slots that calls of the class batch may have together. */
  get #forBatch(): number {
    return slotsForBatch(this.#rules.settings, this.limit.effective.parallel)
  }

  #slotsFor({ slots, class: asked }: Call): number {
    if (slots === 0) return 0
    if (slots === 1 || this.limit.forced !== undefined) return 1
    const most = asked === 'batch' ? Math.min(this.#open, this.#forBatch) : this.#open
    return Math.max(1, Math.min(slots, most))
  }

  #reopen(): void {
    const isClosed = this.#paused || this.#stuck || this.#admits === 'none'
    this.#open = isClosed ? 0 : this.limit.effective.parallel
  }
}
