import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Refusal } from '../../src/admission/refusal.ts'
import { type Caller, type CallerLimits, NO_LIMITS } from '../../src/callers/caller.ts'
import { BodiesBeingRead } from '../../src/relay/bodies-being-read.ts'

const aCaller = (id: string, limits: Partial<CallerLimits>): Caller => ({
  id,
  key: undefined,
  limits: { ...NO_LIMITS, ...limits },
})

describe('the bodies that a caller sends at once', () => {
  it('are at most as many as its running calls and its places in line', () => {
    const bodies = new BodiesBeingRead()
    const alice = aCaller('alice', { parallel: 1, queue: 2 })
    for (let count = 0; count < 3; count++) bodies.enter(alice)
    assert.throws(() => bodies.enter(alice), Refusal)
    bodies.enter(aCaller('bob', { parallel: 1, queue: 0 }))
    bodies.leave(alice)
    bodies.enter({ ...alice })
    assert.throws(() => bodies.enter(alice), Refusal)
  })

  it('have no bound where one of the two has none', () => {
    const bodies = new BodiesBeingRead()
    for (const limits of [{}, { parallel: 1 }, { queue: 0 }])
      for (let count = 0; count < 100; count++) bodies.enter(aCaller('alice', limits))
  })
})
