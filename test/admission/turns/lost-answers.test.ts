import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnWorld } from './support/world.ts'

const HOUR_MS = 3_600_000

describe('an answer of /api/ps that is lost', () => {
  it('does not stop a model for ever whose machine was given to another one for a moment', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.ask({ model: 'a' })
    world.settle(HOUR_MS)
    const short = world.ask({ model: 'b', keepAliveMs: 0 })
    // Only what is asked after the end of the short call has no answer.
    const endsAt = world.now + 5_100
    world.watch.loses = () => world.now >= endsAt
    world.clock.advance(5_200)
    assert.deepEqual([short.state, short.endedAt], ['over', endsAt])
    world.clock.advance(1_000)
    world.watch.loses = () => false
    world.ask({ model: 'a' })
    world.settle(HOUR_MS)
  })

  it('leaves no call waiting, at whatever moment one, two or ten are lost', () => {
    for (const count of [1, 2, 10])
      for (let atMs = 0; atMs < 16_000; atMs += 500) {
        const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], turns: { maxWaitMs: 3_000 } })
        for (const model of ['a', 'b', 'a', 'b']) world.ask({ model, outputMs: 1_500 })
        world.ask({ model: 'b', keepAliveMs: 0 })
        world.clock.advance(atMs)
        let left = count
        world.watch.loses = () => left-- > 0
        world.settle(HOUR_MS)
        world.ask({ model: 'a' })
        world.clock.advance(2_000)
        world.ask({ model: 'b' })
        world.settle(HOUR_MS)
      }
  })
})

describe('a plan', () => {
  it('leaves no timer behind when the call has left that the plan was for', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.ask({ model: 'a', outputMs: 2_500 })
    world.clock.advance(5_000)
    const call = world.ask({ model: 'b' })
    world.clock.advance(1_000)
    world.leave(call)
    world.clock.advance(2_000)
    assert.equal(world.living.size, 0)
    assert.equal(world.timers.pending, 0)
  })
})
