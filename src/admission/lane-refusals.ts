import type { CallerAccount } from './accounts.ts'
import type { Call, EffectiveLimit, Limits } from './contract.ts'
import type { Estimate } from './estimate.ts'
import type { LaneParts } from './lane-parts.ts'
import { Refusal, type RefusalCode, type RefusalFacts } from './refusal.ts'

/** How many standard deviations of the predicted wait must fit before the deadline. */
const DEADLINE_MARGIN = 1

/** The state of a lane on which its refusals depend. */
interface LaneState {
  /** Slots taken. */
  readonly active: number
  /** Slots that may be taken now: none while the lane is paused. */
  readonly open: number
  readonly queued: number
  readonly limits: Pick<Limits, 'queue'>
  readonly effective: Pick<EffectiveLimit, 'parallel'>
  readonly paused: boolean
  /** The runner has its turn, or needs none. */
  readonly hasTurn: boolean
  /** Milliseconds until the runner has its turn. */
  turnInMs(now: number): number
  readonly estimate: Estimate
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

  /**
   * The Refusal of a call that may not join the line; undefined for a call that may. `ahead`: calls in front of the
   * call that may run. `turnInMs`: milliseconds until the first of them may run.
   */
  ofArrival(
    call: Call,
    account: CallerAccount,
    now: number,
    ahead: number,
    turnInMs: number,
  ): Refusal | undefined {
    if (account.queued >= account.limits.queue)
      return this.of('queue_full', call.model, now, { scope: 'caller' })
    const { queued, limits, effective, estimate } = this.#lane
    const { parallel } = effective
    const { bytes, maxBytes } = this.#parts.waiting
    // Where callers have no keys, there is one line that can be full.
    const whose: Partial<RefusalFacts> = call.caller.key === undefined ? {} : { scope: 'model' }
    if (queued >= limits.queue) return this.of('queue_full', call.model, now, whose)
    if (bytes + call.bytes > maxBytes) return this.of('queue_full', call.model, now)
    const serviceMs = estimate.waitMs(ahead, parallel)
    if (serviceMs === undefined) return undefined
    const laneMs = turnInMs + serviceMs
    const laneSpreadMs = estimate.spreadMs(ahead, parallel)
    const [ownMs, ownSpreadMs] = ofOwnCalls(call, account, estimate)
    const waitMs = Math.max(laneMs, ownMs)
    const latestMs = Math.max(laneMs + DEADLINE_MARGIN * laneSpreadMs, ownMs + DEADLINE_MARGIN * ownSpreadMs)
    if (now + latestMs <= call.deadline) return undefined
    return this.of('queue_full', call.model, now, { estimatedWaitMs: waitMs })
  }

  of(code: RefusalCode, model: string, now: number, facts?: Partial<RefusalFacts>): Refusal {
    if (code === 'cancelled') return new Refusal(code, { model })
    const { effective, estimate, paused, hasTurn } = this.#lane
    let leastMs = 0
    if (code !== 'shutting_down') leastMs = hasTurn || paused ? this.#stillMs(now) : this.#lane.turnInMs(now)
    return new Refusal(code, {
      model,
      retryAfterMs: estimate.retryAfterMs(now, effective.parallel, this.#parts.random, leastMs),
      ...(paused && { paused: true }),
      ...facts,
    })
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
