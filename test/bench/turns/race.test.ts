import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { odd } from '../../../bench/turns/cases.ts'
import { contestants } from '../../../bench/turns/contestants.ts'
import { figuresOf } from '../../../bench/turns/figures.ts'
import { type Contestant, race } from '../../../bench/turns/race.ts'
import { callsOf, type TurnCall } from '../../../bench/turns/workload.ts'

const EVERYBODY = contestants({ ordered: true, maxWaitMs: 120_000, maxSwitching: 0.15, together: [] })
const ASKS = [undefined, 'unload', 'stay', 'contexts'] as const

function named(name: string): Contestant {
  const found = EVERYBODY.find((contestant) => contestant.name === name)
  assert.ok(found)
  return found
}

/** Equal calls, one every millisecond, for the models in this order, as `a a b`. */
function callsFor(models: string): TurnCall[] {
  return models.split(' ').map((model, index) => ({
    ...{ model, atMs: index, promptTokens: 100, outputTokens: 45, serviceMs: 1_100 },
    ...{ streamed: true, keepAliveMs: undefined, numCtx: undefined },
  }))
}

const MACHINE = { slots: 2, together: 1, loadMs: 10_000 }

describe('a race of the bench of turns', () => {
  for (const asks of ASKS) {
    it(`serves each call, not before the bound, by every contestant: ${asks ?? 'nothing asked'}`, () => {
      for (let seed = 1; seed <= 12; seed++) {
        const world = odd(asks, seed)
        const calls = callsOf(world, seed)
        for (const contestant of EVERYBODY) {
          const where = `${contestant.name}: ${world.name}`
          const outcome = race(calls, world.machine, contestant)
          const { boundMs, makespanMs, stuck } = figuresOf(calls, world.machine, outcome)
          assert.equal(stuck, 0, where)
          assert.deepEqual(new Set(outcome.served.map(({ call }) => call)), new Set(calls), where)
          assert.ok(boundMs <= makespanMs + 1e-3, where)
        }
      }
    })
  }

  it('takes the same course each time', () => {
    const world = odd(undefined, 3)
    for (const contestant of EVERYBODY) {
      const once = race(callsOf(world, 3), world.machine, contestant)
      assert.deepEqual(race(callsOf(world, 3), world.machine, contestant), once)
    }
  })

  it('counts a wait to the begin of the work, loads included', () => {
    const calls = callsFor('a a a')
    const { served, loads } = race(calls, MACHINE, named('straight'))
    assert.equal(loads, 1)
    const starts = served.map(({ startedAt }) => Math.round(startedAt))
    assert.deepEqual(starts, [10_000, 10_000, 11_100])
  })

  it('loads for each change of the model in the order of arrival', () => {
    const { loads, served } = race(callsFor('a b a a b a'), MACHINE, named('arrival order'))
    assert.equal(loads, 5)
    assert.equal(served.map(({ call }) => call.model).join(' '), 'a b a a b a')
  })

  it('begins no call before the one ahead where the order is strict', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = odd(undefined, seed)
      const calls = callsOf(world, seed)
      const { served } = race(calls, world.machine, named('arrival order'))
      const startOf = new Map(served.map(({ call, startedAt }) => [call, startedAt]))
      const starts = calls.map((call) => startOf.get(call) ?? Number.NaN)
      for (const [index, startedAt] of starts.entries())
        assert.ok(startedAt >= (starts[index - 1] ?? 0) - 1e-3, world.name)
    }
  })
})
