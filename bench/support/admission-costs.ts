import assert from 'node:assert/strict'
import type { Call, FairSettings } from '../../src/admission/contract.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../src/admission/local-ticket.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { type Caller, EVERYBODY } from '../../src/callers/caller.ts'
import { systemClock } from '../../src/clock.ts'
import { seeded } from './admission-random.ts'
import { percentile, type Report } from './admission-report.ts'
import { anAdmission, callAt, permitOf, someCallers, ticketOf } from './core.ts'

const ROUNDS = 10
const OPERATIONS = 3_000_000
const HAND_OVERS = 20_000
const TICKETS = 100_000
const PATIENCE_MS = 300_000
/** A call that no prediction refuses, however long the line is. */
const ENDLESS_MS = 1e9

const ONE_CALLER: readonly Caller[] = [EVERYBODY]
const SOME_CALLERS = someCallers(64)
const IN_ORDER: FairSettings = { ...FAIR, fair: false }

/** What the core costs by the wall clock, with the observer and the clock of production. */
export async function measureCosts(report: Report): Promise<void> {
  assertRight()
  uncontended(report)
  await handOver(report, 0, ONE_CALLER)
  await handOver(report, 512, ONE_CALLER)
  await handOver(report, 512, SOME_CALLERS)
  memory(report)
  cancels(report)
}

/** What is timed below, once and looked at. */
function assertRight(): void {
  const admission = anAdmission({ parallel: 1, queue: 3 })
  const permit = permitOf(admission.acquire(callWaiting(0), 0))
  const [first, second, third] = [1, 2, 3].map((now) => ticketOf(admission.acquire(callWaiting(now), now)))
  assert.throws(() => admission.acquire(callWaiting(4), 4), Refusal)
  assert.equal(first?.cancel(5), true)
  permit.release('done', 6)
  permit.release('done', 7)
  assert.deepEqual([first?.waiting, second?.waiting, third?.waiting], [false, false, true])
  assert.equal(admission.model('llama2')?.lane.active, 1)
  admission.close()
}

function callWaiting(now: number, caller?: Caller): Call {
  return callAt(now, PATIENCE_MS, caller)
}

/** What a relay makes of a ticket. */
function promiseOf(ticket: LocalTicket): Promise<LocalPermit> {
  return new Promise((resolve, reject) => {
    ticket.onSettled((result) => (result instanceof Refusal ? reject(result) : resolve(result)))
  })
}

function uncontended(report: Report): void {
  const admission = anAdmission({ parallel: 4, queue: 512 })
  // An assert a call would cost as much as what is measured: the observer's count tells whether all were granted.
  const whole = () => {
    const arrived = systemClock.now()
    const answer = admission.acquire(callWaiting(arrived), arrived)
    if (answer instanceof LocalPermit) answer.release('done', systemClock.now())
  }
  let read = 0
  const clock = () => {
    read += systemClock.now() + systemClock.now()
  }
  const given = timesGiven(FAIR, ONE_CALLER)
  const inTurns = timesGiven(FAIR, SOME_CALLERS)
  const inOrder = timesGiven(IN_ORDER, ONE_CALLER)
  const operations = { given, inTurns, inOrder, whole, clock }
  const rounds = { given: [], inTurns: [], inOrder: [], whole: [], clock: [] } as Record<
    keyof typeof operations,
    number[]
  >
  const all = Object.entries(operations) as [keyof typeof operations, () => void][]
  for (const [, warmUp] of all) nanosecondsOf(warmUp)
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, operation] of all) rounds[name].push(nanosecondsOf(operation))
  const model = admission.model('llama2')
  assert.equal(model?.observer.figures().processed, (ROUNDS + 1) * OPERATIONS)
  assert.ok(model?.idle && read > 0)
  // The relay has the time at hand in both places, so this is what admission costs a call.
  report.row('T1 acquire + release, times given', 'ns', rounds.given, { most: 150 })
  report.row(`T1 the same, ${SOME_CALLERS.length} callers in turns`, 'ns', rounds.inTurns, { most: 150 })
  report.row('T1 the same, in the order of arrival', 'ns', rounds.inOrder, { most: 100 })
  report.row('T1 acquire + release, reading the clock twice', 'ns', rounds.whole)
  report.row('T1 control: reading the clock twice', 'ns', rounds.clock)
}

/** The relay reads the clock on arrival and at the end for its own figures: this is what admission adds to that. */
function timesGiven(fairness: FairSettings, callers: readonly Caller[]): () => void {
  const admission = anAdmission({ parallel: 4, queue: 512 }, { fairness })
  let now = systemClock.now()
  let next = 0
  return () => {
    now += 0.001
    next = next + 1 === callers.length ? 0 : next + 1
    const answer = admission.acquire(callWaiting(now, callers[next]), now)
    if (answer instanceof LocalPermit) answer.release('done', now)
    else throw new Error('a call that is alone has to wait')
  }
}

