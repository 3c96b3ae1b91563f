import assert from 'node:assert/strict'
import type { Call } from '../../src/admission/contract.ts'
import type { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { seeded } from './admission-random.ts'
import { anAdmission, callAt, permitOf, ticketOf } from './core.ts'
import type { StepCounter } from './steps.ts'

const OPERATIONS = 40_000
const BATCHES = 5

/** Admission, and the queue that admission stands on. */
const ADMISSION = /\/src\/admission\/|\/yocto-queue\//

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

/** A call that gets its slot at once and gives the slot back. */
export function slotAtOnce(): Operation {
  const admission = admissionWith(1)
  return (now) => permitOf(admission.acquire(patientCall(now), now)).release('done', now)
}

/** With so many calls in line: one more joins, and a slot comes back, which the first in line gets. */
export function grantFromTheLine(waiting: number): Operation {
  const admission = admissionWith(1)
  let running = permitOf(admission.acquire(patientCall(0), 0))
  const join = (now: number) =>
    ticketOf(admission.acquire(patientCall(now), now)).onSettled((result) => {
      if (result instanceof LocalPermit) running = result
    })
  for (let index = 0; index < waiting; index++) join(0)
  return (now) => {
    join(now)
    running.release('done', now)
  }
}

/** With so many calls in line: a random one leaves, and another call joins. */
export function departureFromTheLine(waiting: number): Operation {
  const admission = admissionWith(1)
  const random = seeded(7)
  admission.acquire(patientCall(0), 0)
  const tickets = Array.from({ length: waiting }, () => ticketOf(admission.acquire(patientCall(0), 0)))
  return (now) => {
    const leaver = Math.floor(random() * waiting)
    assert.equal(tickets[leaver]?.cancel(now), true)
    tickets[leaver] = ticketOf(admission.acquire(patientCall(now), now))
  }
}

function admissionWith(parallel: number): LocalAdmission {
  return anAdmission({ parallel, queue: Number.MAX_SAFE_INTEGER })
}

/** A call that no prediction refuses, however long the line is. */
function patientCall(now: number): Call {
  return callAt(now, 1e9)
}
