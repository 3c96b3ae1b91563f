import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Asked, PlayedCall } from './support/played-call.ts'
import { TurnWorld, type WorldParts } from './support/world.ts'

const HOUR_MS = 3_600_000

/** A client that asks again `gapMs` after each answer, until it is stopped. */
function loop(world: TurnWorld, asked: Asked, gapMs: number): () => void {
  let goesOn = true
  const next = () => {
    if (!goesOn) return
    const call = world.ask(asked)
    const again = () => void world.clock.after(gapMs, next)
    if (call.state === 'over') again()
    else call.onEnd(again)
  }
  next()
  return () => {
    goesOn = false
  }
}

/** Clients whose calls do not end together, so that the model is never idle. Returns what stops them. */
function keepBusy(world: TurnWorld, model: string, clients: number): (() => void)[] {
  return Array.from({ length: clients }, (_, index) => loop(world, { model, promptMs: 100 + 37 * index }, 0))
}

/** Until the call is over, at most for so long. */
function waitFor(world: TurnWorld, call: PlayedCall, mostMs: number): void {
  const until = world.now + mostMs
  while (call.state !== 'over' && world.now < until) world.clock.advance(1_000)
  assert.equal(call.state, 'over', `${call.asked.model} is not served within ${mostMs} ms: ${call.state}`)
}

describe('a call beside a busy model', () => {
  const MAX_WAIT_MS = 20_000
  const parts = (more: Partial<WorldParts> = {}): WorldParts => ({
    models: [{ name: 'hot' }, { name: 'cold' }],
    loadMs: 8_000,
    turns: { maxWaitMs: MAX_WAIT_MS },
    ...more,
  })

  // A loop of an agent, or a probe: the model is idle for a moment after each call.
  for (const gapMs of [0, 50, 150, 200, 250, 300, 400, 450, 499])
    it(`comes although a client asks again after ${gapMs} ms each time`, () => {
      const world = new TurnWorld(parts({ promptTokensPerSecond: 1e6 }))
      const stop = loop(world, { model: 'cold', outputMs: 250 }, 0)
      world.clock.advance(60_000)
      stop()
      world.settle(60_000)
      // Both loads are known now.
      const stopHot = loop(world, { model: 'hot', promptMs: 0, outputMs: 250 }, gapMs)
      world.clock.advance(60_000)
      waitFor(world, world.ask({ model: 'cold' }), 4 * MAX_WAIT_MS)
      stopHot()
    })

  it('comes although both were seen together before, loaded in the other order', () => {
    // Ollama loads a model beside others only into four fifths of the free memory.
    const world = new TurnWorld({
      ...{ maxLoaded: 3, memoryBytes: 100, numParallel: 3 },
      models: [
        { name: 'large', size: 60 },
        { name: 'small', size: 30 },
      ],
      turns: { maxWaitMs: MAX_WAIT_MS },
    })
    waitFor(world, world.ask({ model: 'large' }), 60_000)
    waitFor(world, world.ask({ model: 'small' }), 60_000)
    world.askMany(2, { model: 'large', outputMs: 10_000 })
    waitFor(world, world.ask({ model: 'small' }), 60_000)
    world.settle(60_000)
    assert.equal(world.engine.loaded().length, 2)
    waitFor(world, world.ask({ model: 'large', work: 'unload' }), 60_000)
    const stops = keepBusy(world, 'small', 3)
    world.clock.advance(10_000)
    waitFor(world, world.ask({ model: 'large' }), 10 * MAX_WAIT_MS)
    for (const stop of stops) stop()
  })

  it('comes although a load before was broken off, whose memory is not free again yet', () => {
    const world = new TurnWorld({
      ...{ maxLoaded: 3, memoryBytes: 100, numParallel: 3, vramReturnMs: 1_500 },
      models: [
        { name: 'hot', size: 40 },
        { name: 'cold', size: 40 },
      ],
      turns: { maxWaitMs: MAX_WAIT_MS },
    })
    for (const model of ['cold', 'hot']) waitFor(world, world.ask({ model }), 60_000)
    world.askMany(3, { model: 'hot', outputMs: 5_000 })
    waitFor(world, world.ask({ model: 'cold' }), 60_000)
    world.settle(60_000)
    waitFor(world, world.ask({ model: 'cold', work: 'unload' }), 60_000)
    world.clock.advance(10_000)
    const stops = keepBusy(world, 'hot', 3)
    const [first, second] = [world.ask({ model: 'cold' }), world.ask({ model: 'cold' })]
    world.clock.advance(1_000)
    world.leave(first)
    waitFor(world, second, 10 * MAX_WAIT_MS)
    for (const stop of stops) stop()
  })

  it('comes although its load is out of memory once, so that Ollama wants all others to leave', () => {
    const world = new TurnWorld({ ...parts(), maxLoaded: 3, numParallel: 3 })
    for (const model of ['cold', 'hot']) waitFor(world, world.ask({ model }), 60_000)
    waitFor(world, world.ask({ model: 'cold', work: 'unload' }), 60_000)
    const stops = keepBusy(world, 'hot', 3)
    world.failLoads('cold', { kind: 'oom', times: 1, beside: true })
    waitFor(world, world.ask({ model: 'cold' }), 10 * MAX_WAIT_MS)
    for (const stop of stops) stop()
  })

  it('comes although its keep_alive has run out while the other one was loaded', () => {
    const world = new TurnWorld({ ...parts(), keepAliveMs: 6_000, numParallel: 3 })
    const models = ['hot', 'cold']
    for (const model of models) waitFor(world, world.ask({ model }), 60_000)
    for (let ms = 0; ms < 12_000; ms += 500) {
      waitFor(world, world.ask({ model: 'cold' }), 10 * MAX_WAIT_MS)
      world.clock.advance(ms)
      const stops = keepBusy(world, 'hot', 3)
      world.clock.advance(1_000)
      waitFor(world, world.ask({ model: 'cold' }), 10 * MAX_WAIT_MS)
      for (const stop of stops) stop()
      world.settle(HOUR_MS)
    }
  })
})

describe('clients that leave while their model is loaded', () => {
  it('do not take more of the time of a busy model than max_switching', () => {
    const world = new TurnWorld({
      models: [{ name: 'hot' }, { name: 'cold', loadMs: 8_000 }],
      numParallel: 4,
      turns: { maxSwitching: 0.1, maxWaitMs: 120_000 },
    })
    let served = 0
    const stops = keepBusy(world, 'hot', 4)
    world.granted = ({ asked }) => {
      if (asked.model === 'hot') served++
    }
    world.clock.advance(600_000)
    const alone = served
    served = 0
    const comeAndGo = () => {
      const call = world.ask({ model: 'cold' })
      const look = () => {
        if (call.state === 'running') world.leave(call)
        if (call.state === 'over') world.clock.after(100, comeAndGo)
        else world.clock.after(2_000, look)
      }
      look()
    }
    comeAndGo()
    world.clock.advance(600_000)
    for (const stop of stops) stop()
    assert.ok(
      served >= alone * 0.8,
      `${served} calls of the busy model in ten minutes, without the other clients ${alone}`,
    )
  })
})
