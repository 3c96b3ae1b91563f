import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CHAT, LimitWorld, MODEL } from './world.ts'

const HOUR = 3_600_000
const SEEDS = [1, 2, 3]

/** The limits in force over an hour before Ollamas with so many slots, as the last limit and the number of changes. */
function learned(inside: number, live: (world: LimitWorld) => void, parts: object = {}) {
  return SEEDS.map((seed) => {
    const world = new LimitWorld({ inside, outside: 4, seed, ...parts })
    live(world)
    world.clock.advance(HOUR)
    return { limit: world.lane.effective.parallel, changes: world.changes.length }
  })
}

/** Nothing is learned where Ollama runs all that is sent. */
const untouched = SEEDS.map(() => ({ limit: 4, changes: 0 }))

describe('an Ollama that runs all that is sent is not taken for one that runs less', () => {
  it('because of calls that need a load each', () => {
    const swapping = (world: LimitWorld) => {
      world.clients(6, CHAT)
      world.clients(4, { ...CHAT, model: 'another' })
    }
    assert.deepEqual(learned(4, swapping, { maxLoaded: 1 }), untouched)
  })

  it('because of clients that leave, while the machine computes on for them', () => {
    const leaving = (world: LimitWorld) => world.clients(8, { ...CHAT, leaves: 0.3 })
    assert.deepEqual(learned(4, leaving, { abortLingerMs: 1_000 }), untouched)
  })

  it('because of answers that tell no durations', () => {
    for (const openai of [0.5, 1])
      assert.deepEqual(
        learned(4, (world) => world.clients(8, { ...CHAT, openai })),
        untouched,
      )
  })

  it('because of long and short prompts side by side', () => {
    const mixed = { ...CHAT, promptTokens: (random: () => number) => (random() < 0.2 ? 20_000 : 50) }
    assert.deepEqual(
      learned(4, (world) => world.clients(8, mixed)),
      untouched,
    )
  })

  it('because of clients that do not read for a while', () => {
    const stopping = (world: LimitWorld) => world.clients(8, { ...CHAT, streamed: 1, stops: 0.5 })
    assert.deepEqual(learned(4, stopping), untouched)
  })

  it('because of the time that Ollama takes to prepare a call', () => {
    const slow = (world: LimitWorld) => world.clients(8, CHAT)
    assert.deepEqual(learned(4, slow, { overheadMs: 50 }), untouched)
  })

  it('because of other clients of Ollama, once it has shown what it runs', () => {
    const besides = (world: LimitWorld) => {
      world.clients(8, CHAT)
      world.outsiders(3, CHAT, 120_000)
    }
    assert.deepEqual(learned(4, besides), untouched)
  })

  it('because of other clients of Ollama, while only one call of ours runs', () => {
    const besides = (world: LimitWorld) => {
      world.clients(1, CHAT)
      world.outsiders(6, CHAT)
    }
    assert.deepEqual(learned(4, besides), untouched)
  })
})

describe('an Ollama that runs less is found', () => {
  it('although most answers tell no durations', () => {
    const half = (world: LimitWorld) => world.clients(8, { ...CHAT, openai: 0.7 })
    for (const inside of [1, 2])
      assert.deepEqual(
        learned(inside, half).map(({ limit }) => limit),
        SEEDS.map(() => inside),
      )
  })

  it('although clients leave', () => {
    const leaving = (world: LimitWorld) => world.clients(8, { ...CHAT, leaves: 0.3 })
    for (const inside of [1, 2])
      assert.deepEqual(
        learned(inside, leaving, { abortLingerMs: 1_000 }).map(({ limit }) => limit),
        SEEDS.map(() => inside),
      )
  })

  it('although each call needs a load', () => {
    const swapping = (world: LimitWorld) => {
      world.clients(6, CHAT)
      world.clients(4, { ...CHAT, model: 'another' })
    }
    assert.deepEqual(
      learned(1, swapping, { maxLoaded: 1 }).map(({ limit }) => limit),
      SEEDS.map(() => 1),
    )
  })
})

describe('what was learned', () => {
  it('leaves to other clients of Ollama what they take, and takes it back when they are gone', () => {
    for (const seed of SEEDS) {
      const world = new LimitWorld({ inside: 4, outside: 4, seed })
      world.clients(8, CHAT)
      world.outsiders(2, CHAT, 0, 600_000)
      world.clock.advance(590_000)
      assert.equal(world.lane.effective.parallel, 2)
      world.clock.advance(1_800_000)
      assert.deepEqual(world.lane.effective, { parallel: 4, reason: 'memory' })
    }
  })

  it('is tried again, one call at a time, and so follows an Ollama with more slots', () => {
    for (const [before, after] of [
      [1, 2],
      [1, 4],
      [2, 4],
    ] as const) {
      const world = new LimitWorld({ inside: before, outside: 4 })
      world.clients(8, CHAT)
      world.clock.advance(900_000)
      assert.equal(world.lane.effective.parallel, before)
      world.restart(after)
      let most = 0
      for (let step = 0; step < 1_200; step++) {
        world.clock.advance(1_000)
        most = Math.max(most, world.lane.active - world.lane.effective.parallel)
      }
      assert.equal(world.lane.effective.parallel, after)
      assert.equal(most, 1, 'a trial is one call')
    }
  })

  it('is tried soon after a load, which may be that of an Ollama that was restarted unseen', () => {
    const world = new LimitWorld({ inside: 1, outside: 4 })
    world.clients(8, CHAT)
    world.clock.advance(120_000)
    world.restart(4)
    world.clock.advance(240_000)
    assert.deepEqual(world.lane.effective, { parallel: 4, reason: 'memory' })
  })

  it('is learned anew when an Ollama with fewer slots has loaded the model again', () => {
    for (const after of [1, 2]) {
      const world = new LimitWorld({ inside: 4, outside: 4 })
      world.clients(8, CHAT)
      world.clock.advance(900_000)
      world.restart(after)
      world.clock.advance(900_000)
      assert.equal(world.lane.effective.parallel, after)
    }
  })

  it('is forgotten at once when Ollama is known to have been restarted', () => {
    const world = new LimitWorld({ inside: 1, outside: 4 })
    world.clients(8, CHAT)
    world.clock.advance(60_000)
    assert.deepEqual([world.lane.effective.parallel, world.lane.active], [1, 1])
    world.restart(4)
    world.admission.forgetLearned()
    assert.deepEqual([world.lane.effective, world.lane.active], [{ parallel: 4, reason: 'memory' }, 4])
    world.clock.advance(HOUR)
    assert.equal(world.lane.effective.parallel, 4)
    assert.equal(world.admission.model(MODEL)?.lane.names.length, 1)
  })

  it('gives the slots of a trial back with everything else', () => {
    const world = new LimitWorld({ inside: 2, outside: 4 })
    world.clients(8, { ...CHAT, leaves: 0.2 })
    world.clock.advance(HOUR)
    world.stop()
    world.clock.advance(HOUR)
    assert.deepEqual([world.lane.active, world.lane.queued], [0, 0])
  })
})
