import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Moments } from '../../src/telemetry/moments.ts'
import { turnOfLane, turnsNow } from '../../src/telemetry/turn-figures.ts'
import { TurnHistory } from '../../src/telemetry/turn-history.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aLoad, aRunner, aView } from './support/turns.ts'

const SECOND = 1_000

describe('the turns of now', () => {
  it('tell who has the machine, who is next, and how much of the time went into loading', () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1))
    const history = new TurnHistory(clock)
    clock.advance(600 * SECOND)
    history.loaded(aLoad('b', clock.now(), { reason: 'aged', loadMs: 30 * SECOND }))
    clock.advance(60 * SECOND)
    const turns = aView(
      [
        { ...aRunner('a', 'num_ctx=4096'), state: 'leaving', since: 10 * SECOND },
        { ...aRunner('b'), state: 'loaded', since: 600 * SECOND },
        { ...aRunner('c'), state: 'loading', since: 630 * SECOND },
      ],
      {
        next: () => ({ ...aRunner('d'), waitedMs: 12_345.678 }),
        creditMs: (now) => now / 100 - 6_700.4,
        together: () => [['sha256-a', 'sha256-b']],
        apart: () => [['sha256-a', 'sha256-c']],
      },
    )
    assert.deepEqual(turnsNow({ turns, history, moments: new Moments(clock) }, clock.now()), {
      mode: 'auto',
      loaded: [
        { ...aRunner('a', 'num_ctx=4096'), state: 'leaving', since: '2026-01-01T00:00:10.000Z' },
        { ...aRunner('b'), state: 'loaded', since: '2026-01-01T00:10:00.000Z' },
        { ...aRunner('c'), state: 'loading', since: '2026-01-01T00:10:30.000Z' },
      ],
      next: { ...aRunner('d'), since: '2026-01-01T00:10:47.654Z' },
      credit_ms: -100,
      together: [['sha256-a', 'sha256-b']],
      apart: [['sha256-a', 'sha256-c']],
      loads: { first: 0, together: 0, idle: 0, aged: 1, owed: 0, meeting: 0, outside: 0 },
      loading_percent: 20,
    })
  })

  it('stay the same while nothing happens, but for the credit', () => {
    const clock = new ManualClock()
    const since = clock.now()
    const turns = aView([{ ...aRunner('a'), state: 'loaded', since }], {
      next: (now) => ({ ...aRunner('b'), waitedMs: now - 0.123 }),
    })
    const moments = new Moments(clock)
    const first = turnsNow({ turns, history: undefined, moments }, clock.now())
    clock.advance(4_321.1)
    assert.deepEqual(turnsNow({ turns, history: undefined, moments }, clock.now()), first)
  })
})

describe('the turn of a model', () => {
  const lane = (runner: string, change: object = {}) => {
    return { runner, queued: 0, paused: false, stuck: false, ...change }
  }

  it('is what its runner does', () => {
    const states = ['loading', 'loaded', 'leaving'] as const
    const of = turnOfLane(aView(states.map((state) => ({ ...aRunner(state), state, since: 0 }))))
    assert.deepEqual(of(lane('sha256-loading', { queued: 3 })), { loaded: false, turn: 'loading' })
    assert.deepEqual(of(lane('sha256-loaded')), { loaded: true, turn: 'loaded' })
    assert.deepEqual(of(lane('sha256-leaving', { queued: 3 })), { loaded: true, turn: 'leaving' })
  })

  it('is waiting where calls wait for the runner, unless an operator holds them', () => {
    const of = turnOfLane(aView([]))
    assert.deepEqual(of(lane('sha256-a', { queued: 1 })), { loaded: false, turn: 'waiting' })
    assert.deepEqual(of(lane('sha256-a', { queued: 1, paused: true })), { loaded: false, turn: 'none' })
    assert.deepEqual(of(lane('sha256-a', { queued: 1, stuck: true })), { loaded: false, turn: 'none' })
    assert.deepEqual(of(lane('sha256-a')), { loaded: false, turn: 'none' })
  })

  it('is none where nobody knows, and in the cloud', () => {
    const unknown = { loaded: null, turn: 'none' }
    for (const mode of ['off', 'unavailable'] as const)
      assert.deepEqual(turnOfLane(aView([], { mode }))(lane('sha256-a', { queued: 1 })), unknown)
    assert.deepEqual(turnOfLane(aView([]))(lane('cloud', { queued: 1 })), unknown)
  })
})
