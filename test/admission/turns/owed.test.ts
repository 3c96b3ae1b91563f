import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { candidates, choose, type Field } from '../../../src/admission/turns/choose.ts'
import { Contender, type TurnLane } from '../../../src/admission/turns/contender.ts'
import { SwitchingBudget } from '../../../src/admission/turns/switching-budget.ts'
import { Together } from '../../../src/admission/turns/together.ts'
import { waitingFor } from '../../../src/admission/turns/turn-wait.ts'
import { type Caller, NO_LIMITS } from '../../../src/callers/caller.ts'
import type { PlayedCall } from './support/played-call.ts'
import { TurnWorld, type WorldParts } from './support/world.ts'

const NOW = 1_000_000
const FAR = 1e12
const LOAD_MS = 10_000
const DRAIN_MS = 5_000

interface Script {
  readonly name: string
  readonly state?: 'absent' | 'loaded'
  readonly running?: number
  readonly waiting?: number
  /** Since when the oldest call waits. */
  readonly since?: number
  /** When a load was tried last. */
  readonly triedAt?: number
  /** Default: the name of the runner. */
  readonly caller?: string
  /** By how many calls the next caller is behind each other runner. */
  readonly owed?: number
}

/** A runner whose line says what the script says. */
function aRunner({ name, state = 'absent', running = 0, waiting = 1, ...script }: Script): Contender {
  const lane: TurnLane = {
    ...{ runner: name, names: [name], paused: false, stuck: false, contends: true, running },
    effective: { parallel: 4, reason: 'configured' },
    estimate: { meanMs: 1_000 },
    current: {},
    admit() {},
    unite() {},
    refuseUnloadable() {},
  }
  const contender = new Contender(lane, '')
  Object.assign(lane, { current: contender })
  const first = { enqueuedAt: script.since ?? NOW - 3_000, call: { deadline: FAR } }
  contender.line = {
    ...{ living: waiting, eligible: waiting },
    nextCaller: script.caller ?? name,
    oldest: () => (waiting > 0 ? first : undefined),
    owedOver: () => script.owed ?? Number.NEGATIVE_INFINITY,
    progress: () => ({ level: 0, v: 0, hasClass: true, last: undefined }),
  }
  contender.become(state, 0)
  contender.learnLoad(LOAD_MS, true)
  contender.notes.triedAt = script.triedAt ?? 0
  return contender
}

function aField(inPlay: readonly Contender[], spentMs = 0): Field {
  const budget = new SwitchingBudget(0.1)
  if (spentMs > 0) budget.spend(spentMs, NOW)
  const settings = { ordered: true, maxWaitMs: 120_000, maxSwitching: 0.1, together: [] }
  return { inPlay, outsiders: [], together: new Together(), budget, settings, drainMs: DRAIN_MS }
}

const BUSY: Script = { name: 'busy', state: 'loaded', running: 4, waiting: 20, triedAt: 500 }

describe('a caller whose runner is not loaded', () => {
  it('ends the turn of a busy runner at once when it is behind by more than a call, and the switch is paid for', () => {
    const [busy, quiet] = [aRunner(BUSY), aRunner({ name: 'quiet', owed: 1.1 })]
    assert.deepEqual(choose(aField([busy, quiet]), NOW), {
      ...{ to: quiet, from: [busy], reason: 'owed' },
      costMs: DRAIN_MS + LOAD_MS,
    })
  })

  for (const owed of [1, 0, -3, Number.NEGATIVE_INFINITY])
    it(`waits for max_wait when it is behind by ${owed} calls`, () => {
      const field = aField([aRunner(BUSY), aRunner({ name: 'quiet', owed })])
      assert.equal(choose(field, NOW), NOW - 3_000 + 120_000)
    })

  it('waits for the budget, and says so', () => {
    const quiet = aRunner({ name: 'quiet', owed: 5 })
    const field = aField([aRunner(BUSY), quiet], 20_000)
    // 20 s are unpaid, the switch costs 15 s, and a tenth of the time pays.
    assert.equal(choose(field, NOW), NOW + 50_000)
    assert.equal(waitingFor(quiet, { ...field, change: undefined }, NOW), 'budget')
    assert.equal(waitingFor(quiet, { ...field, change: undefined }, NOW + 50_000), 'turn')
  })

  it('leaves the budget to the one that has waited longer, however long its own load', () => {
    const quiet = aRunner({ name: 'quiet', owed: 5, since: NOW - 9_000 })
    const large = aRunner({ name: 'large', owed: 5 })
    large.learnLoad(60_000, true)
    assert.equal(choose(aField([aRunner(BUSY), quiet, large], 20_000), NOW), NOW + 50_000)
  })
})

