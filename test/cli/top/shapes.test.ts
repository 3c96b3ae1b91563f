import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alertsPage, healthPage, requestsPage, statsPage } from '../../../src/cli/top/shapes.ts'
import { aCall, aModel, anAlert, aStatsPage, health } from '../support/pages.ts'

describe('the pages that top reads', () => {
  it('may come from an older proxy, without the fields that came later', () => {
    const { alerts: _alerts, ...oldHealth } = health
    assert.ok(healthPage.safeParse(oldHealth).success)
    const { paused: _paused, stuck: _stuck, window: _window, ...oldModel } = aModel('llama2')
    assert.ok(statsPage.safeParse(aStatsPage([oldModel])).success)
    const { seconds: _seconds, tokens_per_second: _tokens, ...oldWindow } = aModel('llama2').window
    assert.ok(statsPage.safeParse(aStatsPage([aModel('llama2', { window: oldWindow })])).success)
  })

  it('tell of models without a limit, and of reasons that are new', () => {
    const none = { parallel_limit: null, effective_limit: null, available_slots: null, runner: 'cloud' }
    const page = aStatsPage([aModel('x:cloud', { ...none, limit_reason: 'cloud' })])
    assert.ok(statsPage.safeParse(page).success)
    assert.ok(statsPage.safeParse(aStatsPage([aModel('llama2', { limit_reason: 'weather' })])).success)
  })

  it('may come from a newer proxy, with words, fields and empty figures that are new', () => {
    assert.ok(healthPage.safeParse({ ...health, status: 'warming', runtime: 'deno', pools: [] }).success)
    const unknown = { p50: null, p95: null, p999: 7 }
    assert.ok(statsPage.safeParse(aStatsPage([aModel('llama2', { wait_time_ms: unknown })])).success)
    const call = aCall('a', {
      client: null,
      waited_ms: null,
      tokens_out: null,
      state: 'loading',
      caller: 'x',
    })
    assert.ok(requestsPage.safeParse({ total: 1, requests: [call] }).success)
    assert.ok(alertsPage.safeParse({ alerts: [{ ...anAlert, level: 'fatal', metric: 'heat' }] }).success)
  })

  it('are no pages of a proxy when what is shown is missing or of another kind', () => {
    assert.ok(!healthPage.safeParse({ status: 'healthy' }).success)
    assert.ok(!statsPage.safeParse(aStatsPage([aModel('llama2', { active_requests: '4' })])).success)
    assert.ok(!requestsPage.safeParse({ requests: [] }).success)
  })
})
