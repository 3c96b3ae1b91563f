import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { aHouse, leftovers, NOTHING } from './support/house.ts'

/** One thing that happens to one of the calls, or to all of them. */
const step = fc.record({
  what: fc.constantFrom('arrive', 'body', 'begin', 'send', 'end', 'break', 'leave', 'advance', 'turn'),
  which: fc.nat(7),
  ms: fc.constantFrom(1, 100, 1_000, 3_000),
})

it('whatever happens in whatever order, each slot comes back once and each call is told once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, parallel) => {
        const house = aHouse({ parallel, queue: 2 })
        const calls: ReturnType<typeof house.start>[] = []
        for (const { what, which, ms } of steps) {
          const { exchange } = calls[which % Math.max(1, calls.length)] ?? {}
          if (what === 'arrive') calls.push(house.start({}))
          else if (what === 'body') exchange?.sendBody('{"model":"llama2"}')
          else if (what === 'begin') exchange?.delivery?.begin()
          else if (what === 'send') exchange?.delivery?.send('{}\n')
          else if (what === 'end') exchange?.delivery?.begin().end()
          else if (what === 'break') exchange?.delivery?.break()
          else if (what === 'leave') exchange?.leave()
          else if (what === 'advance') house.clock.advance(ms)
          else await house.settle()
          assert.ok(house.lane().active <= parallel)
        }
        for (const { exchange } of calls) exchange.leave()
        await Promise.all(calls.map(({ result }) => result))
        assert.deepEqual(leftovers(house), NOTHING)
        assert.equal(house.finished.length, calls.length)
        const sent = calls.filter(({ exchange }) => exchange.delivery !== undefined).length
        // A slot whose client was gone before anything was sent is given back too.
        assert.ok(house.released.length >= sent)
      },
    ),
    { numRuns: 400 },
  )
})
