import assert from 'node:assert/strict'
import type { Call } from '../../src/admission/contract.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../src/admission/local-ticket.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { systemClock } from '../../src/clock.ts'
import { seeded } from './admission-random.ts'
import { percentile, type Report } from './admission-report.ts'
import { anAdmission, callAt, permitOf, ticketOf } from './core.ts'

const ROUNDS = 10
const OPERATIONS = 3_000_000
const HAND_OVERS = 20_000
const TICKETS = 100_000
const PATIENCE_MS = 300_000

/** What the core costs by the wall clock, with the observer and the clock of production. */
export async function measureCosts(report: Report): Promise<void> {
  assertRight()
  uncontended(report)
  for (const waiting of [0, 512]) await handOver(report, waiting)
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

function callWaiting(now: number): Call {
  return callAt(now, PATIENCE_MS)
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
  // The relay reads the clock on arrival and at the end for its own figures: this is what admission adds to that.
  let now = systemClock.now()
  const timesGiven = () => {
    now += 0.001
    const answer = admission.acquire(callWaiting(now), now)
    if (answer instanceof LocalPermit) answer.release('done', now)
  }
  let read = 0
  const clock = () => {
    read += systemClock.now() + systemClock.now()
  }
  const rounds = { whole: [] as number[], timesGiven: [] as number[], clock: [] as number[] }
  for (const warmUp of [whole, timesGiven, clock]) nanosecondsOf(warmUp)
  for (let round = 0; round < ROUNDS; round++) {
    rounds.whole.push(nanosecondsOf(whole))
    rounds.timesGiven.push(nanosecondsOf(timesGiven))
    rounds.clock.push(nanosecondsOf(clock))
  }
  const model = admission.model('llama2')
  assert.equal(model?.observer.figures().processed, 2 * (ROUNDS + 1) * OPERATIONS)
  assert.ok(model?.idle && read > 0)
  // The relay has the time at hand in both places, so this is what admission costs a call.
  report.row('T1 acquire + release, times given', 'ns', rounds.timesGiven, { most: 100 })
  report.row('T1 the same, reading the clock twice', 'ns', rounds.whole)
  report.row('T1 control: reading the clock twice', 'ns', rounds.clock)
}

function nanosecondsOf(operation: () => void): number {
  const begun = process.hrtime.bigint()
  for (let i = 0; i < OPERATIONS; i++) operation()
  return Number(process.hrtime.bigint() - begun) / OPERATIONS
}

/** From just before a release to the first line of the next in line, behind its promise. */
async function handOver(report: Report, waiting: number): Promise<void> {
  const admission = anAdmission({ parallel: 1, queue: waiting + 1 })
  let permit = permitOf(admission.acquire(callWaiting(systemClock.now())))
  const inLine = () => promiseOf(ticketOf(admission.acquire(callWaiting(systemClock.now()))))
  const line = Array.from({ length: waiting }, inLine)
  const microseconds: number[] = []
  for (let sample = 0; sample < 2 * HAND_OVERS; sample++) {
    line.push(inLine())
    const next = line.shift()
    assert.ok(next)
    let begun = 0n
    const continued = next.then((granted) => {
      const ended = process.hrtime.bigint()
      // The first half warms up.
      if (sample >= HAND_OVERS) microseconds.push(Number(ended - begun) / 1_000)
      return granted
    })
    begun = process.hrtime.bigint()
    permit.release('done', systemClock.now())
    permit = await continued
  }
  assert.equal(microseconds.length, HAND_OVERS)
  assert.equal(admission.model('llama2')?.lane.queued, waiting)
  assert.equal(admission.model('llama2')?.lane.active, 1)
  for (const rest of line) rest.catch(() => undefined)
  admission.close()
  const name = `T2 hand-over with ${waiting} more waiting`
  report.row(`${name}, p50`, 'us', [percentile(microseconds, 50)])
  report.row(`${name}, p99`, 'us', [percentile(microseconds, 99)], { most: 5 })
}

function memory(report: Report): void {
  report.row('T3 bytes of a waiting ticket, bare', 'B', [bytesOf((ticket) => ticket)], { most: 512 })
  report.row('T3 bytes of a waiting ticket and its promise', 'B', [bytesOf(promiseOf)], { most: 512 })
}

function bytesOf(keep: (ticket: LocalTicket) => unknown): number {
  const admission = anAdmission({ parallel: 0, queue: TICKETS })
  const kept = new Array<unknown>(TICKETS)
  const before = heapUsed()
  for (let i = 0; i < TICKETS; i++) kept[i] = keep(ticketOf(admission.acquire(callWaiting(i))))
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
