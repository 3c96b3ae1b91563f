import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Budgets } from '../../src/callers/budgets.ts'
import type { Key } from '../../src/callers/caller.ts'
import { aKey, aRecord } from './support/usage-builders.ts'

/** Local time, so that the tests hold in every zone. */
const time = (month: number, day: number, hour = 12) => new Date(2026, month - 1, day, hour).getTime()
const NOON = time(11, 28)

function charged(key: Key, ...calls: readonly { seconds?: number; tokens?: number; at?: number }[]): Budgets {
  const budgets = new Budgets()
  for (const { seconds = 0, tokens = 0, at = NOON } of calls)
    budgets.charge({ key, slotMs: seconds * 1_000, tokens, at })
  return budgets
}

describe('a budget', () => {
  it('is spent once what was used reaches the limit, and not before', () => {
    const key = aKey({ slotSeconds: { day: 100 } })
    const budgets = charged(key, { seconds: 99.5 })
    assert.equal(budgets.spent(key, NOON), undefined)
    budgets.charge({ key, slotMs: 30_500, tokens: 0, at: NOON })
    assert.deepEqual(budgets.spent(key, NOON), {
      what: 'slot_seconds',
      window: 'day',
      limit: 100,
      used: 130,
      resetsAt: time(11, 29, 0),
    })
  })

  it('of nothing is spent from the start', () => {
    const key = aKey({ tokens: { month: 0 } })
    const { what, window, used, resetsAt } = new Budgets().spent(key, NOON) ?? {}
    assert.deepEqual([what, window, used, resetsAt], ['tokens', 'month', 0, time(12, 1, 0)])
  })

  it('is not there without a limit', () => {
    assert.equal(charged(aKey(), { seconds: 1e9, tokens: 1e9 }).spent(aKey(), NOON), undefined)
  })

  it('of a day begins anew at midnight, the one of a month on the first', () => {
    const key = aKey({ slotSeconds: { day: 10 }, tokens: { month: 10 } })
    const budgets = charged(key, { seconds: 10 })
    assert.ok(budgets.spent(key, time(11, 29, 0) - 1))
    assert.equal(budgets.spent(key, time(11, 29, 0)), undefined)
    budgets.charge({ key, slotMs: 0, tokens: 10, at: time(11, 29) })
    assert.ok(budgets.spent(key, time(12, 1, 0) - 1))
    assert.equal(budgets.spent(key, time(12, 1, 0)), undefined)
  })

  it('whose window ends last is named when several are spent', () => {
    const key = aKey({ slotSeconds: { day: 1 }, tokens: { day: 1, month: 1 } })
    const spent = (at: number) => charged(key, { seconds: 1, tokens: 1, at }).spent(key, at)
    assert.deepEqual([spent(NOON)?.what, spent(NOON)?.window], ['tokens', 'month'])
    // On the last day both windows end at the same moment.
    assert.equal(spent(time(11, 30))?.resetsAt, time(12, 1, 0))
    const daily = aKey({ slotSeconds: { day: 1 }, tokens: { month: 5 } })
    assert.equal(charged(daily, { seconds: 1, tokens: 1 }).spent(daily, NOON)?.window, 'day')
  })

  it('is each key’s own', () => {
    const [alice, bob] = [aKey({ tokens: { day: 5 } }), aKey({ name: 'bob', tokens: { day: 5 } })]
    const budgets = charged(alice, { tokens: 5 })
    assert.ok(budgets.spent(alice, NOON))
    assert.equal(budgets.spent(bob, NOON), undefined)
  })

  it('keeps its sums when a reload changes the limit', () => {
    const budgets = charged(aKey({ tokens: { day: 100 } }), { tokens: 60 })
    assert.equal(budgets.spent(aKey({ tokens: { day: 50 } }), NOON)?.used, 60)
    assert.equal(budgets.spent(aKey({ tokens: { day: 61 } }), NOON), undefined)
  })
})

