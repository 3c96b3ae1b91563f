import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Moments } from '../../src/telemetry/moments.ts'
import { TurnHistory } from '../../src/telemetry/turn-history.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aLeave, aLoad, aRunner } from './support/turns.ts'

const MINUTE = 60_000

/** Tells each event at its time. */
function aHistory() {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const history = new TurnHistory(clock)
  const load = (name: string, change: Parameters<typeof aLoad>[2] = {}) =>
    history.loaded(aLoad(name, clock.now(), change))
  const leave = (name: string, reason?: Parameters<typeof aLeave>[2]) =>
    history.left(aLeave(name, clock.now(), reason))
  const spans = () => history.list().map(({ names, loaded_at, left_at }) => [names[0], loaded_at, left_at])
  return { clock, history, load, leave, spans }
}

describe('the turns of the last minutes', () => {
  it('tell each load and each end', () => {
    const { clock, history, load, leave } = aHistory()
    clock.advance(MINUTE)
    load('a', { reason: 'first', drainMs: 0, loadMs: 1_234.567 })
    clock.advance(MINUTE)
    leave('a')
    clock.advance(1_000)
    load('b', { reason: 'aged', from: [aRunner('a')], options: 'num_ctx=4096' })
    const none = { failed: false, left_at: null, leave_reason: null }
    assert.deepEqual(history.list(), [
      {
        ...none,
        ...aRunner('a'),
        number: 1,
        reason: 'first',
        from: [],
        drain_ms: 0,
        load_ms: 1_234.57,
        loaded_at: '2026-01-01T00:01:00.000Z',
        left_at: '2026-01-01T00:02:00.000Z',
        leave_reason: 'evicted',
      },
      {
        ...none,
        ...aRunner('b', 'num_ctx=4096'),
        number: 2,
        reason: 'aged',
        from: [aRunner('a')],
        drain_ms: 5_000,
        load_ms: 10_000,
        loaded_at: '2026-01-01T00:02:01.000Z',
      },
    ])
  })

  it('of a runner that is loaded again end where the next load began', () => {
    const { clock, load, spans } = aHistory()
    load('a')
    clock.advance(MINUTE)
    load('a', { options: 'num_ctx=8192' })
    assert.deepEqual(spans(), [
      ['a', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:50.000Z'],
      ['a', '2026-01-01T00:01:00.000Z', null],
    ])
  })

  it('that failed are over at once, and so is the turn of the same runner before', () => {
    const { clock, history, load, leave } = aHistory()
    load('a')
    clock.advance(MINUTE)
    load('a', { failed: true })
    clock.advance(16 * MINUTE)
    assert.deepEqual(history.list(), [])
    leave('a')
    const [entry] = history.list()
    assert.deepEqual(
      [entry?.number, entry?.loaded_at, entry?.reason],
      [3, null, null],
      'an end without a load',
    )
  })

  it('are forgotten fifteen minutes after their end, and never while they go on', () => {
    const { clock, load, leave, spans } = aHistory()
    load('long')
    load('short')
    clock.advance(MINUTE)
    leave('short')
    clock.advance(15 * MINUTE)
    assert.equal(spans().length, 2)
    clock.advance(1)
    assert.deepEqual(spans(), [['long', '2026-01-01T00:00:00.000Z', null]])
    clock.advance(600 * MINUTE)
    leave('long')
    assert.equal(spans().length, 1)
  })

  it('are two thousand at most', () => {
    const { history, load } = aHistory()
    for (let runner = 0; runner < 5_000; runner++) load(`r${runner}`)
    assert.equal(history.list().length, 2_000)
    assert.equal(history.list()[0]?.number, 3_001)
    assert.equal(history.totals.loads.idle, 5_000)
  })

  it('name ten models of a runner with many', () => {
    const { history, load } = aHistory()
    const names = Array.from({ length: 500 }, (_, index) => `name-${index}`)
    load('a', { names, from: [{ ...aRunner('b'), names }] })
    const [entry] = history.list()
    assert.deepEqual([entry?.names.length, entry?.from[0]?.names.length], [10, 10])
  })
})

describe('the turns that changed last', () => {
  it('are twenty, and a turn that ends comes again, under its number', () => {
    const { history, load, leave } = aHistory()
    for (let runner = 1; runner <= 30; runner++) load(`r${runner}`)
    leave('r3')
    const numbers = history.newest().map(({ number }) => number)
    assert.deepEqual([numbers.length, numbers[0], ...numbers.slice(-2)], [20, 12, 30, 3])
  })
})

describe('the totals', () => {
  it('have every load by its reason, failed ones too, and the times', () => {
    const { clock, history, load } = aHistory()
    load('a', { reason: 'first' })
    load('b', { reason: 'aged', failed: true })
    clock.advance(60 * MINUTE)
    load('c', { reason: 'aged' })
    assert.deepEqual(history.totals, {
      loads: { first: 1, together: 0, idle: 0, aged: 2, owed: 0, meeting: 0, outside: 0 },
      failed: 1,
      loadMs: 30_000,
      drainMs: 15_000,
    })
    assert.deepEqual([history.recent().length, history.loadingShare([])], [1, 1 / 30])
  })
})

describe('a moment', () => {
  it('stays the same while the clocks drift a little, and follows a wall clock that is set', () => {
    let [now, wall] = [1_000.25, 5_000_000]
    const moments = new Moments({ now: () => now, wallTime: () => wall, after: () => () => {} })
    const first = moments.of(900)
    now += 10_000
    wall += 10_090
    assert.equal(moments.of(900), first)
    wall += 3_600_000
    assert.equal(Date.parse(moments.of(900)) - Date.parse(first), 3_600_090)
  })
})
