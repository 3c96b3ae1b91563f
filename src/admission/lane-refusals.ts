import type { Caller } from '../callers/caller.ts'
import type { CallerAccount } from './caller-account.ts'
import type { Call, EffectiveLimit, Limits } from './contract.ts'
import type { Estimate } from './estimate.ts'
import { aheadOf } from './fair/ahead.ts'
import type { FairLine } from './fair/fair-line.ts'
import type { FairMember } from './fair/members.ts'
import { slotsForBatch } from './fair/rules.ts'
import type { LaneParts } from './lane-parts.ts'
import { Refusal, type RefusalCode, type RefusalFacts } from './refusal.ts'

/** How many standard deviations of the predicted wait must fit before the deadline. */
const DEADLINE_MARGIN = 1

/** The state of a lane on which its refusals depend. */
interface LaneState {
  /** Slots taken. */
  readonly active: number
  /** Slots that may be taken now: none while the lane is paused or stuck. */
  readonly open: number
  readonly queued: number
  readonly limits: Pick<Limits, 'queue'>
  readonly effective: Pick<EffectiveLimit, 'parallel'>
  readonly paused: boolean
  readonly stuck: boolean
  readonly estimate: Estimate
  readonly turn: TurnView
}

interface TurnView {
  /** The runner has its turn, or needs none. */
  readonly hasTurn: boolean
  /** Milliseconds until the runner has its turn. */
  comesInMs(now: number): number
  /** The lines. */
  readonly contenders: LinesView
}

interface LinesView {
  /** Callers in line. */
  readonly callers: number
  /** Whether calls of this caller are in line. */
  hasInLine(account: CallerAccount | undefined): boolean
}

/** Where a call that arrives would stand. */
interface NewCall {
  readonly call: Call
  readonly account: CallerAccount
  readonly contender: {
    readonly line: FairLine<FairMember> | undefined
    /** Calls in line that may run. */
    readonly eligible: number
  }
  /** Milliseconds until the first of them may run. */
  readonly turnInMs: number
  /** Bytes of the call in line that gives its place to this one. Undefined: no call does. */
  readonly freesBytes: number | undefined
}

/** Decides which calls find no place in the line of a lane, and tells refused clients when to come back. */
export class LaneRefusals {
  readonly #lane: LaneState
  readonly #parts: LaneParts
  /** Clock milliseconds of the last grant or release. For a lane without open slots: of the moment it lost them. */
  #stillSince = Number.NEGATIVE_INFINITY

  constructor(lane: LaneState, parts: LaneParts) {
    this.#lane = lane
    this.#parts = parts
  }

  /** The lane moved: it granted a slot, got one back, or lost its last open slot. */
  movedAt(now: number): void {
    this.#stillSince = now
  }

  /** The Refusal of a call that may not join the line; undefined for a call that may. */
  ofArrival(arrival: NewCall, now: number): Refusal | undefined {
    const { call, account, freesBytes } = arrival
    if (account.queued >= account.limits.queue) return this.of('queue_full', call, now, { scope: 'caller' })
    const { queued, limits } = this.#lane
    const { bytes, maxBytes } = this.#parts.waiting
    if (queued >= limits.queue && freesBytes === undefined)
      return this.of('queue_full', call, now, this.whose(call))
    if (bytes + call.bytes - (freesBytes ?? 0) > maxBytes) return this.of('queue_full', call, now)
    const { line, eligible } = arrival.contender
    const most = call.class === 'batch' && line !== undefined ? line.mayRun : eligible
    if (this.#lateBehind(most, arrival, now) === undefined) return undefined
    // Only a line that is long by now is looked at caller by caller.
    const ahead = line === undefined ? 0 : aheadOf(line, call, account, this.#lane.estimate)
    const estimatedWaitMs = this.#lateBehind(ahead, arrival, now)
    return estimatedWaitMs === undefined ? undefined : this.of('queue_full', call, now, { estimatedWaitMs })
  }

  /** Whose line is full when that of the model is. Where callers have no keys, there is one line that can be full. */
  whose({ caller }: Call): Partial<RefusalFacts> {
    return caller.key === undefined ? {} : { scope: 'model' }
  }

  of(code: RefusalCode, call: Call, now: number, facts?: Partial<RefusalFacts>): Refusal {
    const { model, caller } = call
    if (code === 'cancelled') return new Refusal(code, { model })
    return new Refusal(code, {
      model,
      retryAfterMs: this.#retryAfterMs(code, caller, now),
      ...(this.#lane.paused && { paused: true }),
      ...facts,
    })
  }

  /** Undefined where a call behind `ahead` calls starts before its deadline; otherwise its predicted wait. */
  #lateBehind(ahead: number, { call, account, turnInMs }: NewCall, now: number): number | undefined {
    const { effective, estimate } = this.#lane
    const { settings } = this.#parts.accounts
    const parallel = call.class === 'batch' ? slotsForBatch(settings, effective.parallel) : effective.parallel
    const serviceMs = estimate.waitMs(ahead, parallel)
    if (serviceMs === undefined) return undefined
    const laneMs = turnInMs + serviceMs
    const laneSpreadMs = estimate.spreadMs(ahead, parallel)
    const [ownMs, ownSpreadMs] = ofOwnCalls(call, account, estimate)
    const latestMs = Math.max(laneMs + DEADLINE_MARGIN * laneSpreadMs, ownMs + DEADLINE_MARGIN * ownSpreadMs)
    return now + latestMs <= call.deadline ? undefined : Math.max(laneMs, ownMs)
  }

  #retryAfterMs(code: RefusalCode, caller: Caller, now: number): number {
    const { effective, estimate, paused, stuck, turn } = this.#lane
    const isHeld = turn.hasTurn || paused || stuck
    let leastMs = 0
    if (code !== 'shutting_down') leastMs = isHeld ? this.#stillMs(now) : turn.comesInMs(now)
    const { accounts, random } = this.#parts
    if (!accounts.settings.fair) return estimate.retryAfterMs(now, effective.parallel, random, leastMs)
    const isInLine = turn.contenders.hasInLine(accounts.find(caller.id))
    const sharing = turn.contenders.callers + (isInLine ? 0 : 1)
    return estimate.retryAfterMs(now, effective.parallel, random, leastMs, caller.id, sharing)
  }

  /**
   * Milliseconds since the lane moved; 0 while that is no longer than a slot is usually held. The longer a lane has stood
   * still, the later a client should ask again.
   */
  #stillMs(now: number): number {
    const { active, open, estimate } = this.#lane
    if (active < open) return 0
    const stillMs = now - this.#stillSince
    return open === 0 || stillMs > (estimate.meanMs ?? 0) ? stillMs : 0
  }
}

/**
 * Milliseconds until enough calls of the same caller are over for this one, and the standard deviation. The other calls
 * are taken for calls of this lane.
 */
function ofOwnCalls(
  call: Call,
  { active, queued, limits }: CallerAccount,
  estimate: Estimate,
): [number, number] {
  const ahead = active + queued - limits.parallel
  if (call.slots === 0 || ahead < 0 || limits.parallel < 1) return [0, 0]
  return [estimate.waitMs(ahead, limits.parallel) ?? 0, estimate.spreadMs(ahead, limits.parallel)]
}