describe('a clock that jumps', () => {
  const key = aKey({ tokens: { day: 10 } })

  it('back over midnight leaves the charged day charged', () => {
    const budgets = charged(key, { tokens: 10, at: time(11, 29, 0) })
    assert.equal(budgets.spent(key, time(11, 29, 0) - 1), undefined)
    budgets.charge({ key, slotMs: 0, tokens: 4, at: time(11, 29, 0) - 1 })
    assert.equal(budgets.used(key, time(11, 28)).day.tokens, 4)
    assert.equal(budgets.spent(key, time(11, 29))?.used, 10)
  })

  it('forward and back gives no fresh budget', () => {
    const budgets = charged(key, { tokens: 10 }, { tokens: 3, at: new Date(2035, 0, 1).getTime() })
    assert.equal(budgets.spent(key, NOON)?.used, 10)
    assert.equal(budgets.used(key, NOON).month.tokens, 10)
  })

  it('between many days keeps the day to which it always returns', () => {
    const budgets = charged(key, { tokens: 10 })
    for (let day = 1; day <= 400; day++) {
      budgets.charge({ key, slotMs: 0, tokens: 1, at: time(11, 28 + day) })
      budgets.charge({ key, slotMs: 0, tokens: 1, at: NOON })
    }
    assert.equal(budgets.spent(key, NOON)?.used, 410)
    assert.equal(budgets.used(key, time(11, 28 + 400)).day.tokens, 1)
    assert.equal(budgets.used(key, time(11, 28 + 100)).day.tokens, 0, 'old days are forgotten')
  })

  it('back within the month finds every day of the month', () => {
    const days = Array.from({ length: 31 }, (_, index) => ({ tokens: 10, at: time(12, index + 1) }))
    const budgets = charged(key, ...days)
    for (const { at } of days) assert.equal(budgets.spent(key, at)?.used, 10)
  })
})

describe('what a key has used', () => {
  it('is told for the day and the month', () => {
    const key = aKey()
    const budgets = charged(key, { seconds: 1.5, tokens: 10 }, { seconds: 2, tokens: 1, at: time(11, 2) })
    assert.deepEqual(budgets.used(key, NOON), {
      day: { slotSeconds: 1.5, tokens: 10, resetsAt: time(11, 29, 0) },
      month: { slotSeconds: 3.5, tokens: 11, resetsAt: time(12, 1, 0) },
    })
    assert.equal(budgets.used(aKey({ name: 'bob' }), NOON).month.tokens, 0)
  })

  it('comes back from the records of earlier runs, where they are of a key', () => {
    const budgets = new Budgets()
    budgets.restore([
      aRecord({ at: NOON }),
      aRecord({ at: NOON, slotMs: 500, tokensIn: null, tokensOut: null }),
      aRecord({ at: NOON, caller: 'bob', tokensIn: 7 }),
      aRecord({ at: NOON, key: false }),
      aRecord({ at: time(10, 31) }),
    ])
    const { day, month } = budgets.used(aKey(), NOON)
    assert.deepEqual([day.slotSeconds, day.tokens, month.slotSeconds, month.tokens], [1.7345, 30, 1.7345, 30])
    assert.equal(budgets.used(aKey({ name: 'bob' }), NOON).day.tokens, 27)
  })

  it('is kept for a key that is gone for a while', () => {
    const budgets = charged(aKey(), { tokens: 1 })
    budgets.keep(new Set())
    assert.equal(budgets.used(aKey(), NOON).day.tokens, 1)
  })

  it('is forgotten where too many keys are gone, and kept for all others', () => {
    const budgets = charged(aKey(), { tokens: 1 })
    for (let index = 0; index < 1_002; index++)
      budgets.charge({ key: aKey({ name: `gone-${index}` }), slotMs: 0, tokens: 1, at: NOON })
    budgets.keep(new Set(['alice', 'new']))
    assert.equal(budgets.used(aKey(), NOON).day.tokens, 1)
    assert.equal(budgets.used(aKey({ name: 'gone-0' }), NOON).day.tokens, 0)
  })
})
