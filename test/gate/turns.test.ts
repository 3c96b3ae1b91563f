import assert from 'node:assert/strict'
import { test } from 'node:test'
import { turnObserver } from '../../src/gate/turns.ts'
import { Meters } from '../../src/telemetry/meters.ts'
import { TurnHistory } from '../../src/telemetry/turn-history.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aLeave, aLoad, aRunner } from '../telemetry/support/turns.ts'

function anObserver() {
  const lines: object[] = []
  const history = new TurnHistory(new ManualClock())
  const meters = new Meters({ routes: [], models: ['a'], keys: [] })
  const observer = turnObserver({
    history,
    meters,
    log: { info: (message, fields) => void lines.push({ message, ...fields }) },
  })
  const failedLoads = () => Array.from(meters.models(), ([label, { failedLoads }]) => [label, failedLoads])
  return { observer, history, lines, failedLoads }
}

test('each load is told to the pages, the metrics and the log', () => {
  const { observer, history, lines, failedLoads } = anObserver()
  observer.loaded(aLoad('a', 0, { reason: 'first', drainMs: 0, loadMs: 1_234.567 }))
  observer.loaded(
    aLoad('b', 0, {
      reason: 'aged',
      names: ['b', 'copy'],
      options: 'num_ctx=8192',
      from: [{ ...aRunner('a'), names: ['a', 'alias'] }, aRunner('c')],
      failed: true,
    }),
  )
  const timesOfB = { drain_ms: 5_000, load_ms: 10_000 }
  assert.deepEqual(lines, [
    {
      message: 'loaded',
      runner: 'sha256-a',
      models: 'a',
      options: null,
      reason: 'first',
      from: null,
      drain_ms: 0,
      load_ms: 1_234.57,
    },
    {
      message: 'not loaded',
      runner: 'sha256-b',
      models: 'b,copy',
      options: 'num_ctx=8192',
      reason: 'aged',
      from: 'a,alias; c',
      ...timesOfB,
    },
  ])
  assert.deepEqual(failedLoads(), [
    ['other', 1],
    ['none', 0],
    ['a', 0],
  ])
  assert.equal(history.list().length, 2)
})

test('a runner that leaves is in the pages, and is no line of the log', () => {
  const { observer, history, lines } = anObserver()
  observer.left(aLeave('a', 0))
  assert.deepEqual([history.list()[0]?.leave_reason, lines], ['evicted', []])
})