describe('the order of runners that are wanted', () => {
  const busy = { ...BUSY, state: 'absent', running: 0, since: NOW - 50_000 } as const
  const orderOf = (...scripts: readonly Script[]) =>
    candidates(scripts.map(aRunner), NOW).map(({ runner }) => runner)

  it('is that of their oldest calls where nothing is shared', () => {
    assert.deepEqual(orderOf({ name: 'b', since: 2 }, { name: 'c', since: 1 }, busy), ['c', 'b', 'busy'])
  })

  it('lets quiet callers pass the busy runner, the one that is owed most first', () => {
    const [b, c] = [
      { name: 'b', owed: 0 },
      { name: 'c', owed: 3 },
    ]
    assert.deepEqual(orderOf(busy, b, c), ['c', 'b', 'busy'])
  })

  it('lets no runner pass a second time', () => {
    assert.deepEqual(orderOf(busy, { name: 'b', owed: 3, triedAt: 600 }), ['busy', 'b'])
  })

  it('lets no call pass another one of the same caller', () => {
    assert.deepEqual(orderOf(busy, { name: 'b', owed: 3, caller: 'busy' }), ['busy', 'b'])
  })

  it('lets nobody pass who is ahead', () => {
    assert.deepEqual(orderOf(busy, { name: 'b', owed: -2.1 }), ['busy', 'b'])
  })
})

describe('quiet callers beside a flood', () => {
  const parts: WorldParts = {
    models: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    numParallel: 4,
    turns: { maxSwitching: 0.3 },
  }
  const named = (id: string): Caller => ({ id, key: undefined, limits: NO_LIMITS })

  /** One caller has 40 calls in flight for a, until it is stopped. */
  function flooded(): { world: TurnWorld; stop(): void } {
    const world = new TurnWorld(parts)
    let goesOn = true
    let length = 0
    const ask = (): void => {
      const call = world.ask({ model: 'a', outputMs: 3_000 + 250 * (length++ % 8) }, named('flooder'))
      call.onEnd(() => goesOn && ask())
    }
    for (let i = 0; i < 40; i++) ask()
    world.clock.advance(60_000)
    return {
      world,
      stop: () => {
        goesOn = false
      },
    }
  }

  function waitFor(world: TurnWorld, ...calls: readonly PlayedCall[]): void {
    for (let ms = 0; ms < 600_000 && calls.some(({ state }) => state !== 'over'); ms += 1_000)
      world.clock.advance(1_000)
  }

  it('are served as soon as the last calls of the flood are over and their models are loaded', () => {
    const { world, stop } = flooded()
    const quiet = world.ask({ model: 'b' }, named('quiet'))
    waitFor(world, quiet)
    assert.ok(quiet.waitMs < 20_000, `${quiet.waitMs} ms`)
    assert.ok(world.loads.some(({ reason }) => reason === 'owed'))
    stop()
    world.settle(3_600_000)
  })

  it('are served one after the other, and the flood goes on afterwards', () => {
    const { world, stop } = flooded()
    const calls = [world.ask({ model: 'b' }, named('one')), world.ask({ model: 'c' }, named('other'))]
    waitFor(world, ...calls)
    world.clock.advance(60_000)
    assert.deepEqual(
      world.loads.map(({ names }) => names[0]),
      ['a', 'b', 'c', 'a'],
    )
    stop()
    world.settle(3_600_000)
  })

  it('get nothing before others when they are the flooder itself', () => {
    const { world, stop } = flooded()
    const own = world.ask({ model: 'b' }, named('flooder'))
    waitFor(world, own)
    assert.ok(own.waitMs >= 120_000, `${own.waitMs} ms`)
    assert.ok(world.loads.every(({ reason }) => reason !== 'owed'))
    stop()
    world.settle(3_600_000)
  })
})
