import assert from 'node:assert/strict'
import type { Call, FairSettings, Limits } from '../../src/admission/contract.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { LocalTicket } from '../../src/admission/local-ticket.ts'
import { type Caller, EVERYBODY, NO_LIMITS } from '../../src/callers/caller.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { Stats } from '../../src/telemetry/stats.ts'

/** The core with the observer and the clock of production. */
export function anAdmission(
  defaults: Limits,
  { fairness = FAIR, clock = systemClock }: { fairness?: FairSettings; clock?: Clock } = {},
): LocalAdmission {
  return new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: { name: 'ollama' },
    defaults,
    fairness,
    maxWaitingBytes: Number.POSITIVE_INFINITY,
  })
}

export function callAt(now: number, patienceMs: number, caller = EVERYBODY): Call {
  return { model: 'llama2', caller, deadline: now + patienceMs, bytes: 1_000, slots: 1 }
}

/** Callers without a key, as many as asked for. `first`: the number of the first of them. */
export function someCallers(count: number, first = 0): Caller[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index
    const address = [number >> 16, (number >> 8) & 255, number & 255]
    return { id: `10.${address.join('.')}`, key: undefined, limits: NO_LIMITS }
  })
}

export function permitOf(answer: unknown): LocalPermit {
  assert.ok(answer instanceof LocalPermit)
  return answer
}

export function ticketOf(answer: unknown): LocalTicket {
  assert.ok(answer instanceof LocalTicket)
  return answer
}
