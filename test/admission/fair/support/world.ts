import assert from 'node:assert/strict'
import type { AdmissionParts } from '../../../../src/admission/admission-parts.ts'
import type { Call, FairSettings } from '../../../../src/admission/contract.ts'
import { FAIR } from '../../../../src/admission/fair-settings.ts'
import { LocalAdmission } from '../../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../../../src/admission/local-ticket.ts'
import type { Outcome } from '../../../../src/admission/observer.ts'
import { Refusal } from '../../../../src/admission/refusal.ts'
import { type CallClass, type CallerLimits, NO_LIMITS } from '../../../../src/callers/caller.ts'
import type { Cancel, Clock } from '../../../../src/clock.ts'
import { aKey } from '../../../callers/support/builders.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { OLLAMA } from '../../support/builders.ts'
import { Tally } from '../../support/recorder.ts'

/** A deadline that no test reaches. */
const FAR_MS = 1e12

/** What a client asks for. Times are milliseconds. */
export interface Wish {
  readonly by: string
  /** Time that the call holds its slot. */
  readonly serviceMs: number
  /** Default: m. */
  readonly model?: string
  /** Default: normal. */
  readonly class?: CallClass
  readonly user?: string | undefined
  readonly patienceMs?: number
  /** Default: 1. */
  readonly slots?: number
  readonly bytes?: number
}

/** One call from its arrival to its end. Times are clock milliseconds. */
export interface FairCall {
  readonly number: number
  readonly wish: Wish
  readonly model: string
  readonly class: CallClass
  readonly askedAt: number
  state: 'line' | 'running' | 'over'
  /** Slots that the call holds or held. */
  slots: number
  grantedAt: number | undefined
  endedAt: number | undefined
  /** The outcome of its permit, or the code of its refusal. */
  end: string | undefined
  refusal: Refusal | undefined
  ticket: LocalTicket | undefined
  permit: LocalPermit | undefined
  serves: Cancel | undefined
}

/** Hears what happens to the calls. */
export interface Witness {
  /** A call stands in line. */
  stood?(call: FairCall): void
  /** A call has its slot. `waited`: it stood in line before. */
  granted?(call: FairCall, waited: boolean): void
  /** A call is over. `from`: where it was. */
  over?(call: FairCall, from: 'arrival' | 'line' | 'running'): void
}

interface WorldParts extends Partial<Pick<AdmissionParts, 'defaults' | 'models' | 'maxWaitingBytes'>> {
  readonly parallel?: number
  readonly fairness?: Partial<FairSettings>
  /** Limits of callers. A caller whose name begins with `key` has a key, and people behind it. */
  readonly callers?: Readonly<Record<string, Partial<CallerLimits>>>
  /**
   * Default: false. True: admission never looks for deadlines that have passed, which is most of the work in a virtual day
   * in which none does.
   */
  readonly noDeadlines?: boolean
  /** Serves a call that has its slot, and tells when it is done. Default: the call takes the time that its wish names. */
  readonly serve?: (call: FairCall, done: () => void) => Cancel
}

/** An admission in virtual time, in front of slots that serve each call in the time that the call needs. */
export class FairWorld {
  readonly clock = new ManualClock()
  readonly admission: LocalAdmission
  readonly tallies = new Map<string, Tally>()
  readonly witnesses: Witness[] = []
  readonly limits = new Map<string, CallerLimits>()
  /** In the order of their arrival. */
  readonly standing = new Set<FairCall>()
  readonly running = new Set<FairCall>()
  fairness: FairSettings
  readonly #serve: (call: FairCall, done: () => void) => Cancel
  #calls = 0

  constructor(worldParts: WorldParts = {}) {
    const { parallel = 1, fairness, callers = {}, noDeadlines, serve, ...parts } = worldParts
    this.fairness = { ...FAIR, ...fairness }
    this.#serve = serve ?? ((call, done) => this.clock.after(call.wish.serviceMs, done))
    for (const [id, limits] of Object.entries(callers)) this.limits.set(id, { ...NO_LIMITS, ...limits })
    this.admission = new LocalAdmission({
      clock: noDeadlines === true ? withoutTimers(this.clock) : this.clock,
      observer: {
        lane: (model) => {
          const tally = new Tally()
          this.tallies.set(model, tally)
          return tally
        },
      },
      upstream: OLLAMA,
      defaults: { parallel, queue: FAR_MS },
      maxWaitingBytes: FAR_MS,
      random: () => 0.5,
      fairness: this.fairness,
      ...parts,
    })
  }

