import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FinishedCall } from '../../src/relay/contract.ts'
import { EndedCalls } from '../../src/telemetry/ended-calls.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aCall } from '../tracing/support.ts'

const ALL = () => true
const MINUTE = 60_000

function aMemory() {
  const clock = new ManualClock()
  const ended = new EndedCalls(clock)
  const end = (requestId: string, changes: Partial<FinishedCall> = {}) =>
    ended.add(aCall({ requestId, ...changes }))
  const find = (id: string, fits: (call: FinishedCall) => boolean = ALL) => ended.find(id, fits)
  return { clock, ended, end, find }
}

describe('a call that ended', () => {
  it('is found by its id, and by a moment before its end', () => {
    const { clock, ended, end } = aMemory()
    clock.advance(5)
    end('a', { status: 201 })
    end('b')
    clock.advance(5)
    assert.equal(ended.find('a', ALL)?.status, 201)
    assert.equal(ended.find('a', ALL, 5)?.status, 201)
    assert.equal(ended.find('a', ALL, 6), undefined)
    assert.equal(ended.find('c', ALL), undefined)
  })

  it('is the newest one that the asker may see, whether it was refused or not', () => {
    const { clock, end, find } = aMemory()
    const of = (caller: string) => (call: FinishedCall) => call.caller === caller
    end('x', { caller: 'alice', outcome: 'refused', reason: 'queue_full', status: 503 })
    clock.advance(1)
    end('x', { caller: 'alice', outcome: 'failed', status: 502 })
    clock.advance(1)
    end('x', { caller: 'bob', outcome: 'done', status: 200 })
    clock.advance(1)
    end('x', { caller: 'bob', outcome: 'refused', status: 429 })
    assert.deepEqual(
      [find('x')?.status, find('x', of('alice'))?.status, find('x', of('bob'))?.status],
      [429, 502, 429],
    )
    assert.equal(find('x', of('eve')), undefined)
  })

  it('is forgotten after ten minutes', () => {
    const { clock, end, find } = aMemory()
    end('a')
    clock.advance(10 * MINUTE)
    end('b')
    assert.equal(find('a')?.requestId, 'a')
    clock.advance(1)
    assert.equal(find('a'), undefined)
    assert.equal(find('b')?.requestId, 'b')
  })

  it('is forgotten behind 2 000 others, and a flood of refusals pushes out only refused calls', () => {
    const { end, find } = aMemory()
    end('ran')
    end('refused', { outcome: 'refused' })
    for (let count = 0; count < 999; count++) end(`no-${count}`, { outcome: 'refused' })
    assert.ok(find('refused'))
    for (let count = 0; count < 5_000; count++) end(`more-${count}`, { outcome: 'refused' })
    assert.equal(find('refused'), undefined)
    assert.ok(find('ran'))
    for (let count = 0; count < 1_999; count++) end(`done-${count}`)
    assert.ok(find('ran'))
    end('one-more')
    assert.equal(find('ran'), undefined)
    assert.ok(find('done-0'))
    assert.ok(find('more-4999'))
    assert.equal(find('more-3999'), undefined)
  })
})

describe('who waits for the end of a call', () => {
  it('hears of the next end alone, and of no other call', () => {
    const { ended, end } = aMemory()
    const heard: number[] = []
    ended.onEnd('x', ({ status }) => heard.push(status))
    ended.onEnd('x', ({ status }) => heard.push(-status))
    end('y', { status: 404 })
    end('x', { status: 200 })
    end('x', { status: 500 })
    assert.deepEqual(heard, [200, -200])
  })

  it('can stop to wait, also when the call has ended and others wait for the next one', () => {
    const { ended, end } = aMemory()
    const heard: string[] = []
    const stop = ended.onEnd('x', () => heard.push('first'))
    const stopOther = ended.onEnd('x', () => heard.push('other'))
    stopOther()
    end('x')
    ended.onEnd('x', () => heard.push('second'))
    stop()
    end('x')
    assert.deepEqual(heard, ['first', 'second'])
  })
})
