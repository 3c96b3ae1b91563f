import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CHAT, EQUAL, LimitWorld, median } from './world.ts'

const HOUR = 3_600_000
const SEEDS = [1, 2, 3]

describe('auto with its defaults, before an Ollama with its defaults', () => {
  for (const [name, habit] of Object.entries({ 'calls of one length': EQUAL, 'calls of all lengths': CHAT }))
    it(`sends one call at a time after at most nine calls that ran beside others: ${name}`, () => {
      for (const seed of SEEDS) {
        const world = new LimitWorld({ inside: 1, outside: 4, seed })
        world.clients(8, habit)
        world.clock.advance(HOUR)
        const [first] = world.changes
        assert.deepEqual([first?.parallel, world.lane.effective.reason], [1, 'measured'])
        assert.ok((first?.after ?? 10) <= 9, `after ${first?.after} calls`)
        const later = world.ended.filter(({ sentAt }) => sentAt > (first?.at ?? 0))
        assert.ok(median(later.map(({ waitedShare }) => waitedShare)) < 0.05)
      }
    })

  it('serves as much as four at a time would', () => {
    const served = (chosen: boolean) => {
      const world = new LimitWorld({ inside: 1, outside: 4, chosen })
      world.clients(8, CHAT)
      world.clock.advance(HOUR)
      return world.served
    }
    const [learned, before] = [served(false), served(true)]
    assert.ok(learned >= 0.99 * before, `${learned} ms of work, ${before} before`)
  })
})

describe('auto finds the number that Ollama runs, and stays there for an hour', () => {
  for (const [name, habit] of Object.entries({ 'calls of one length': EQUAL, 'calls of all lengths': CHAT }))
    for (const inside of [1, 2, 3, 4, 8])
      it(`${inside} inside: ${name}`, () => {
        for (const seed of SEEDS) {
          const world = new LimitWorld({ inside, outside: 4, seed })
          world.clients(8, habit)
          world.clock.advance(HOUR)
          const reason = inside < 4 ? 'measured' : 'memory'
          assert.deepEqual(world.lane.effective, { parallel: Math.min(inside, 4), reason })
          const limits = world.changes.map(({ parallel }) => parallel)
          assert.deepEqual(limits, limits.toSorted().reverse(), 'the limit went down and up')
          assert.ok(world.changes.every(({ at }) => at < 60_000))
        }
      })

  it('with clients that pause, and seldom need all slots', () => {
    const pausing = { ...CHAT, thinkMs: (random: () => number) => random() * 15_000 }
    for (const inside of [1, 2, 4]) {
      const world = new LimitWorld({ inside, outside: 4 })
      world.clients(4, pausing)
      world.clock.advance(HOUR)
      assert.equal(world.lane.effective.parallel, inside)
      assert.ok(world.changes.length <= 1)
    }
  })
})

describe('a number that an operator chose', () => {
  for (const inside of [1, 2, 3, 5, 8])
    it(`stays, and the true number is told: ${inside} inside`, () => {
      for (const habit of [EQUAL, CHAT]) {
        const world = new LimitWorld({ inside, outside: 8, chosen: true })
        world.clients(16, habit)
        world.clock.advance(HOUR / 4)
        assert.deepEqual(world.lane.effective, { parallel: 8, reason: 'configured' })
        assert.equal(world.lane.runsFewer, inside < 8 ? inside : undefined)
      }
    })
})