  get now(): number {
    return this.clock.now()
  }

  limitsOf(id: string): CallerLimits {
    return this.limits.get(id) ?? NO_LIMITS
  }

  /** A client comes. */
  ask(wish: Wish): FairCall {
    const { by, user, patienceMs = FAR_MS, slots = 1, bytes = 100 } = wish
    const call: FairCall = {
      number: ++this.#calls,
      wish,
      model: wish.model ?? 'm',
      class: wish.class ?? 'normal',
      askedAt: this.now,
      state: 'line',
      slots: 0,
      ...{ grantedAt: undefined, endedAt: undefined, end: undefined, refusal: undefined },
      ...{ ticket: undefined, permit: undefined, serves: undefined },
    }
    const limits = this.limitsOf(by)
    const asked: Call = {
      model: call.model,
      caller: {
        id: by,
        key: by.startsWith('key') ? aKey(by, { limits, users: 'open-webui' }) : undefined,
        limits,
      },
      class: call.class,
      user,
      deadline: this.now + patienceMs,
      bytes,
      slots,
    }
    let answer: LocalPermit | LocalTicket
    try {
      answer = this.admission.acquire(asked)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#refused(call, error, 'arrival')
      return call
    }
    if (answer instanceof LocalPermit) this.#granted(call, answer, false)
    else {
      call.ticket = answer
      this.standing.add(call)
      for (const witness of this.witnesses) witness.stood?.(call)
      answer.onSettled((result) => {
        assert.equal(call.state, 'line', 'settled twice')
        this.standing.delete(call)
        if (result instanceof Refusal) this.#refused(call, result, 'line')
        else if (result instanceof LocalPermit) this.#granted(call, result, true)
      })
    }
    return call
  }

  /** `count` clients come at once. */
  askMany(count: number, wish: Wish): FairCall[] {
    return Array.from({ length: count }, () => this.ask(wish))
  }

  /** The client leaves, wherever its call is. */
  leave(call: FairCall, outcome: Outcome = 'cancelled'): void {
    if (call.state === 'line') assert.equal(call.ticket?.cancel(this.now), true, 'a call in line can leave')
    else if (call.state === 'running') {
      call.serves?.()
      this.#over(call, outcome)
    }
  }

  /** An operator gives a caller other limits. */
  limitCaller(id: string, limits: Partial<CallerLimits>): void {
    const changed = { ...this.limitsOf(id), ...limits }
    this.limits.set(id, changed)
    this.admission.callersChanged((each) => (each === id ? changed : undefined))
  }

  /** An operator shares the slots in another way. */
  share(change: Partial<FairSettings>): void {
    this.fairness = { ...this.fairness, ...change }
    this.admission.share(this.fairness)
  }

  #granted(call: FairCall, permit: LocalPermit, waited: boolean): void {
    call.state = 'running'
    call.permit = permit
    call.slots = permit.slots
    call.grantedAt = this.now
    this.running.add(call)
    for (const witness of this.witnesses) witness.granted?.(call, waited)
    call.serves = this.#serve(call, () => this.#over(call, 'done'))
  }

  #refused(call: FairCall, refusal: Refusal, from: 'arrival' | 'line'): void {
    call.state = 'over'
    call.end = refusal.code
    call.refusal = refusal
    call.endedAt = this.now
    for (const witness of this.witnesses) witness.over?.(call, from)
  }

  #over(call: FairCall, outcome: Outcome): void {
    assert.equal(call.state, 'running', 'released twice')
    call.state = 'over'
    call.end = outcome
    call.endedAt = this.now
    this.running.delete(call)
    call.permit?.release(outcome, this.now, { served: outcome === 'done', loadMs: 0 })
    for (const witness of this.witnesses) witness.over?.(call, 'running')
  }
}

function withoutTimers(clock: ManualClock): Clock {
  return { now: () => clock.now(), wallTime: () => clock.wallTime(), after: () => () => {} }
}

/** Milliseconds in line. */
export function waitOf({ askedAt, grantedAt, endedAt }: FairCall): number {
  return (grantedAt ?? endedAt ?? Number.NaN) - askedAt
}

/** `share`: 0.5 for the median. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
