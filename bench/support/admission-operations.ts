import assert from 'node:assert/strict'
import type { Call } from '../../src/admission/contract.ts'
import type { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { type Caller, EVERYBODY } from '../../src/callers/caller.ts'
import { seeded } from './admission-random.ts'
import { anAdmission, callAt, permitOf, someCallers, ticketOf } from './core.ts'
import type { StepCounter } from './steps.ts'

const OPERATIONS = 40_000
const BATCHES = 5

/** Admission, and the queue that admission stands on. */
const ADMISSION = /\/src\/admission\/|\/yocto-queue\//

/** Nobody is told apart. */
const ONE: readonly Caller[] = [EVERYBODY]

/** Callers that stand in line together. */
export const MANY_CALLERS: readonly Caller[] = someCallers(64)

/** One operation of admission, over and over. */
type Operation = (now: number) => void

function repeat(operation: Operation): void {
  for (let index = 0; index < OPERATIONS; index++) operation(index)
}

export async function stepsOf(operation: Operation, counter: StepCounter): Promise<number> {
  // A first run, since V8 counts some steps anew while it compiles.
  repeat(operation)
  return (await counter.during(ADMISSION, () => repeat(operation))) / OPERATIONS
}

/** Nanoseconds of one operation: those of the quickest of some batches, which is the least disturbed. */
export function nanosecondsOf(operation: Operation): number {
  const batches = Array.from({ length: BATCHES }, () => {
    const begun = process.hrtime.bigint()
    repeat(operation)
    return Number(process.hrtime.bigint() - begun) / OPERATIONS
  })
  return Math.min(...batches)
}

/** A call that gets its slot at once and gives the slot back. The callers take turns. */
export function slotAtOnce(callers = ONE): Operation {
  const admission = admissionWith(1)
  return (now) => {
    const caller = callers[now % callers.length]
    permitOf(admission.acquire(patientCall(now, caller), now)).release('done', now)
  }
}

/** With so many calls in line: one more of the caller that runs joins, and a slot comes back, which the next in line gets. */
export function grantFromTheLine(waiting: number, callers = ONE): Operation {
  const admission = admissionWith(1)
  let running = permitOf(admission.acquire(patientCall(0, callers[0]), 0))
  const join = (now: number, caller: Caller | undefined) =>
    ticketOf(admission.acquire(patientCall(now, caller), now)).onSettled((result) => {
      if (result instanceof LocalPermit) running = result
    })
  for (let index = 0; index < waiting; index++) join(0, callers[index % callers.length])
  return (now) => {
    join(now, running.call.caller)
    running.release('done', now)
  }
}

/** With so many calls in line: a random one leaves, and another call of its caller joins. */
export function departureFromTheLine(waiting: number, callers = ONE): Operation {
  const admission = admissionWith(1)
  const random = seeded(7)
  const join = (now: number, caller: Caller | undefined) =>
    ticketOf(admission.acquire(patientCall(now, caller), now))
  admission.acquire(patientCall(0, callers[0]), 0)
  const tickets = Array.from({ length: waiting }, (_, index) => join(0, callers[index % callers.length]))
  return (now) => {
    const leaver = Math.floor(random() * waiting)
    const ticket = tickets[leaver]
    assert.equal(ticket?.cancel(now), true)
    tickets[leaver] = join(now, ticket.call.caller)
  }
}

function admissionWith(parallel: number): LocalAdmission {
  return anAdmission({ parallel, queue: Number.MAX_SAFE_INTEGER })
}

/** A call that no prediction refuses, however long the line is. */
function patientCall(now: number, caller?: Caller): Call {
  return callAt(now, 1e9, caller)
}
