import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GapWatch } from './support/gap-watch.ts'
import { Service } from './support/service.ts'
import { MEDIUM_MS, play, WORKLOADS, type Workload } from './support/workloads.ts'
import { type FairCall, FairWorld, percentile, waitOf } from './support/world.ts'

const SLOTS = 4
const MINUTE_MS = 60_000

/** Plays a workload. `looks`: clock times at which the service so far is noted. */
function played(workload: Workload, fair = true, looks: readonly number[] = []) {
  const world = new FairWorld({ noDeadlines: true, parallel: SLOTS, fairness: { fair } })
  const service = new Service(world)
  const gaps = new GapWatch(world, { partyOf: ({ wish }) => wish.by, slots: SLOTS })
  const granted: FairCall[] = []
  world.witnesses.push({ granted: (call) => void granted.push(call) })
  const noted = new Map<number, { one: number; two: number }>()
  for (const at of looks)
    world.clock.after(at, () => noted.set(at, { one: service.of('one'), two: service.of('two') }))
  play(world, workload)
  const between = (from: number, to: number) => {
    const [start, end] = [noted.get(from), noted.get(to)]
    assert.ok(start && end)
    return { one: end.one - start.one, two: end.two - start.two }
  }
  const waits = (by: string, from = 0, to = Number.POSITIVE_INFINITY) =>
    granted.filter((call) => call.wish.by === by && call.askedAt >= from && call.askedAt < to).map(waitOf)
  return { world, service, gaps, between, waits }
}

function workload(name: string): Workload {
  const make = WORKLOADS[name]
  assert.ok(make, name)
  return make()
}

function assertFair({ gaps }: { readonly gaps: GapWatch }): void {
  assert.ok(gaps.pairs > 0, 'two callers waited')
  assert.ok(gaps.received.share <= 1, gaps.received.text)
}

/** A call that waits for the next slot alone waits for less than the longest call. */
function assertServedAtOnce(waits: readonly number[]): void {
  assert.ok(waits.length > 20)
  const [middle, most] = [percentile(waits, 0.5), Math.max(...waits)]
  assert.ok(middle < MEDIUM_MS / 2 && most < 2 * MEDIUM_MS, `waits of ${middle} ms, at most ${most} ms`)
}

describe('the workloads of Sheng and others', () => {
  it('overload: two callers ask for too much, and get half each, whatever they ask for', () => {
    const run = played(workload('overload'))
    assertFair(run)
    const [one, two] = [run.service.of('one'), run.service.of('two')]
    assert.ok(Math.abs(one / two - 1) < 0.03, `${one} and ${two}`)
    const before = played(workload('overload'), false)
    assert.ok(before.gaps.received.share > 5, `in the order of arrival: ${before.gaps.received.text}`)
  })

  it('proportional: those who ask for less than a share are served at once, and the rest goes to the third', () => {
    const run = played(workload('proportional'))
    assertFair(run)
    assertServedAtOnce(run.waits('one'))
    assertServedAtOnce(run.waits('two'))
    const used = run.service.of('one') + run.service.of('two') + run.service.of('three')
    assert.ok(used > 0.99 * SLOTS * 10 * MINUTE_MS, `${used} slot-milliseconds were used`)
  })

  it('on and off below the share: the quiet minutes go to the other, and the busy ones do not', () => {
    const looks = [0, 1, 2, 3, 4].map((minute) => minute * MINUTE_MS)
    const run = played(workload('on-off-less'), true, looks)
    assertFair(run)
    assertServedAtOnce(run.waits('one'))
    const [on, off] = [run.between(120_000, 180_000), run.between(60_000, 120_000)]
    assert.ok(off.two > 0.95 * SLOTS * MINUTE_MS, `the other got ${off.two} of the quiet minute`)
    assert.ok(Math.abs(on.one - 30 * MEDIUM_MS) < 4 * MEDIUM_MS, `30 calls a minute took ${on.one}`)
  })

  it('on and off above the share: both always wait, and get half each', () => {
    const run = played(workload('on-off-overload'))
    assertFair(run)
    assert.ok(Math.abs(run.service.of('one') / run.service.of('two') - 1) < 0.03)
  })

  for (const name of ['poisson-short-long', 'poisson-long-short'])
    it(`${name}: calls of unlike lengths, and both get half of the time`, () => {
      const run = played(workload(name))
      assertFair(run)
      assert.ok(Math.abs(run.service.of('one') / run.service.of('two') - 1) < 0.03)
    })

  it('increase: what another asks for more and more does not reach the one who asks for little', () => {
    const run = played(workload('increase'))
    assertFair(run)
    assertServedAtOnce(run.waits('one'))
    assert.ok(percentile(run.waits('two', 8 * MINUTE_MS), 0.5) > 10 * MEDIUM_MS, 'the other waits for itself')
    const before = played(workload('increase'), false)
    assert.ok(
      percentile(before.waits('one', 7 * MINUTE_MS), 0.5) > 5 * MEDIUM_MS,
      'in the order of arrival both do',
    )
  })

  it('dist-shift: what one did not use before is not owed to it afterwards', () => {
    const minutes = [5, 6, 7, 10].map((minute) => minute * MINUTE_MS)
    const run = played(workload('dist-shift'), true, minutes)
    assertFair(run)
    for (const [from, to] of [
      [300_000, 420_000],
      [360_000, 600_000],
    ] as const) {
      const { one, two } = run.between(from, to)
      assert.ok(Math.abs(one - two) < (SLOTS + 1) * MEDIUM_MS, `${one} and ${two} from ${from} to ${to}`)
    }
    assertServedAtOnce(run.waits('one', 0, 5 * MINUTE_MS))
  })
})
