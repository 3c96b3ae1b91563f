import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnWorld } from './support/world.ts'

describe('a name that is called for the first time', () => {
  const TWINS = [{ name: 'a' }, { name: 'copy', weights: 'a' }, { name: 'b' }]

  it('gets no call to a runner that leaves, though other names share the runner', () => {
    const world = new TurnWorld({ models: TWINS, turns: { maxWaitMs: 1_000 } })
    world.askMany(1, { model: 'a', outputMs: 20_000 })
    world.clock.advance(8_000)
    world.ask({ model: 'b' })
    world.clock.advance(2_000)
    const stateOf = (name: string) =>
      world.admission.turns.runners().find(({ names }) => names.includes(name))?.state
    assert.equal(stateOf('a'), 'leaving')
    const late = world.ask({ model: 'copy' })
    assert.equal(late.state, 'line')
    assert.equal(stateOf('a'), 'leaving')
    world.settle(600_000)
  })

  it('does not make its runner forget that it is in memory', () => {
    const world = new TurnWorld({ models: TWINS, maxLoaded: 1 })
    world.ask({ model: 'a' })
    world.settle(60_000)
    const { loads } = world.engine.snapshot().total
    const call = world.ask({ model: 'copy' })
    assert.equal(call.state, 'running')
    world.settle(60_000)
    assert.equal(world.engine.snapshot().total.loads, loads)
  })
})

describe('an unload', () => {
  it('of a model that is not in memory does not unload the model after its next call', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.ask({ model: 'a', work: 'unload' })
    world.settle(60_000)
    world.ask({ model: 'a' })
    world.settle(60_000)
    assert.deepEqual(
      world.admission.turns.runners().map(({ names }) => names),
      [['a']],
    )
  })

  it('that was meant for one load does not end the next one', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    const left = world.ask({ model: 'a', keepAliveMs: 0 })
    world.clock.advance(100)
    world.leave(left)
    world.ask({ model: 'a' })
    world.settle(60_000)
    assert.deepEqual(
      world.admission.turns.runners().map(({ names }) => names),
      [['a']],
    )
  })
})

describe('a model that has left while nobody looked', () => {
  it('was not evicted by the next load', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], maxLoaded: 2 })
    world.ask({ model: 'a', keepAliveMs: 10_000 })
    world.settle(60_000)
    world.clock.advance(60_000)
    world.ask({ model: 'b' })
    world.settle(60_000)
    assert.deepEqual([...world.admission.turns.apart()], [])
  })
})

describe('an Ollama that is too busy to load a model', () => {
  it('says nothing about the model: each call gets the answer of Ollama', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }, { name: 'busy' }] })
    world.ask({ model: 'busy', streamed: true, outputMs: 20_000 })
    world.clock.advance(10_000)
    const calls = [...world.askMany(6, { model: 'a' }), ...world.askMany(6, { model: 'b' })]
    // Its own line is full, and others fill it again at once.
    world.isFull = true
    world.settle(600_000)
    assert.deepEqual(new Set(calls.map(({ end }) => end)), new Set(['failed']))
  })
})

describe('a set that an operator configures', () => {
  it('is in force as soon as the configuration is read again', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], maxLoaded: 2 })
    world.ask({ model: 'a', outputMs: 60_000 })
    world.clock.advance(8_000)
    const other = world.ask({ model: 'b' })
    // By now the proxy has seen that the first one is loaded.
    world.clock.advance(1_000)
    assert.equal(other.state, 'line')
    world.orderTurns({ together: [['a', 'b']] })
    assert.equal(other.state, 'running')
    world.settle(120_000)
  })
})
