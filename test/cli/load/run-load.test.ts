import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LoadOutcome } from '../../../src/cli/load/outcome.ts'
import { LoadRun } from '../../../src/cli/load/run-load.ts'
import type { OpenCall } from '../../../src/cli/load/send.ts'
import { Tally } from '../../../src/cli/load/tally.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const ANSWERED: LoadOutcome = { kind: 'answered', firstByteMs: 1, totalMs: 2, tokens: 3 }

class FakeCall implements OpenCall {
  readonly outcome: Promise<LoadOutcome>
  settle: (outcome: LoadOutcome) => void = () => {}

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  abort(): void {
    this.settle({ kind: 'aborted' })
  }
}

/** A run whose calls stay open until a test settles them. */
function aRun(times: readonly number[], maxInFlight = 100) {
  const clock = new ManualClock()
  const tally = new Tally()
  const sent: { dueAt: number; at: number; number: number; call: FakeCall }[] = []
  const run = new LoadRun({
    clock,
    maxInFlight,
    tally,
    arrivals: times.map((atMs) => ({ atMs, promptTokens: 1, outputTokens: 1 })).values(),
    send(_arrival, dueAt, number) {
      const call = new FakeCall()
      sent.push({ dueAt, at: clock.now(), number, call })
      return call
    },
  })
  return { clock, tally, run, sent }
}

/** Lets everything happen that needs no time. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

async function advance(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await settled()
}

describe('LoadRun', () => {
  it('sends every call when it is due, although none of those before was answered', async () => {
    const { clock, run, sent, tally } = aRun([0, 10, 20, 20, 50])
    await settled()
    for (let i = 0; i < 5; i++) await advance(clock, 10)
    assert.deepEqual(
      sent.map(({ dueAt, at, number }) => [dueAt, at, number]),
      [
        [0, 0, 1],
        [10, 10, 2],
        [20, 20, 3],
        [20, 20, 4],
        [50, 50, 5],
      ],
    )
    assert.equal(await run.sent(), 50)
    assert.equal(run.open, 5)
    for (const { call } of sent) call.settle(ANSWERED)
    await run.over()
    assert.equal(run.open, 0)
    assert.deepEqual([tally.sent, tally.count.answered, tally.tokens], [5, 5, 15])
  })

  it('never sends early, even where timers take whole milliseconds', async () => {
    const { clock, sent } = aRun([0.4])
    await settled()
    await advance(clock, 0.4)
    assert.equal(sent.length, 0)
    await advance(clock, 0.6)
    assert.equal(sent.length, 1)
  })

  it('catches up at once when it was held up, and owns to being late', async () => {
    const { clock, run, sent, tally } = aRun([10, 20, 30])
    await settled()
    await advance(clock, 500)
    assert.deepEqual(
      sent.map(({ dueAt }) => dueAt),
      [10, 20, 30],
    )
    // The clock hands out timers on time; what comes after the first one is late.
    assert.equal(await run.sent(), 500)
    assert.equal(tally.late.read()?.max, 490)
  })

  it('can be stopped while it cannot keep up', async () => {
    const tally = new Tally()
    const clock = new ManualClock()
    let sent = 0
    const run = new LoadRun({
      clock,
      maxInFlight: 1_000_000,
      tally,
      arrivals: Array.from({ length: 1_000 }, () => ({ atMs: 0, promptTokens: 1, outputTokens: 1 })).values(),
      send() {
        sent++
        // Each call takes longer to send than there is time for it.
        clock.advance(1)
        return new FakeCall()
      },
    })
    await settled()
    run.stop()
    await run.sent()
    assert.ok(sent < 100, `${sent} were sent`)
  })

  it('counts what would be too many at once, and never sends it later', async () => {
    const { clock, run, sent, tally } = aRun([0, 1, 2, 3], 2)
    await settled()
    for (let i = 0; i < 2; i++) await advance(clock, 1)
    assert.deepEqual([tally.sent, tally.notSent], [2, 1])
    sent[0]?.call.settle(ANSWERED)
    await settled()
    await advance(clock, 1)
    assert.deepEqual([tally.arrivals, tally.sent, tally.notSent], [4, 3, 1])
    assert.equal(await run.sent(), 3)
  })

  it('stops between two calls and lets the open ones end', async () => {
    const { clock, run, sent, tally } = aRun([0, 1_000, 2_000])
    await settled()
    await advance(clock, 300)
    run.stop()
    assert.equal(await run.sent(), 300)
    assert.equal(clock.pending, 0)
    assert.equal(run.open, 1)
    sent[0]?.call.settle(ANSWERED)
    await run.over()
    assert.deepEqual([tally.arrivals, tally.count.answered], [1, 1])
  })

  it('ends the open ones when it is told to', async () => {
    const { run, tally } = aRun([0, 0, 0])
    await run.sent()
    run.abort()
    await run.over()
    assert.deepEqual([tally.sent, tally.count.aborted], [3, 3])
  })
})
