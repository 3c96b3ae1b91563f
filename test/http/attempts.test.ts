import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Attempts } from '../../src/http/attempts.ts'
import { ManualClock } from '../support/manual-clock.ts'

function failing(times: number, attempts: Attempts, address = '203.0.113.7'): void {
  for (let count = 0; count < times; count++) attempts.failed(address)
}

describe('failed attempts', () => {
  it('are looked at ten times in a row, and then once a second', () => {
    const clock = new ManualClock()
    const attempts = new Attempts(clock)
    failing(9, attempts)
    assert.equal(attempts.waitMs('203.0.113.7'), 0)
    failing(1, attempts)
    assert.equal(attempts.waitMs('203.0.113.7'), 1_000)
    clock.advance(400)
    assert.equal(attempts.waitMs('203.0.113.7'), 600)
    clock.advance(600)
    assert.equal(attempts.waitMs('203.0.113.7'), 0)
    failing(1, attempts)
    assert.equal(attempts.waitMs('203.0.113.7'), 1_000)
    clock.advance(60_000)
    failing(9, attempts)
    assert.equal(attempts.waitMs('203.0.113.7'), 0)
  })

  it('of one address are no matter of another', () => {
    const attempts = new Attempts(new ManualClock())
    failing(10, attempts)
    assert.equal(attempts.waitMs('203.0.113.8'), 0)
  })

  it('are remembered of ten thousand addresses, those that failed last', () => {
    const attempts = new Attempts(new ManualClock())
    failing(10, attempts, 'early')
    failing(10, attempts, 'busy')
    for (let count = 0; count < 20_000; count++) {
      attempts.failed(`made up ${count}`)
      if (count % 1_000 === 0) attempts.failed('busy')
    }
    assert.equal(attempts.remembered, 10_000)
    assert.equal(attempts.waitMs('early'), 0)
    assert.equal(attempts.waitMs('busy'), 1_000)
  })
})