function nanosecondsOf(operation: () => void): number {
  const begun = process.hrtime.bigint()
  for (let i = 0; i < OPERATIONS; i++) operation()
  return Number(process.hrtime.bigint() - begun) / OPERATIONS
}

/**
 * From just before a release to the first line of the next in line, behind its promise. Each caller that had the slot
 * comes back, so that all of them stay in line.
 */
async function handOver(report: Report, waiting: number, callers: readonly Caller[]): Promise<void> {
  const admission = anAdmission({ parallel: 1, queue: waiting + 1 })
  let permit = permitOf(admission.acquire(callWaiting(systemClock.now(), callers[0])))
  let ended = 0n
  let granted = (_: LocalPermit) => {}
  const join = (caller: Caller | undefined) => {
    const now = systemClock.now()
    const call = callAt(now, ENDLESS_MS, caller)
    promiseOf(ticketOf(admission.acquire(call, now))).then(
      (next) => {
        ended = process.hrtime.bigint()
        granted(next)
      },
      // The end of the measurement dismisses the rest.
      () => {},
    )
  }
  for (let index = 0; index < waiting; index++) join(callers[index % callers.length])
  const microseconds: number[] = []
  for (let sample = 0; sample < 2 * HAND_OVERS; sample++) {
    join(permit.call.caller)
    const next = new Promise<LocalPermit>((resolve) => {
      granted = resolve
    })
    const begun = process.hrtime.bigint()
    permit.release('done', systemClock.now())
    permit = await next
    // The first half warms up.
    if (sample >= HAND_OVERS) microseconds.push(Number(ended - begun) / 1_000)
  }
  assert.equal(microseconds.length, HAND_OVERS)
  assert.equal(admission.model('llama2')?.lane.queued, waiting)
  assert.equal(admission.model('llama2')?.lane.active, 1)
  admission.close()
  const of = callers.length === 1 ? '' : ` of ${callers.length} callers`
  const name = `T2 hand-over with ${waiting} more waiting${of}`
  report.row(`${name}, p50`, 'us', [percentile(microseconds, 50)], { most: 5 })
  report.row(`${name}, p99`, 'us', [percentile(microseconds, 99)], { most: 5 })
}

function memory(report: Report): void {
  const bare = (ticket: LocalTicket) => ticket
  report.row('T3 bytes of a waiting ticket, bare', 'B', [bytesOf(bare)], { most: 512 })
  report.row('T3 bytes of a waiting ticket and its promise', 'B', [bytesOf(promiseOf)], { most: 512 })
  for (const callers of [SOME_CALLERS, someCallers(TICKETS)]) {
    report.row(
      `T3 bytes of a waiting ticket, bare, ${callers.length} callers`,
      'B',
      [bytesOf(bare, callers)],
      {
        most: 700,
      },
    )
  }
}

function bytesOf(keep: (ticket: LocalTicket) => unknown, callers = ONE_CALLER): number {
  const admission = anAdmission({ parallel: 0, queue: TICKETS })
  const kept = new Array<unknown>(TICKETS)
  const before = heapUsed()
  for (let i = 0; i < TICKETS; i++)
    kept[i] = keep(ticketOf(admission.acquire(callWaiting(i, callers[i % callers.length]))))
  const bytes = (heapUsed() - before) / TICKETS
  assert.equal(admission.waiting.calls, TICKETS)
  assert.ok(kept.every((one) => one !== undefined))
  for (const one of kept) if (one instanceof Promise) one.catch(() => undefined)
  admission.close()
  return bytes
}

/** Bytes of live objects; needs --expose-gc. */
export function heapUsed(): number {
  assert.ok(globalThis.gc, 'run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

function cancels(report: Report): void {
  const random = seeded(7)
  const moves = [100, 1_000, 10_000, TICKETS].map((count) => {
    const admission = anAdmission({ parallel: 0, queue: count })
    const tickets = Array.from({ length: count }, () => ticketOf(admission.acquire(callWaiting(0), -1)))
    const lane = admission.model('llama2')?.lane
    assert.ok(lane)
    while (tickets.length > 0) {
      const index = Math.floor(random() * tickets.length)
      const last = tickets.pop()
      const leaver = index < tickets.length ? tickets[index] : last
      if (last && index < tickets.length) tickets[index] = last
      assert.equal(leaver?.cancel(0), true)
      assert.ok(lane.turn.contenders.lineOf(lane.turn.current).nodes <= 2 * lane.queued + 33)
    }
    return lane.turn.contenders.lineOf(lane.turn.current).nodesMoved / count
  })
  report.row('T4 nodes moved a cancel, random order, 1e2 to 1e5 in line', 'nodes', moves, { most: 2 })
}
