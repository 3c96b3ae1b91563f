import assert from 'node:assert/strict'
import type { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import type { Caller } from '../../src/callers/caller.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { heapUsed } from './admission-costs.ts'
import type { Report } from './admission-report.ts'
import { anAdmission, callAt, permitOf, someCallers, ticketOf } from './core.ts'

const CALLERS = 10_000
/** Callers that wait at the same time. */
const AT_ONCE = 500
const SERVICE_MS = 100
/** Longer than an account stays that has no calls. */
const FORGOTTEN_MS = 20 * 60_000

/** Ten thousand callers come, wait, run and go: nothing of them may be left. */
export function measureTurnover(report: Report): void {
  const clock = new ManualClock()
  const admission = anAdmission({ parallel: 4, queue: AT_ONCE }, { clock })
  // What the first ten thousand leave behind, the next ones find: tables that have grown stay as large as they are.
  const before = someCallers(CALLERS)
  comeAndGo(admission, clock, before)
  settle(admission, clock, before)
  const next = someCallers(CALLERS, CALLERS)
  const empty = heapUsed()
  comeAndGo(admission, clock, next)
  const gone = heapUsed() - empty
  assert.equal([...admission.callers()].length, 0)
  settle(admission, clock, next)
  const forgotten = heapUsed() - empty
  admission.close()
  report.row(`T7 heap for each of ${CALLERS} callers that have just gone`, 'B', [gone / CALLERS])
  report.row(`T7 the same, ${FORGOTTEN_MS / 60_000} minutes later`, 'B', [forgotten / CALLERS], { most: 10 })
}

/** One call for each caller. Many of them are in line at any time. */
function comeAndGo(admission: LocalAdmission, clock: ManualClock, callers: readonly Caller[]): void {
  const running: LocalPermit[] = []
  let served = 0
  const release = () => {
    clock.advance(SERVICE_MS)
    const permit = running.shift()
    served++
    permit?.release('done', clock.now())
  }
  for (const [index, caller] of callers.entries()) {
    const answer = admission.acquire(callAt(clock.now(), 1e9, caller))
    if (answer instanceof LocalPermit) running.push(answer)
    else ticketOf(answer).onSettled((result) => running.push(permitOf(result)))
    if (index >= AT_ONCE) release()
  }
  while (running.length > 0) release()
  assert.equal(served, callers.length)
  assert.equal(admission.model('llama2')?.lane.queued, 0)
}

/** Time goes by, and one call comes, which finds what can be forgotten. */
function settle(admission: LocalAdmission, clock: ManualClock, callers: readonly Caller[]): void {
  clock.advance(FORGOTTEN_MS)
  permitOf(admission.acquire(callAt(clock.now(), 1e9, callers[0]))).release('done', clock.now())
}
