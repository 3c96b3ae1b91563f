import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { InvariantChecker } from './support/invariant-checker.ts'
import {
  drawStep,
  LEAVERS,
  MODELS,
  OUTCOMES,
  PARALLEL_LIMITS,
  QUEUE_LIMITS,
  type Step,
} from './support/step.ts'

const lane = fc.nat(MODELS.length - 1)
const pick = fc.nat(100_000)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 26,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      lane,
      patienceMs: fc.oneof(
        { weight: 1, arbitrary: fc.constant(0) },
        { weight: 20, arbitrary: fc.nat(20_000) },
      ),
      bytes: fc.nat(150),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crowd' as const),
      lane,
      count: fc.nat(100),
      patienceMs: fc.nat(20_000),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      pick,
      outcome: fc.constantFrom(...OUTCOMES),
      loadMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(500) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release again' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel again' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('abandon' as const),
      lane,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      who: fc.constantFrom(...LEAVERS),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.oneof({ weight: 9, arbitrary: fc.nat(100) }, { weight: 1, arbitrary: fc.nat(5_000) }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      lane: fc.nat(MODELS.length),
      change: fc.record(
        { parallel: fc.constantFrom(...PARALLEL_LIMITS), queue: fc.constantFrom(...QUEUE_LIMITS) },
        { requiredKeys: [] },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pause' as const),
      lane: fc.nat(MODELS.length),
      paused: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
)

describe('whatever happens in whatever order', () => {
  it('slots, order, settlements, bytes and figures are those of a plain model', () => {
    const history = fc.array(step, { minLength: 150, maxLength: 250, size: 'max' })
    const end = fc.array(step, { maxLength: 20 })
    fc.assert(
      fc.property(history, end, fc.boolean(), (steps, afterwards, closes) => {
        const checker = new InvariantChecker()
        for (const each of steps) checker.live(each)
        if (closes) checker.live({ kind: 'close' })
        for (const each of afterwards) checker.live(each)
        checker.quiesce()
      }),
      // The limit is for the shrinking of a failure, which may take minutes otherwise.
      { numRuns: 300, interruptAfterTimeLimit: 30_000 },
    )
  })

  it('a long life leaves nothing behind, and visits every way out', () => {
    const checker = new InvariantChecker()
    let state = 1
    const random = () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
    for (let i = 0; i < 20_000; i++) checker.live(drawStep(random))
    checker.quiesce()
    assert.ok(
      checker.grants > 1_000 && checker.departures > 1_000,
      `${checker.grants}, ${checker.departures}`,
    )
    for (const answer of ['granted', 'queued', 'queue_full', 'timeout', 'early']) {
      assert.ok((checker.answers.get(answer) ?? 0) > 100, `${answer}: ${checker.answers.get(answer)}`)
    }
  })
})
