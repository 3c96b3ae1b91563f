import type { AdmissionParts } from '../../../../src/admission/admission-parts.ts'
import type { Call } from '../../../../src/admission/contract.ts'
import { LocalPermit } from '../../../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../../../src/admission/local-ticket.ts'
import type { Refusal } from '../../../../src/admission/refusal.ts'
import { type Caller, type CallerLimits, NO_LIMITS } from '../../../../src/callers/caller.ts'
import { aCall, anAdmission } from '../../support/builders.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND

/** A caller that is known by its address. */
export function callerOf(id: string, limits: Partial<CallerLimits> = {}): Caller {
  return { id, key: undefined, limits: { ...NO_LIMITS, ...limits } }
}

interface Asked extends Partial<Call> {
  readonly caller: Caller
  /** Milliseconds for which the call holds its slots. */
  readonly heldMs: number
  /** Called when the call is over. Not called for a call that was refused. */
  readonly next?: (() => void) | undefined
}

/** An admission, and callers whose calls take as long as they are told to. */
export class Shop {
  readonly admission: ReturnType<typeof anAdmission>['admission']
  readonly clock: ReturnType<typeof anAdmission>['clock']
  /** Slot-milliseconds by Caller.id, of calls that are over. */
  readonly #got = new Map<string, number>()

  constructor(parts: Parameters<typeof anAdmission>[0] = {}) {
    const { admission, clock } = anAdmission(parts as Partial<Omit<AdmissionParts, 'clock' | 'observer'>>)
    this.admission = admission
    this.clock = clock
  }

  got(id: string): number {
    return this.#got.get(id) ?? 0
  }

  /** One call. Returns its ticket; undefined for a call that has a slot at once. */
  ask({ heldMs, next, ...call }: Asked): LocalTicket | undefined {
    const answer = this.admission.acquire(aCall(call))
    const serve = (permit: LocalPermit) => {
      permit.began(this.clock.now())
      this.clock.after(heldMs, () => {
        const { id } = permit.call.caller
        this.#got.set(id, this.got(id) + permit.slots * (this.clock.now() - permit.grantedAt))
        permit.release('done', this.clock.now())
        next?.()
      })
    }
    if (answer instanceof LocalPermit) {
      serve(answer)
      return undefined
    }
    answer.onSettled((result: LocalPermit | Refusal) => {
      if (result instanceof LocalPermit) serve(result)
    })
    return answer
  }

  /** Keeps `count` calls of a caller in flight, for ever. */
  flood(count: number, asked: Asked): void {
    for (let i = 0; i < count; i++) this.ask({ ...asked, next: () => this.flood(1, asked) })
  }

  /** What each of these callers gets within `ms`. */
  shares(ms: number, ...ids: readonly string[]): number[] {
    const before = ids.map((id) => this.got(id))
    this.clock.advance(ms)
    return ids.map((id, index) => this.got(id) - (before[index] ?? 0))
  }
}
