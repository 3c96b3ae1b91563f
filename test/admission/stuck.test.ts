import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LaneView } from '../../src/admission/contract.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { aCall, anAdmission, fateOf, grantOf, permitOf, refusalOf, ticketOf } from './support/builders.ts'
import { withRunners } from './support/with-runners.ts'

const RUNNER = 'llama2'
const UNLOAD = aCall({ slots: 0, work: 'unload', keepsLoaded: false })

function laneOf(admission: ReturnType<typeof anAdmission>['admission']): LaneView {
  const lane = admission.model(RUNNER)?.lane
  assert.ok(lane)
  return lane
}

/** One running call, and one in line, of a runner that is stuck since 10 s. */
function aStuckRunner() {
  const { admission, clock, recorders } = anAdmission()
  const running = permitOf(admission.acquire(aCall()))
  const waiting = ticketOf(admission.acquire(aCall()))
  clock.advance(10_000)
  admission.stick(RUNNER, true)
  return { admission, clock, recorders, running, waiting, lane: laneOf(admission) }
}

describe('a runner that is stuck', () => {
  it('refuses new calls at once, says when to return, and counts them as refused', () => {
    const { admission, clock, recorders } = aStuckRunner()
    clock.advance(20_000)
    const { code, facts } = refusalOf(() => admission.acquire(aCall()))
    assert.deepEqual([code, facts], ['model_stuck', { model: 'llama2', retryAfterMs: 20_000 }])
    assert.equal(recorders.get('llama2')?.story.at(-1), 'refused model_stuck')
    assert.equal(refusalOf(() => admission.acquire(aCall({ slots: 0, work: 'load' }))).code, 'model_stuck')
    assert.equal(refusalOf(() => admission.acquire(aCall({ options: 'num_ctx=1' }))).code, 'model_stuck')
  })

  it('keeps its calls in line, which get no slot and hear of it', () => {
    const { running, waiting, lane, clock } = aStuckRunner()
    running.release('timed_out', clock.now())
    assert.deepEqual([fateOf(waiting), lane.active, lane.stuck], ['waiting', 0, true])
    assert.equal(lane.waitingFor(waiting, clock.now()), 'stuck')
    assert.equal(lane.startsInMs(0, clock.now()), undefined)
  })

  it('does not keep a call in line past its deadline', () => {
    const { admission, clock } = anAdmission()
    permitOf(admission.acquire(aCall()))
    const waiting = ticketOf(admission.acquire(aCall({ deadline: 30_000 })))
    admission.stick(RUNNER, true)
    clock.advance(31_000)
    assert.equal(fateOf(waiting), 'timeout')
  })

  it('lets a call that only unloads pass', () => {
    const { admission } = aStuckRunner()
    assert.ok(admission.acquire(UNLOAD) instanceof LocalPermit)
  })

  it('keeps a running call in its slot', () => {
    const { running, lane, clock } = aStuckRunner()
    assert.equal(lane.active, 1)
    running.release('done', clock.now())
    assert.equal(lane.active, 0)
  })

  it('goes on with its line before stick returns', () => {
    const { admission, running, waiting, clock } = aStuckRunner()
    running.release('cancelled', clock.now())
    admission.stick(RUNNER, false)
    assert.equal(grantOf(waiting).waitMs, 10_000)
  })

  it('leaves other models alone', () => {
    const { admission } = aStuckRunner()
    permitOf(admission.acquire(aCall({ model: 'mistral' })))
  })

  for (const [first, last] of [
    ['pause', 'stick'],
    ['stick', 'pause'],
  ] as const)
    it(`may be paused meanwhile: its calls go on when both are over, ${last} last`, () => {
      const { admission, clock } = anAdmission()
      const running = permitOf(admission.acquire(aCall()))
      const waiting = ticketOf(admission.acquire(aCall()))
      admission.pause(RUNNER, true)
      admission.stick(RUNNER, true)
      running.release('done', clock.now())
      admission[first](RUNNER, false)
      assert.equal(fateOf(waiting), 'waiting')
      admission[last](RUNNER, false)
      assert.equal(fateOf(waiting), 'granted')
    })

  it('says of itself, and not that it is paused, what a refused call should know', () => {
    const { admission } = anAdmission()
    permitOf(admission.acquire(aCall()))
    const waiting = ticketOf(admission.acquire(aCall()))
    admission.pause(RUNNER, true)
    admission.stick(RUNNER, true)
    assert.equal(refusalOf(() => admission.acquire(aCall())).code, 'model_stuck')
    assert.equal(laneOf(admission).waitingFor(waiting, 0), 'stuck')
    admission.stick(RUNNER, false)
    assert.equal(laneOf(admission).waitingFor(waiting, 0), 'paused')
  })

  it('is not forgotten while it is stuck, however many other names come', () => {
    const { admission, clock } = anAdmission()
    permitOf(admission.acquire(aCall())).release('done', 0)
    admission.stick(RUNNER, true)
    for (let i = 0; i < 1_100; i++) {
      clock.advance(1)
      permitOf(admission.acquire(aCall({ model: `m${i}` }))).release('done', clock.now())
    }
    assert.equal(refusalOf(() => admission.acquire(aCall())).code, 'model_stuck')
    admission.stick(RUNNER, false)
    permitOf(admission.acquire(aCall())).release('done', clock.now())
  })
})

describe('names that turn out to share a runner', () => {
  it('are stuck together when one of them is', () => {
    const { admission, ask, tell } = withRunners()
    for (const model of ['a', 'b']) permitOf(ask(model))
    admission.stick('b', true)
    tell({ a: 'w', b: 'w' })
    for (const model of ['a', 'b']) assert.equal(refusalOf(() => ask(model)).code, 'model_stuck')
    admission.stick('w', false)
    assert.equal(admission.model('a')?.lane.stuck, false)
  })
})

describe('a stuck runner among models that take turns', () => {
  /** One slot a model; a call of `a` runs, and calls of `b` wait for the turn of their runner. */
  function twoModels() {
    const made = anAdmission({
      turns: {
        settings: { ordered: true, maxWaitMs: 60_000, maxSwitching: 0.5, together: [] },
        observer: { loaded() {}, left() {} },
        watch: { pace() {}, look() {} },
      },
    })
    const { admission } = made
    const running = permitOf(admission.acquire(aCall({ model: 'a' })))
    running.began?.(0)
    const waits = (work: 'run' | 'load') =>
      ticketOf(admission.acquire(aCall({ model: 'b', work, slots: work === 'run' ? 1 : 0 })))
    return { ...made, running, waits }
  }

  it('gets no turn before it works again', () => {
    const { admission, clock, running, waits } = twoModels()
    const waiting = waits('run')
    admission.stick('b', true)
    running.release('done', clock.now())
    clock.advance(120_000)
    assert.equal(fateOf(waiting), 'waiting')
    const other = admission.acquire(aCall({ model: 'a' }))
    permitOf(other).release('done', clock.now())
    admission.stick('b', false)
    clock.advance(1_000)
    admission.sawLoaded([], clock.now())
    assert.equal(fateOf(waiting), 'granted')
  })

  it('loads nothing for a call in line either, also when Ollama shows the model', () => {
    const { admission, clock, waits } = twoModels()
    const waiting = waits('load')
    admission.stick('b', true)
    clock.advance(1_000)
    const seen = ['a', 'b'].map((model) => ({ model, expiresAt: undefined }))
    admission.sawLoaded(seen, clock.now())
    assert.equal(fateOf(waiting), 'waiting')
    admission.stick('b', false)
    assert.equal(fateOf(waiting), 'granted')
  })
})
