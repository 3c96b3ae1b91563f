import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Engine } from '../../../src/simulator/engine.ts'
import { Random } from '../turns/support/random.ts'
import { GapWatch } from './support/gap-watch.ts'
import { jain, Service } from './support/service.ts'
import { type FairCall, FairWorld, percentile, type Wish, waitOf } from './support/world.ts'

const SLOTS = 4
const MINUTE_MS = 60_000

/** Whoever has a wish has another one as soon as that one is over. */
function closedLoop(world: FairWorld, count: number, wish: (call?: FairCall) => Wish): void {
  const first = Array.from({ length: count }, () => world.ask(wish()))
  const own = new Set(first)
  world.witnesses.push({
    over: (call) => {
      if (own.delete(call)) own.add(world.ask(wish(call)))
    },
  })
}

describe('eight callers that always wait, with weights 1 to 8 and calls of unlike lengths', () => {
  const SHORTEST_MS = 100
  const RATIO = 60
  const MEAN_MS = (SHORTEST_MS * (RATIO - 1)) / Math.log(RATIO)

  for (const lengths of ['of all callers alike', 'of each caller its own'] as const)
    it(`get slot-time by their weights in any time of 200 mean calls: lengths ${lengths}`, () => {
      const random = new Random(13)
      const weights = [1, 2, 3, 4, 5, 6, 7, 8]
      const callers = Object.fromEntries(weights.map((weight) => [`w${weight}`, { weight }]))
      const world = new FairWorld({ noDeadlines: true, parallel: SLOTS, callers })
      const service = new Service(world)
      const weightOf = (by: string) => Number(by.slice(1))
      const gaps = new GapWatch(world, { partyOf: ({ wish }) => wish.by, weightOf, slots: SLOTS })
      for (const weight of weights) {
        const lengthOf = () =>
          SHORTEST_MS * RATIO ** (lengths === 'of all callers alike' ? random.next() : ((weight * 3) % 8) / 7)
        closedLoop(world, 12, () => ({ by: `w${weight}`, serviceMs: lengthOf() }))
      }
      let worst = 1
      let before = weights.map(() => 0)
      for (let window = 0; window < 12; window++) {
        world.clock.advance(200 * MEAN_MS)
        const now = weights.map((weight) => service.of(`w${weight}`))
        worst = Math.min(
          worst,
          jain(weights.map((weight, index) => ((now[index] ?? 0) - (before[index] ?? 0)) / weight)),
        )
        before = now
      }
      assert.ok(worst >= 0.99, `Jain's index of the worst window: ${worst}`)
      assert.equal(gaps.pairs, 28)
      assert.ok(gaps.received.share <= 1, gaps.received.text)
    })
})

/** The machine of `demo` in virtual time: see src/cli/demo.ts. */
function demo(fair: boolean) {
  const random = new Random(40)
  const TOKEN_MS = 20
  const engines: Engine[] = []
  const world: FairWorld = new FairWorld({
    noDeadlines: true,
    parallel: SLOTS,
    fairness: { fair },
    serve: ({ model, wish }, done) => {
      const outputTokens = Math.round(wish.serviceMs / TOKEN_MS)
      const handle = engines[0]?.submit({ model, promptTokens: 10, outputTokens, onDone: done })
      return () => handle?.cancel()
    },
  })
  engines.push(
    new Engine(world.clock, {
      ...{ numParallel: SLOTS, maxQueue: 512, maxLoaded: 3, loadMs: 1_500, keepAliveMs: 300_000 },
      ...{ promptTokensPerSecond: 1_000, outputTokensPerSecond: 1_000 / TOKEN_MS, slowdown: 0.1 },
    }),
  )
  const service = () => (16 + random.below(48)) * TOKEN_MS
  closedLoop(world, 40, () => ({ by: 'flooder', serviceMs: service() }))
  const over: FairCall[] = []
  world.witnesses.push({ over: (call) => void over.push(call) })
  // What the proxy learns of the first calls is part of the experiment.
  for (const until = 20 * MINUTE_MS; world.now < until; ) {
    world.clock.advance(4_000 + random.below(4_000))
    world.ask({ by: 'quiet', serviceMs: (16 + random.below(48)) * TOKEN_MS })
  }
  const of = (by: string) => over.filter(({ wish }) => wish.by === by)
  const held = of('flooder').map(({ grantedAt = 0, endedAt = 0 }) => endedAt - grantedAt)
  return {
    meanMs: held.reduce((sum, ms) => sum + ms, 0) / held.length,
    flooded: held.length,
    waits: of('quiet').map(waitOf),
  }
}

describe('a caller with forty calls in flight, and a quiet one', () => {
  it('the quiet one waits for less than a call, at most two, and the other loses nothing by it', () => {
    const [now, before] = [demo(true), demo(false)]
    const [middle, most] = [percentile(now.waits, 0.5), Math.max(...now.waits)]
    assert.ok(now.waits.length > 150)
    assert.ok(middle < now.meanMs, `half of the waits are over ${middle} ms, a call takes ${now.meanMs} ms`)
    assert.ok(most < 2 * now.meanMs, `waits of up to ${most} ms, a call takes ${now.meanMs} ms`)
    assert.ok(
      Math.abs(now.flooded / before.flooded - 1) < 0.03,
      `${now.flooded} calls, not ${before.flooded}`,
    )
    assert.ok(percentile(before.waits, 0.5) > 8 * before.meanMs, 'in the order of arrival it waits for all')
  })
})

const BATCH_MS = 30_000

/** Batch calls flood four slots. People ask for calls of 6 s, which take three slots of ten. */
function batchFlood(fair: boolean, reserve: number) {
  const random = new Random(12)
  const world = new FairWorld({ noDeadlines: true, parallel: SLOTS, fairness: { fair, reserve } })
  const exponential = (mean: number) => -Math.log(1 - random.next()) * mean
  const service = new Service(world, (call) => call.class)
  closedLoop(world, 60, () => ({ by: 'nightly', class: 'batch', serviceMs: BATCH_MS }))
  const waits: number[] = []
  world.witnesses.push({
    granted: (call) => {
      if (call.class === 'interactive') waits.push(waitOf(call))
    },
  })
  const hours = 10 * 60 * MINUTE_MS
  for (let person = 0; world.now < hours; person = (person + 1) % 20) {
    world.clock.advance(exponential(5_000))
    const serviceMs = Math.min(30_000, 1_500 + exponential(4_500))
    world.ask({ by: `person ${person}`, class: 'interactive', serviceMs })
  }
  return { p50: percentile(waits, 0.5), p99: percentile(waits, 0.99), batch: service.of('batch') / hours }
}

describe('people beside a flood of batch calls', () => {
  it('wait for one batch call at most, where one slot is kept from batch', () => {
    const [now, before] = [batchFlood(true, 1), batchFlood(false, 1)]
    assert.ok(now.p99 <= BATCH_MS, `p99 ${now.p99} ms`)
    assert.ok(before.p99 > 20 * now.p99, `${before.p99} ms in the order of arrival, ${now.p99} ms now`)
    assert.ok(now.batch > 2, `batch keeps ${now.batch} slots`)
  })

  it('wait for little more without a reserve', () => {
    const { p50, p99 } = batchFlood(true, 0)
    assert.ok(p50 < BATCH_MS / 2 && p99 < 2 * BATCH_MS, `p50 ${p50} ms, p99 ${p99} ms`)
  })
})
