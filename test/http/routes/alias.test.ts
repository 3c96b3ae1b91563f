import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { runnersOf } from '../../../src/gate/runners.ts'
import { Stats } from '../../../src/telemetry/stats.ts'
import { aCall, OLLAMA, permitOf } from '../../admission/support/builders.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { appHarness } from '../support/app-harness.ts'

/** Two cloud models were called, one call each. */
function cloudHarness() {
  const clock = new ManualClock()
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: OLLAMA,
    defaults: { parallel: 4, queue: 512 },
    runners: runnersOf({ models: new Map(), refresh: async () => {}, wants: () => {} }),
    maxWaitingBytes: 2 ** 20,
  })
  for (const model of ['one:cloud', 'two:cloud'])
    permitOf(admission.acquire(aCall({ model }))).release('done', clock.now())
  return { ...appHarness({ admission }), admission }
}

describe('a cloud model that nobody has called', () => {
  it('has no figures of another model', async () => {
    const { app } = cloudHarness()
    const answer = await app.request('/queue/stats?model=made-up:cloud')
    assert.deepEqual([answer.status, (await answer.json()).model], [404, undefined])
  })

  it('cannot be reset in the place of another model', async () => {
    const { admission, app } = cloudHarness()
    await app.request('/admin/queue/reset?model=made-up:cloud', { method: 'POST' })
    assert.equal(admission.model('one:cloud')?.observer.figures().processed, 1)
  })
})
