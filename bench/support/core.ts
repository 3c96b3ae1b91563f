import assert from 'node:assert/strict'
import type { Call, Limits } from '../../src/admission/contract.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { LocalTicket } from '../../src/admission/local-ticket.ts'
import { EVERYBODY } from '../../src/callers/caller.ts'
import { systemClock } from '../../src/clock.ts'
import { Stats } from '../../src/telemetry/stats.ts'

/** The core with the observer and the clock of production. */
export function anAdmission(defaults: Limits): LocalAdmission {
  return new LocalAdmission({
    clock: systemClock,
    observer: new Stats(systemClock),
    upstream: { name: 'ollama' },
    defaults,
    maxWaitingBytes: Number.POSITIVE_INFINITY,
  })
}

export function callAt(now: number, patienceMs: number): Call {
  return { model: 'llama2', caller: EVERYBODY, deadline: now + patienceMs, bytes: 1_000, slots: 1 }
}

export function permitOf(answer: unknown): LocalPermit {
  assert.ok(answer instanceof LocalPermit)
  return answer
}

export function ticketOf(answer: unknown): LocalTicket {
  assert.ok(answer instanceof LocalTicket)
  return answer
}
