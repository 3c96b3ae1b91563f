import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnWorld } from './support/world.ts'

const HOUR_MS = 3_600_000

describe('calls with two sets of load options', () => {
  it('all run in the lane of the cloud, where nothing is loaded', () => {
    const world = new TurnWorld({ models: [{ name: 'far', weights: 'cloud' }] })
    world.admission.configure('far', { parallel: 1 })
    for (let i = 0; i < 6; i++) world.ask({ model: 'far', numCtx: i % 2 === 0 ? undefined : 8_192 })
    world.settle(HOUR_MS)
  })

  it('all run although Ollama says that there is no such model', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }] })
    for (let i = 0; i < 6; i++) world.ask({ model: 'made-up', numCtx: i % 2 === 0 ? undefined : 8_192 })
    world.settle(HOUR_MS)
  })

  it('keep their places when their name gets other weights', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }, { name: 'busy' }] })
    world.askMany(20, { model: 'busy' })
    for (let i = 0; i < 6; i++) world.ask({ model: 'a', numCtx: i % 2 === 0 ? undefined : 8_192 })
    world.models.set('a', { name: 'a', weights: 'b' })
    world.learnNames()
    const inLine = [...world.admission.lanes()].reduce((sum, { queued }) => sum + queued, 0)
    assert.equal(inLine, world.admission.waiting.calls)
    world.settle(HOUR_MS)
  })

  it('do not run in one turn after turns were off for a while', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], numParallel: 4 })
    world.askMany(12, { model: 'b' })
    for (let i = 0; i < 20; i++) world.ask({ model: 'a', numCtx: i % 2 === 0 ? undefined : 8_192 })
    world.clock.advance(500)
    // /api/ps gives no answer three times, and then one.
    world.admission.loadedUnknown()
    world.watch.look()
    world.clock.advance(100)
    assert.equal(world.admission.turns.mode, 'auto')
    const onAt = world.now
    world.granted = ({ call }) => {
      for (const other of world.living)
        if (other.state === 'running' && other.asked.model === call.model && (other.grantedAt ?? 0) > onAt)
          assert.equal(other.call.options, call.options, 'two sets of options at once')
    }
    world.settle(HOUR_MS)
  })
})

describe('an unload under way', () => {
  it('does not stop its model for ever when the client leaves whose call asks for the load', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.ask({ model: 'a' })
    world.settle(HOUR_MS)
    world.clock.advance(1_000)
    world.ask({ model: 'b', work: 'unload' })
    world.ask({ model: 'b', goneAtGrant: true })
    world.askMany(3, { model: 'b' })
    world.settle(HOUR_MS)
  })
})

describe('a call that Ollama refuses', () => {
  for (const asked of [{ keepAliveMs: 0 }, { work: 'unload' as const, keepAliveMs: 0 }])
    it(`unloads nothing: ${JSON.stringify(asked)}`, () => {
      const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
      world.ask({ model: 'a' })
      world.settle(HOUR_MS)
      world.ask({ model: 'a', isBad: true, ...asked })
      world.settle(HOUR_MS)
      assert.equal(world.engine.loaded().length, 1)
      assert.deepEqual(world.leaves, [])
      assert.deepEqual(
        world.admission.turns.runners().map(({ state }) => state),
        ['loaded'],
      )
    })
})

describe('a model that is in memory although the proxy believes that it is gone', () => {
  it('serves its line, also when its next load has begun with other options', () => {
    const world = new TurnWorld({
      // One answer of /api/ps is the first to show both.
      models: [{ name: 'a' }, { name: 'b', loadMs: 100 }],
      ...{ maxLoaded: 3, loadMs: 1_000 },
      turns: { together: [['a', 'b']] },
    })
    world.watch.loses = () => world.now > 1_500 && world.now < 1_700
    world.ask({ model: 'a', numCtx: 8_192, outputMs: 500 })
    // Ollama refuses this call, and so never hears of its keep_alive.
    world.ask({ model: 'a', numCtx: 8_192, keepAliveMs: 0, isBad: true })
    world.ask({ model: 'b', outputMs: 5_000, keepAliveMs: Number.POSITIVE_INFINITY })
    world.askMany(4, { model: 'a' })
    world.settle(HOUR_MS)
  })
})

describe('two names that turn out to be one runner', () => {
  it('leave the next runner to serve its line, whichever stage the change is in', () => {
    for (let atMs = 0; atMs < 14_000; atMs += 250) {
      const world = new TurnWorld({
        models: [{ name: 'a' }, { name: 'copy', weights: 'a' }, { name: 'b' }],
        knowsModels: false,
        turns: { maxWaitMs: 3_000 },
      })
      world.ask({ model: 'copy' })
      world.askMany(3, { model: 'a' })
      world.clock.advance(100)
      world.askMany(3, { model: 'b' })
      world.clock.advance(atMs)
      world.learnNames()
      world.settle(HOUR_MS)
    }
  })
})

describe('a model that is removed', () => {
  it('while the next one is loaded, leaves that one to serve its line', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.ask({ model: 'a' })
    world.settle(HOUR_MS)
    world.clock.advance(2_000)
    world.askMany(3, { model: 'b' })
    world.clock.advance(1_000)
    world.models.delete('a')
    world.learnNames()
    world.settle(HOUR_MS)
  })

  it('while its last call runs, leaves the next one to serve its line', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }], turns: { maxWaitMs: 1_000 } })
    world.ask({ model: 'a', outputMs: 20_000 })
    world.clock.advance(2_000)
    world.askMany(3, { model: 'b' })
    world.clock.advance(10_000)
    world.models.delete('a')
    world.learnNames()
    world.settle(HOUR_MS)
  })

  it('while it is loaded, leaves the others to serve their lines', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }, { name: 'b' }] })
    world.askMany(3, { model: 'a' })
    world.clock.advance(10)
    world.askMany(3, { model: 'b' })
    world.models.delete('a')
    world.learnNames()
    world.settle(HOUR_MS)
  })

  it('becomes known again with its calls in line, whichever stage the change is in', () => {
    for (let atMs = 0; atMs < 12_000; atMs += 250) {
      const a = { name: 'a' }
      const world = new TurnWorld({ models: [a, { name: 'b' }], turns: { maxWaitMs: 1_000 } })
      world.askMany(4, { model: 'a' })
      world.askMany(4, { model: 'b' })
      world.clock.advance(atMs)
      world.models.delete('a')
      world.learnNames()
      world.clock.advance(300)
      world.models.set('a', a)
      world.learnNames()
      world.settle(HOUR_MS)
    }
  })
})
