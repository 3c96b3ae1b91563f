import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { CALL_CLASSES, NO_LIMITS } from '../../../src/callers/caller.ts'
import { collectGarbage } from '../../support/collect-garbage.ts'
import { GapWatch } from './support/gap-watch.ts'
import { Service } from './support/service.ts'
import { type FairCall, FairWorld, type Wish, waitOf } from './support/world.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** Keeps `count` calls in line for as long as the world lives. Returns how to stop. */
function backlog(world: FairWorld, count: number, wish: Wish): () => FairCall[] {
  let isOn = true
  const own = new Set(world.askMany(count, wish))
  world.witnesses.push({
    over: (call) => {
      if (own.delete(call) && isOn) own.add(world.ask(wish))
    },
  })
  return () => {
    isOn = false
    return [...own]
  }
}

/** Slot-time of each party in the next `ms`. */
function shareOf(world: FairWorld, service: Service, ms: number, ...parties: string[]): number[] {
  const before = parties.map((party) => service.of(party))
  world.clock.advance(ms)
  return parties.map((party, index) => service.of(party) - (before[index] ?? 0))
}

function assertNear(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual}, not ${expected}`)
}

describe('who was away', () => {
  it('as a class has saved up nothing', () => {
    const world = new FairWorld()
    const service = new Service(world, (call) => call.class)
    backlog(world, 5, { by: 'a', serviceMs: SECOND, class: 'normal' })
    world.clock.advance(60 * MINUTE)
    backlog(world, 5, { by: 'b', serviceMs: SECOND, class: 'batch' })
    backlog(world, 5, { by: 'c', serviceMs: SECOND, class: 'interactive' })
    const [interactive, normal, batch] = shareOf(
      world,
      service,
      120 * SECOND,
      'interactive',
      'normal',
      'batch',
    )
    assertNear(interactive, 80 * SECOND, 3 * SECOND)
    assertNear(normal, 30 * SECOND, 3 * SECOND)
    assertNear(batch, 10 * SECOND, 3 * SECOND)
  })

  it('as a caller has saved up nothing, in its class or in another one', () => {
    for (const kind of ['normal', 'batch'] as const) {
      const world = new FairWorld()
      const service = new Service(world)
      const stop = backlog(world, 5, { by: 'b', serviceMs: SECOND, class: kind })
      backlog(world, 5, { by: 'a', serviceMs: SECOND, class: kind })
      world.clock.advance(MINUTE)
      for (const call of stop()) world.leave(call)
      world.clock.advance(9 * MINUTE)
      backlog(world, 5, { by: 'b', serviceMs: SECOND, class: kind })
      const [a, b] = shareOf(world, service, 100 * SECOND, 'a', 'b')
      assertNear(a, 50 * SECOND, 3 * SECOND)
      assertNear(b, 50 * SECOND, 3 * SECOND)
    }
  })

  it('comes back with what it owes', () => {
    const world = new FairWorld()
    const service = new Service(world)
    backlog(world, 5, { by: 'a', serviceMs: SECOND })
    world.clock.advance(20 * SECOND)
    // The proxy takes it for a call like the others.
    world.ask({ by: 'b', serviceMs: 100 * SECOND })
    while ([...world.running].every(({ wish }) => wish.by === 'a')) world.clock.advance(100)
    while ([...world.running].some(({ wish }) => wish.by === 'b')) world.clock.advance(100)
    world.clock.advance(5 * SECOND)
    assert.deepEqual(
      [...world.admission.callers()].map(({ id }) => id),
      ['a'],
    )
    backlog(world, 5, { by: 'b', serviceMs: SECOND })
    const [a, b] = shareOf(world, service, 80 * SECOND, 'a', 'b')
    assertNear(a, 80 * SECOND, 3 * SECOND)
    assertNear(b, 0, 3 * SECOND)
  })

  it('does not owe for ever what nobody waited for', () => {
    const world = new FairWorld()
    const service = new Service(world)
    world.ask({ by: 'b', serviceMs: 1_000 * SECOND })
    world.clock.advance(1_000 * SECOND)
    world.clock.advance(11 * MINUTE)
    backlog(world, 5, { by: 'a', serviceMs: SECOND })
    backlog(world, 5, { by: 'b', serviceMs: SECOND })
    const [a, b] = shareOf(world, service, 100 * SECOND, 'a', 'b')
    assertNear(a, 50 * SECOND, 3 * SECOND)
    assertNear(b, 50 * SECOND, 3 * SECOND)
  })
})

describe('who asks in many ways', () => {
  it('over two models has one share of both', () => {
    const world = new FairWorld()
    const service = new Service(world)
    for (const model of ['m', 'n']) backlog(world, 5, { by: 'both', serviceMs: SECOND, model })
    backlog(world, 5, { by: 'one', serviceMs: SECOND, model: 'm' })
    backlog(world, 5, { by: 'other', serviceMs: SECOND, model: 'n' })
    world.clock.advance(30 * SECOND)
    const [both = 0, one = 0, other = 0] = shareOf(world, service, 300 * SECOND, 'both', 'one', 'other')
    assert.ok(
      both <= Math.min(one, other) + 5 * SECOND,
      `${both} over both models, ${one} and ${other} for the others`,
    )
    assert.ok(both > 100 * SECOND, `${both} is no share of 600 s`)
    assertNear(both + one + other, 600 * SECOND, 1)
  })

  it('as two people behind one key has the share of one key', () => {
    const world = new FairWorld()
    const service = new Service(world)
    const users = new Service(world, ({ wish }) => `${wish.by} ${wish.user}`)
    for (const user of ['x', 'y', 'z']) backlog(world, 5, { by: 'key', user, serviceMs: SECOND })
    backlog(world, 5, { by: 'alone', serviceMs: SECOND })
    const [key, alone] = shareOf(world, service, 120 * SECOND, 'key', 'alone')
    assertNear(key, 60 * SECOND, 3 * SECOND)
    assertNear(alone, 60 * SECOND, 3 * SECOND)
    for (const user of ['x', 'y', 'z']) assertNear(users.of(`key ${user}`), 20 * SECOND, 2 * SECOND)
  })

  it('and leaves again has used what its calls have used, and no more', () => {
    const world = new FairWorld({ parallel: 2 })
    const gaps = new GapWatch(world, { partyOf: ({ wish }) => wish.by, slots: 2 })
    const service = new Service(world)
    // A third of these calls leave at once, a third after a while, and a third run to their end.
    const lives = [0, 300, 10 * SECOND]
    let number = 0
    world.witnesses.push({
      granted: (call) => {
        if (call.wish.by !== 'restless') return
        const lifeMs = lives[number++ % lives.length] ?? 0
        world.clock.after(lifeMs, () => world.leave(call))
      },
    })
    backlog(world, 8, { by: 'restless', serviceMs: 3 * SECOND })
    backlog(world, 8, { by: 'patient', serviceMs: 3 * SECOND })
    for (let i = 0; i < 600; i++) {
      world.clock.advance(SECOND)
      const leaver = [...world.standing].find(({ wish }) => wish.by === 'restless')
      if (i % 3 === 0 && leaver) world.leave(leaver)
    }
    assert.ok(gaps.received.share <= 1, gaps.received.text)
    assertNear(service.of('restless') / service.of('patient'), 1, 0.03)
  })
})

describe('a full line', () => {
  const limits = { parallel: 1, queue: 10 }

  /** One call of `a` runs, `a` has eight calls in line and `b` has two. */
  function full(model = 'm') {
    const world = new FairWorld({ defaults: limits })
    world.ask({ by: 'a', serviceMs: MINUTE, model })
    const older = world.askMany(4, { by: 'a', serviceMs: MINUTE, model })
    const b = world.askMany(2, { by: 'b', serviceMs: MINUTE, model })
    world.clock.advance(SECOND)
    const newer = world.askMany(4, { by: 'a', serviceMs: MINUTE, model })
    return { world, a: [...older, ...newer], b }
  }

  it('has room for who has less of it: the newest call of who has most goes', () => {
    const { world, a, b } = full()
    const mine = world.ask({ by: 'c', serviceMs: MINUTE })
    assert.equal(mine.state, 'line')
    assert.deepEqual(
      a.map(({ end }) => end),
      [...Array(7).fill(undefined), 'queue_full'],
    )
    assert.ok(b.every(({ state }) => state === 'line'))
    const retry = a.at(-1)?.refusal?.facts.retryAfterMs ?? 0
    assert.ok(retry >= 1_000 && retry <= 60_000, `told to return after ${retry} ms`)
    assert.equal(world.standing.size, limits.queue)
  })

  it('gives nobody room who would then have as much as the other: nobody is worse off than it was', () => {
    const { world, a } = full()
    const mine: FairCall[] = []
    for (let i = 0; i < 20; i++) mine.push(world.ask({ by: 'c', serviceMs: MINUTE }))
    const [left, got] = [a, mine].map((calls) => calls.filter(({ state }) => state === 'line').length)
    assert.deepEqual([left, got, world.standing.size], [4, 4, limits.queue])
    // Those of who came are refused as they come, and none that has waited goes for them.
    assert.ok(mine.slice(4).every(({ end, askedAt, endedAt }) => end === 'queue_full' && askedAt === endedAt))
    // The oldest calls are still there.
    assert.ok(a.slice(0, 4).every(({ state }) => state === 'line'))
  })

  it('refuses a caller that would have more places than the other then', () => {
    const world = new FairWorld({ defaults: { parallel: 1, queue: 5 } })
    const a = world.askMany(4, { by: 'a', serviceMs: MINUTE })
    world.askMany(2, { by: 'c', serviceMs: MINUTE })
    assert.equal(world.ask({ by: 'c', serviceMs: MINUTE }).end, 'queue_full')
    assert.ok(a.slice(1).every(({ state }) => state === 'line'))
  })

  it('refuses a caller that has as many places as any other, and one that is alone', () => {
    const { world, a } = full()
    assert.equal(world.ask({ by: 'a', serviceMs: MINUTE }).end, 'queue_full')
    assert.ok(a.every(({ state }) => state === 'line'))
    const alone = new FairWorld({ defaults: limits })
    alone.askMany(11, { by: 'a', serviceMs: MINUTE })
    assert.equal(alone.standing.size, 10)
    assert.equal(alone.ask({ by: 'a', serviceMs: MINUTE }).end, 'queue_full')
    assert.equal(alone.standing.size, 10)
  })

  it('is full for itself: the line of another model gives nothing up', () => {
    const { world, a } = full('n')
    world.ask({ by: 'c', serviceMs: MINUTE })
    world.askMany(12, { by: 'c', serviceMs: MINUTE })
    assert.ok(a.every(({ state }) => state === 'line'))
  })

  it('that a call with two slots leaves for a new one lets the calls behind it go at once', () => {
    const world = new FairWorld({ defaults: { parallel: 2, queue: 3 } })
    world.ask({ by: 'b', serviceMs: MINUTE })
    // One slot is free. The next call needs two, and the others stand behind it.
    const first = world.ask({ by: 'key', user: 'x', serviceMs: MINUTE, slots: 2 })
    const behind = world.ask({ by: 'key', user: 'y', serviceMs: MINUTE })
    const other = world.ask({ by: 'c', serviceMs: MINUTE })
    assert.deepEqual([first.state, behind.state, other.state], ['line', 'line', 'line'])
    const mine = world.ask({ by: 'd', serviceMs: MINUTE })
    assert.equal(first.end, 'queue_full')
    assert.deepEqual([behind.state, other.state, mine.state], ['running', 'line', 'line'])
  })

  it('is full for everybody alike where calls go in the order of arrival', () => {
    const world = new FairWorld({ defaults: limits, fairness: { fair: false } })
    const a = world.askMany(11, { by: 'a', serviceMs: MINUTE })
    assert.equal(world.ask({ by: 'c', serviceMs: MINUTE }).end, 'queue_full')
    assert.ok(a.slice(1).every(({ state }) => state === 'line'))
  })
})

describe('a class', () => {
  it('always has a weight, so each one gets something', () => {
    for (const kind of CALL_CLASSES) assert.ok(FAIR.weights[kind] > 0, kind)
    const world = new FairWorld()
    const service = new Service(world, (call) => call.class)
    for (const kind of CALL_CLASSES) backlog(world, 3, { by: 'a', serviceMs: SECOND, class: kind })
    const got = shareOf(world, service, 120 * SECOND, ...CALL_CLASSES)
    for (const [index, expected] of [80, 30, 10].entries())
      assertNear(got[index], expected * SECOND, 2 * SECOND)
  })
})

describe('who waits for long', () => {
  it('in the class batch does not outrank the others by its age', () => {
    const world = new FairWorld()
    const service = new Service(world, (call) => call.class)
    world.askMany(300, { by: 'nightly', serviceMs: SECOND, class: 'batch' })
    world.clock.advance(30 * SECOND)
    backlog(world, 5, { by: 'person', serviceMs: SECOND, class: 'interactive' })
    world.clock.advance(10 * MINUTE)
    const oldest = [...world.standing].find((call) => call.class === 'batch')
    assert.ok(oldest && world.now - oldest.askedAt > 10 * MINUTE, 'batch calls have waited for ten minutes')
    const [interactive, batch] = shareOf(world, service, 90 * SECOND, 'interactive', 'batch')
    assertNear(interactive, 80 * SECOND, 3 * SECOND)
    assertNear(batch, 10 * SECOND, 3 * SECOND)
  })

  it('because its caller has no room delays nobody', () => {
    const world = new FairWorld({ parallel: 2, callers: { capped: { parallel: 1 } } })
    world.askMany(30, { by: 'capped', serviceMs: 10 * SECOND })
    const others = world.askMany(8, { by: 'other', serviceMs: SECOND })
    world.clock.advance(8 * SECOND)
    assert.deepEqual(
      others.map(waitOf),
      [0, 1, 2, 3, 4, 5, 6, 7].map((place) => place * SECOND),
    )
    const people = ['x', 'y', 'z'].map((by) => world.ask({ by, serviceMs: SECOND }))
    world.clock.advance(4 * SECOND)
    assert.ok(
      people.every((call) => waitOf(call) <= 2 * SECOND),
      `${people.map(waitOf)}`,
    )
    assert.equal([...world.running].filter(({ wish }) => wish.by === 'capped').length, 1)
  })

  it('because its class is held back by the reserve delays nobody, and is not forgotten', () => {
    const world = new FairWorld({ parallel: 2, fairness: { reserve: 1 } })
    const batch = world.askMany(4, { by: 'nightly', serviceMs: 10 * SECOND, class: 'batch' })
    assert.equal(world.running.size, 1)
    const person = world.ask({ by: 'person', serviceMs: SECOND })
    assert.equal(person.state, 'running')
    world.clock.advance(40 * SECOND)
    assert.deepEqual(
      batch.map(waitOf),
      [0, 10, 20, 30].map((seconds) => seconds * SECOND),
    )
  })

  it('in its own backlog is no reason to refuse another call', () => {
    const world = new FairWorld()
    for (let i = 0; i < 20; i++) {
      world.ask({ by: 'flooder', serviceMs: SECOND })
      world.clock.advance(SECOND)
    }
    world.askMany(100, { by: 'flooder', serviceMs: SECOND })
    const quiet = world.ask({ by: 'quiet', serviceMs: SECOND, patienceMs: 5 * SECOND })
    assert.equal(quiet.state, 'line', quiet.end)
    world.clock.advance(3 * SECOND)
    assert.ok(waitOf(quiet) <= 2 * SECOND)
    const late = world.ask({ by: 'flooder', serviceMs: SECOND, patienceMs: 5 * SECOND })
    assert.equal(late.end, 'queue_full')
    assert.ok((late.refusal?.facts.estimatedWaitMs ?? 0) > 50 * SECOND)
  })
})

describe('ten thousand callers that come and go', () => {
  /** Each one waits, some leave, some run, and some come back. */
  function visit(world: FairWorld): void {
    const stop = backlog(world, 5, { by: 'stays', serviceMs: 50 })
    for (let index = 0; index < 10_000; index++) {
      const by = `${index % 3 === 0 ? 'key ' : ''}${index}`
      const user = index % 6 === 0 ? `user ${index}` : undefined
      const call = world.ask({
        by,
        user,
        serviceMs: 20 + (index % 40),
        class: index % 5 === 0 ? 'batch' : 'normal',
      })
      if (index % 4 === 0) world.leave(call)
      world.clock.advance(40)
    }
    for (const call of stop()) world.leave(call)
    while (world.running.size > 0) world.clock.advance(SECOND)
  }

  function accounts(world: FairWorld): number {
    let count = 0
    world.admission.callersChanged(() => {
      count++
      return undefined
    })
    return count
  }

  it('cost nothing once they are gone', () => {
    const world = new FairWorld({ parallel: 2 })
    visit(world)
    assert.equal(world.standing.size, 0)
    world.clock.advance(11 * MINUTE)
    world.ask({ by: 'last', serviceMs: SECOND })
    world.clock.advance(SECOND)
    assert.ok(accounts(world) <= 1, `${accounts(world)} accounts are left`)
    assert.equal(world.clock.pending, 0)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    visit(world)
    world.clock.advance(11 * MINUTE)
    world.ask({ by: 'last', serviceMs: SECOND })
    world.clock.advance(SECOND)
    collectGarbage()
    const grown = process.memoryUsage().heapUsed - before
    assert.ok(grown < 300_000, `the heap has grown by ${grown} bytes`)
    assert.deepEqual(world.limitsOf('stays'), NO_LIMITS)
  })
})
