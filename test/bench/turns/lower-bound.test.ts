import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type BoundCall,
  type BoundMachine,
  burstInOrderMs,
  lowerBound,
} from '../../../bench/turns/lower-bound.ts'
import { bestEnd } from './best-order.ts'

const MODELS = ['a', 'b', 'c']
const LOADS: Readonly<Record<string, number>> = { a: 7, b: 3, c: 12 }

function aMachine(parts: Partial<BoundMachine> = {}): BoundMachine {
  return { slots: 1, together: 1, loadMs: (model) => LOADS[model] ?? 0, ...parts }
}

/** `a5@10` is a call for a that takes 5 ms and arrives at 10. */
function calls(text: string): BoundCall[] {
  return text.split(' ').map((word) => {
    const [, model = '', service, at = '0'] = /^([a-z])(\d+)(?:@(\d+))?$/.exec(word) ?? []
    return { model, serviceMs: Number(service), atMs: Number(at) }
  })
}

const someCalls = fc.array(
  fc.record({
    atMs: fc.integer({ min: 0, max: 40 }),
    model: fc.constantFrom(...MODELS),
    serviceMs: fc.integer({ min: 1, max: 15 }),
  }),
  { minLength: 1, maxLength: 5 },
)

describe('the lower bound of the time that calls take', () => {
  it('is never above the best order, with one slot and one model in memory', () => {
    fc.assert(
      fc.property(someCalls, (tried) => {
        assert.ok(lowerBound(tried, aMachine()) <= bestEnd(tried, aMachine()))
      }),
      { numRuns: 500 },
    )
  })

  it('is never above the best order, with several slots and several models in memory', () => {
    fc.assert(
      fc.property(someCalls, fc.constantFrom(1, 2), fc.constantFrom(1, 2, 3), (tried, slots, together) => {
        const machine = aMachine({ slots, together })
        assert.ok(lowerBound(tried, machine) <= bestEnd(tried, machine) + 1e-9)
      }),
      { numRuns: 300 },
    )
  })

  it('does not depend on the order in which the calls are given', () => {
    fc.assert(
      fc.property(someCalls, (tried) => {
        assert.equal(lowerBound(tried, aMachine()), lowerBound(tried.toReversed(), aMachine()))
      }),
    )
  })

  for (const [what, text, parts, end] of [
    ['one call', 'a5', {}, 7 + 5],
    ['a burst for one model', 'a5 a6 a7', {}, 7 + 18],
    ['a burst for two models, with one load each', 'a5 b6 a7 b1', {}, 7 + 3 + 19],
    ['a burst for three models', 'a1 b2 c3 a4', {}, 7 + 3 + 12 + 10],
    ['a last call that is alone', 'a5 a5@30', {}, 35],
    ['a last call of a model that was not called before', 'a5 b6@30', {}, 30 + 3 + 6],
    ['a burst that fills two slots', 'a5 a5 a4 a6', { slots: 2 }, 7 + 10],
    ['a long call beside short ones', 'a9 a1 a1', { slots: 2 }, 7 + 9],
    ['two models that fit together, without loads', 'a9 b1', { together: 2, loadMs: () => 0 }, 9],
    ['two models that fit together, with loads', 'a1 c1', { together: 2, loadMs: () => 10 }, 21],
    ['the model with more work is loaded first', 'b1 a9 a9', { together: 2 }, 7 + 18],
  ] as const) {
    it(`is the end of the best order: ${what}`, () => {
      assert.equal(bestEnd(calls(text), aMachine(parts)), end)
      assert.equal(lowerBound(calls(text), aMachine(parts)), end)
    })
  }

  it('is below the end of the best order where the order itself costs time', () => {
    // The best order serves the second call for a before the load for b, a millisecond after the load could begin.
    const tried = calls('a5 b6@30 a5@31')
    assert.equal(bestEnd(tried, aMachine()), 31 + 5 + 3 + 6)
    assert.equal(lowerBound(tried, aMachine()), 30 + 5 + 3 + 6)
  })
})

describe('a burst in the order of arrival within each model', () => {
  it('is the bound with one slot, and never better than the best order with several', () => {
    fc.assert(
      fc.property(someCalls, fc.constantFrom(1, 2, 3), (tried, slots) => {
        const burst = tried.map((call) => ({ ...call, atMs: 0 }))
        const machine = aMachine({ slots })
        const inOrder = burstInOrderMs(burst, machine)
        if (slots === 1) assert.equal(inOrder, lowerBound(burst, machine))
        else assert.ok(inOrder >= bestEnd(burst, machine))
      }),
      { numRuns: 300 },
    )
  })

  it('leaves slots empty beside a long last call', () => {
    const burst = calls('a2 a2 a9 b1')
    assert.equal(burstInOrderMs(burst, aMachine({ slots: 2 })), 7 + 2 + 9 + 3 + 1)
    assert.equal(bestEnd(burst, aMachine({ slots: 2 })), 7 + 9 + 3 + 1)
  })
})
