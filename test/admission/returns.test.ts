import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Returns } from '../../src/admission/returns.ts'

const MINUTE = 60_000

describe('the returns of refused callers', () => {
  it('are a slot apart where one caller is alone', () => {
    const returns = new Returns(MINUTE)
    const at = [1, 2, 3].map(() => returns.next('ana', 1, 100, 0))
    assert.deepEqual(at, [100, 200, 300])
  })

  it('are a round apart for each of several callers', () => {
    const returns = new Returns(MINUTE)
    const ana = [1, 2, 3].map(() => returns.next('ana', 4, 100, 0))
    assert.deepEqual(ana, [100, 500, 900])
    // The many refusals of another caller put nobody off.
    assert.equal(returns.next('ben', 4, 100, 0), 200)
  })

  it('do not bring many callers back together', () => {
    const returns = new Returns(MINUTE)
    const at = Array.from({ length: 40 }, (_, index) => returns.next(`caller ${index}`, 40, 100, 0))
    assert.equal(new Set(at).size, 40)
    assert.equal(Math.max(...at), 4_000)
  })

  it('ask nobody to stay away for longer than the most, however many calls were refused', () => {
    const returns = new Returns(MINUTE)
    for (let i = 0; i < 10_000; i++) returns.next('ana', 1, 1_000, 0)
    assert.equal(returns.next('ana', 1, 1_000, 0), MINUTE + 1_000)
    assert.equal(returns.next('ana', 1, 1_000, MINUTE + 5_000), MINUTE + 6_000)
  })

  it('forget a caller whose time has come', () => {
    const returns = new Returns(MINUTE)
    returns.next('ana', 4, 100, 0)
    assert.equal(returns.next('ana', 1, 100, 10_000), 10_100)
  })
})
