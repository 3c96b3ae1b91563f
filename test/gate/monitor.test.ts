import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunnerFacts } from '../../src/admission/contract.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createMonitor } from '../../src/gate/monitor.ts'
import type { Log } from '../../src/telemetry/call-log.ts'
import { EndedCalls } from '../../src/telemetry/ended-calls.ts'
import { Meters } from '../../src/telemetry/meters.ts'
import { Reloads } from '../../src/telemetry/reloads.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { TurnHistory } from '../../src/telemetry/turn-history.ts'
import { UpstreamHealth } from '../../src/upstream/health.ts'
import { aCall, OLLAMA } from '../admission/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aShares } from '../telemetry/support/shares.ts'
import { aLoad } from '../telemetry/support/turns.ts'

const SECOND = 1_000

/** The monitor of a proxy with four configured slots, on a clock that stands still. */
function aMonitor(config: string, models: Readonly<Record<string, RunnerFacts>>) {
  const clock = new ManualClock()
  const lines: string[] = []
  const log: Log = {
    call() {},
    debug() {},
    info: (line) => lines.push(line),
    warn: (line) => lines.push(line),
    error() {},
  }
  const find = (model: string) => models[model]
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: OLLAMA,
    defaults: { parallel: 4, queue: 4 },
    runners: { find, complete: false, opened() {} },
    maxWaitingBytes: 1e6,
  })
  const meters = new Meters({ routes: [], models: [], keys: [] })
  const reloads = new Reloads({
    runnerOf: (model) => admission.model(model)?.lane.runner,
    reloaded: (model, option) => meters.reloaded(model, option),
  })
  const turns = new TurnHistory(clock)
  const monitor = createMonitor({
    clock,
    log,
    admission,
    meters,
    reloads,
    turns,
    shares: aShares({ clock }).shares,
    loaded: loadConfig({ flags: {}, env: { CONFIG_FILE: 'x' }, readFile: () => config, ownAddresses: [] }),
    version: '0.0.0',
    runtimeName: 'node',
    calls: { live: () => [], find: () => undefined, cancel: () => undefined },
    ended: new EndedCalls(clock),
    stuck: () => [],
    access: { refused: {} },
    admin: { refused: {} },
    health: new UpstreamHealth({
      name: 'ollama',
      clock,
      probe: () => new Promise(() => {}),
      authorized: false,
      onReturn() {},
      onChange() {},
    }),
    memory: async () => null,
    forced: (model) => find(model)?.forced,
    dashboard: () => new Response(),
  })
  monitor.start('http://proxy')
  /** One call of half a second. */
  const call = (model: string, options?: string) => {
    const permit = admission.acquire(aCall({ model, deadline: clock.now() + SECOND }))
    assert.ok(permit instanceof LocalPermit)
    clock.advance(500)
    const heard = {
      client: '10.0.0.1',
      model,
      options,
      path: '/api/chat',
      outcome: 'done',
      status: 200,
    } as const
    reloads.heard({ ...heard, loadMs: 400, sentMs: 0, totalMs: 500 }, clock.now())
    permit.release('done', clock.now())
  }
  return { clock, call, lines, monitor, turns }
}

test('a number of slots that Ollama does not run is told while the model is used, and no longer', () => {
  const runner = { runner: 'sha256-1', forced: 'embedding' } as const
  const { call, clock, lines, monitor } = aMonitor('', {
    embed: runner,
    copy: runner,
    chat: { runner: 'sha256-2' },
  })
  for (const model of ['embed', 'copy', 'chat']) call(model)
  clock.advance(10 * SECOND)
  assert.deepEqual(lines, [
    'alert raised: Ollama runs 1 of the calls of embed and copy at once, but parallel_limit is 4',
  ])
  assert.deepEqual(monitor.pages.alerts.brief(), [{ id: 'parallel_too_high:embed', level: 'warning' }])
  clock.advance(90 * SECOND)
  assert.match(lines[1] ?? '', /^alert cleared: Ollama runs 1/)
  assert.equal(lines.length, 2)
  monitor.stop()
})

test('reloads because of options are told by the models of the runner, and not while the alert is off', () => {
  for (const [config, expected] of [
    [
      '',
      [
        'alert raised: m was loaded 3 times in 10 min because num_ctx alternates between 1 (10.0.0.1) and 2 (10.0.0.1)',
      ],
    ],
    ['alerts: { reloads: off }', []],
  ] as const) {
    const { call, clock, lines, monitor } = aMonitor(config, { m: { runner: 'sha256-1' } })
    for (const num_ctx of [1, 2, 1, 2]) call('m', `{"num_ctx":${num_ctx}}`)
    clock.advance(10 * SECOND)
    assert.deepEqual(lines, expected)
    clock.advance(600 * SECOND)
    assert.equal(lines.length, 2 * expected.length)
    monitor.stop()
  }
})

test('much loading is told for all models together, and not while the alert is off', () => {
  for (const [config, expected] of [
    ['', ['alert raised: 20 % of the last 5 min went into loading a (2 times) and b (once)']],
    ['alerts: { loading: off }', []],
  ] as const) {
    const { clock, lines, monitor, turns } = aMonitor(config, {})
    for (const name of ['a', 'b', 'a']) {
      clock.advance(20 * SECOND)
      turns.loaded(aLoad(name, clock.now(), { loadMs: 20 * SECOND }))
    }
    clock.advance(10 * SECOND)
    assert.deepEqual(lines, expected)
    assert.deepEqual(
      monitor.pages.alerts.brief(),
      expected.map(() => ({ id: 'loading', level: 'warning' })),
    )
    clock.advance(300 * SECOND)
    assert.equal(lines.length, 2 * expected.length)
    monitor.stop()
  }
})
