import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Deadlines, type Watched } from '../../src/relay/deadlines.ts'
import { ManualClock } from '../support/manual-clock.ts'

function aWatch() {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const noticed: number[] = []
  const due = (dueAt: number, then: (self: Watched) => void = () => {}) => {
    const watched = {
      dueAt,
      index: -1,
      overdue(now: number) {
        noticed.push(now)
        watched.dueAt = Number.POSITIVE_INFINITY
        then(watched)
      },
    }
    deadlines.watch(watched)
    return watched
  }
  return { clock, deadlines, noticed, due }
}

it('one timer serves all, and is gone soon after nothing is watched', () => {
  const { clock, deadlines, due } = aWatch()
  assert.equal(clock.pending, 0)
  const all = Array.from({ length: 1_000 }, (_, index) => due(10_000 + index))
  assert.equal(clock.pending, 1)
  clock.advance(1_000)
  assert.equal(clock.pending, 1)
  for (const one of all) deadlines.forget(one)
  clock.advance(250)
  assert.equal(clock.pending, 0)
})

it('each look is told, four times a second, and none once nothing is watched', () => {
  const clock = new ManualClock()
  const passes: number[] = []
  const deadlines = new Deadlines(clock, undefined, (now) => passes.push(now))
  const watched = { dueAt: Number.POSITIVE_INFINITY, index: -1, overdue() {} }
  deadlines.watch(watched)
  clock.advance(1_000)
  deadlines.forget(watched)
  clock.advance(1_000)
  assert.deepEqual(passes, [250, 500, 750, 1_000, 1_250])
})

it('what is due is noticed once, never early and at most 250 ms late', () => {
  for (const dueAt of [0, 1, 100, 249, 250, 251, 999, 12_345.6]) {
    const { clock, noticed, due } = aWatch()
    due(1e6)
    clock.advance(10)
    due(dueAt)
    clock.advance(Math.max(0, dueAt - clock.now()) + 250)
    assert.equal(noticed.length, 1, `due at ${dueAt}`)
    const late = (noticed[0] ?? 0) - Math.max(dueAt, 10)
    assert.ok(late >= 0 && late <= 250, `due at ${dueAt}, ${late} ms late`)
    clock.advance(10_000)
    assert.equal(noticed.length, 1)
  }
})

it('what is alone is noticed on time', () => {
  const { clock, noticed, due } = aWatch()
  due(100)
  clock.advance(1_000)
  assert.deepEqual(noticed, [100])
})

it('a deadline that moved on is not overdue', () => {
  const { clock, deadlines, noticed, due } = aWatch()
  const moving = due(1_000)
  for (let step = 0; step < 20; step++) {
    clock.advance(500)
    moving.dueAt = clock.now() + 1_000
  }
  assert.deepEqual(noticed, [])
  clock.advance(1_250)
  assert.equal(noticed.length, 1)
  deadlines.forget(moving)
})

it('whoever is overdue may leave, or begin to watch another', () => {
  const { clock, deadlines, noticed, due } = aWatch()
  due(100, (self) => {
    deadlines.forget(self)
    due(200, (other) => deadlines.forget(other))
  })
  clock.advance(100)
  assert.equal(clock.pending, 1)
  clock.advance(500)
  assert.equal(noticed.length, 2)
  assert.equal(clock.pending, 0)
})

it('watching what never comes due does not wake the process more than four times a second', () => {
  const { clock, noticed, due } = aWatch()
  let asked = 0
  const after = clock.after.bind(clock)
  clock.after = (ms, run) => {
    asked++
    return after(ms, run)
  }
  due(Number.POSITIVE_INFINITY)
  clock.advance(10_000)
  assert.ok(asked <= 41, `${asked} timers in ten seconds`)
  assert.deepEqual(noticed, [])
})
