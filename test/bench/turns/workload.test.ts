import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callsOf, type TurnCall, type Workload } from '../../../bench/turns/workload.ts'

const MACHINE = { slots: 4, together: 1, loadMs: 10_000 }

describe('the workloads of the bench of turns', () => {
  const workload: Workload = {
    machine: MACHINE,
    calls: 600,
    load: 0.7,
    mix: [0.5, 0.3, 0.2],
    order: 'mixed',
  }

  it('bring the load that they are named for', () => {
    for (const load of [0.3, 0.85]) {
      const calls = callsOf({ ...workload, load }, 1)
      const workMs = calls.reduce((sum, { serviceMs }) => sum + serviceMs, 0)
      const spanMs = calls.at(-1)?.atMs ?? 0
      assert.ok(Math.abs(workMs / (MACHINE.slots * spanMs) - load) < 1e-9)
    }
  })

  it('differ in nothing but the time where they differ in load', () => {
    const without = (calls: readonly TurnCall[]) => calls.map((call) => ({ ...call, atMs: 0 }))
    const slow = callsOf({ ...workload, load: 0.3 }, 2)
    const burst = callsOf({ ...workload, load: Number.POSITIVE_INFINITY }, 2)
    assert.deepEqual(without(slow), without(burst))
    assert.ok(burst.every(({ atMs }) => atMs === 0))
  })

  it('have the shares of their mix, and in runs some calls for one model in a row', () => {
    const shareOfA = (order: Workload['order']) => {
      const calls = [1, 2, 3, 4, 5].flatMap((seed) => callsOf({ ...workload, order }, seed))
      const changes = calls.filter(({ model }, index) => model !== calls[index - 1]?.model).length
      return { share: calls.filter(({ model }) => model === 'a').length / calls.length, changes }
    }
    const [mixed, runs] = [shareOfA('mixed'), shareOfA('runs')]
    assert.ok(Math.abs(mixed.share - 0.5) < 0.03, String(mixed.share))
    assert.ok(Math.abs(runs.share - 0.5) < 0.1, String(runs.share))
    assert.ok(mixed.changes > 4 * runs.changes)
  })
})
