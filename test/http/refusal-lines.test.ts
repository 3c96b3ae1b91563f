import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RefusalLines } from '../../src/http/refusal-lines.ts'
import { ManualClock } from '../support/manual-clock.ts'

function aLog() {
  const clock = new ManualClock()
  const written: object[] = []
  const log = { warn: (message: string, fields?: object) => void written.push({ message, ...fields }) }
  const lines = new RefusalLines(clock, log, 'admin attempt')
  return { clock, lines, written }
}

const first = (client: string) => ({ message: 'admin attempt refused', client, reason: 'wrong_token' })

describe('refused attempts in the log', () => {
  it('of one address are a line at once, and a count after a minute', () => {
    const { clock, lines, written } = aLog()
    for (let count = 0; count < 2_400; count++)
      lines.refused('203.0.113.7', { client: '203.0.113.7', reason: 'wrong_token' })
    assert.deepEqual(written, [first('203.0.113.7')])
    clock.advance(60_000)
    assert.deepEqual(written.slice(1), [
      { message: 'more admin attempts refused', client: '203.0.113.7', count: 2_399 },
    ])
    assert.equal(clock.pending, 0)
    lines.refused('203.0.113.7', { client: '203.0.113.7', reason: 'wrong_token' })
    assert.deepEqual(written.slice(2), [first('203.0.113.7')])
  })

  it('of an address that came once leave no second line', () => {
    const { clock, lines, written } = aLog()
    lines.refused('203.0.113.7', { client: '203.0.113.7', reason: 'wrong_token' })
    clock.advance(60_000)
    assert.deepEqual(written, [first('203.0.113.7')])
  })

  it('of a thousand addresses are no more lines than those of twenty, and one', () => {
    const { clock, lines, written } = aLog()
    for (let count = 0; count < 3_000; count++)
      lines.refused(`10.0.0.${count % 1_000}`, { reason: 'wrong_token' })
    assert.equal(written.length, 20)
    clock.advance(60_000)
    assert.equal(written.length, 41)
    assert.deepEqual(written[40], {
      message: 'more admin attempts refused, from other addresses',
      count: 2_940,
    })
  })

  it('are told at the end of the proxy too', () => {
    const { clock, lines, written } = aLog()
    lines.refused('203.0.113.7', { client: '203.0.113.7', reason: 'wrong_token' })
    lines.refused('203.0.113.7', { client: '203.0.113.7', reason: 'wrong_token' })
    lines.flush()
    assert.equal(written.length, 2)
    assert.equal(clock.pending, 0)
  })
})
