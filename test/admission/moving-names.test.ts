import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CallReport, RunnerFacts } from '../../src/admission/contract.ts'
import { REMEMBERED_MODELS } from '../../src/admission/forgetting.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { aCall, anAdmission, fateOf, grantOf, permitOf, refusalOf, ticketOf } from './support/builders.ts'
import { withRunners } from './support/with-runners.ts'

/** The final chunk says that the call waited so long inside Ollama, then computed so long. */
function waitedInside(queuedMs: number, computedMs: number): CallReport {
  return { served: true, loadMs: 0, queuedMs, computedMs, beganMs: queuedMs }
}

describe('a name that gets other weights', () => {
  it('never runs more calls at once than its own limit', () => {
    const { ask, tell } = withRunners({
      defaults: { parallel: 4, queue: 9 },
      models: new Map([['big', { parallel: 1 }]]),
    })
    tell({ big: 'old' })
    permitOf(ask('big'))
    const waiting = [ticketOf(ask('big')), ticketOf(ask('big')), ticketOf(ask('big'))]
    tell({ big: 'new' })
    assert.deepEqual(waiting.map(fateOf), ['granted', 'waiting', 'waiting'])
  })

  it('never runs more calls at once than Ollama is known to run', () => {
    const { ask, tell } = withRunners({ defaults: { parallel: 4, queue: 9 }, auto: true })
    tell({ a: { runner: 'old', forced: 'embedding' } })
    permitOf(ask('a'))
    const waiting = [ticketOf(ask('a')), ticketOf(ask('a')), ticketOf(ask('a'))]
    tell({ a: { runner: 'new', forced: 'embedding' } })
    assert.deepEqual(waiting.map(fateOf), ['granted', 'waiting', 'waiting'])
  })

  it('stays paused: operators pause a model to pull it', () => {
    const { admission, ask, tell } = withRunners()
    tell({ a: 'old' })
    permitOf(ask('a')).release('done', 1)
    admission.pause('a', true)
    const waits = ticketOf(ask('a'))
    tell({ a: 'new' })
    assert.equal(fateOf(waits), 'waiting')
    assert.equal(admission.model('a')?.lane.paused, true)
  })

  it('still counts what runs on the old weights when it gets those back', () => {
    const { admission, ask, tell } = withRunners({ defaults: { parallel: 2, queue: 9 } })
    tell({ a: 'old' })
    permitOf(ask('a'))
    permitOf(ask('a'))
    tell({ a: 'new' })
    tell({ a: 'old' })
    assert.equal(admission.model('a')?.lane.active, 2)
    ticketOf(ask('a'))
  })

  it('does not force the runner that it leaves, while the weights are not known', () => {
    const { admission, ask, tell } = withRunners({ defaults: { parallel: 4, queue: 9 }, auto: true })
    tell({ a: 'r', b: 'r' })
    permitOf(ask('a'))
    permitOf(ask('b'))
    // /api/tags knows the new model of the name, /api/show has not answered yet.
    tell({ b: { runner: undefined, forced: 'embedding' } })
    assert.equal(admission.model('a')?.lane.effective.parallel, 4)
  })
})

describe('a name that joins the lane of its runner', () => {
  it('brings its limit before any of its calls gets a slot', () => {
    const { ask, tell } = withRunners({
      defaults: { parallel: 4, queue: 9 },
      models: new Map([['small', { parallel: 1 }]]),
    })
    tell({ big: 'r' })
    permitOf(ask('big')).release('done', 1)
    permitOf(ask('small'))
    const waiting = [ticketOf(ask('small')), ticketOf(ask('small'))]
    tell({ small: 'r' })
    assert.deepEqual(waiting.map(fateOf), ['waiting', 'waiting'])
  })

  it('does not make the lane one that has stood still for ever', () => {
    const { ask, clock, tell } = withRunners({
      defaults: { parallel: 1, queue: 0 },
      models: new Map([['configured', { queue: 0 }]]),
    })
    clock.advance(1_000)
    permitOf(ask('copy'))
    assert.equal(refusalOf(() => ask('copy')).facts.retryAfterMs, 1_000)
    tell({ configured: 'r', copy: 'r' })
    assert.equal(refusalOf(() => ask('copy')).facts.retryAfterMs, 1_000)
  })

  it('does not lower the limit because of calls that were granted before', () => {
    const { admission, ask, clock, tell } = withRunners({ defaults: { parallel: 4, queue: 9 }, auto: true })
    // Ollama runs four at once. Eight calls come for two names of one runner that is not known yet.
    const calls = Array.from({ length: 8 }, (_, index) => {
      clock.advance(1)
      return permitOf(ask(index % 2 === 0 ? 'a' : 'b'))
    })
    tell({ a: 'r', b: 'r' })
    playInside(calls, 4, (index) => 4_000 + 300 * index)
    assert.deepEqual(admission.model('a')?.lane.effective, { parallel: 4, reason: 'memory' })
  })
})

/** Plays calls through an Ollama that runs `slots` of them at once, in their order, and gives their slots back. */
function playInside(calls: readonly LocalPermit[], slots: number, computes: (index: number) => number): void {
  const freeAt = Array.from({ length: slots }, () => 0)
  const ends = calls.map((permit, index) => {
    const at = freeAt.indexOf(Math.min(...freeAt))
    const beganAt = Math.max(freeAt[at] ?? 0, permit.grantedAt)
    freeAt[at] = beganAt + computes(index)
    return {
      permit,
      endsAt: beganAt + computes(index),
      report: waitedInside(beganAt - permit.grantedAt, computes(index)),
    }
  })
  for (const { permit, endsAt, report } of ends.toSorted((a, b) => a.endsAt - b.endsAt))
    permit.release('done', endsAt, report)
}

describe('cloud models', () => {
  it('bring no advice about a number of slots: the calls do not run on this Ollama', () => {
    const { admission, ask, tell } = withRunners()
    tell({ 'x:cloud': 'cloud' })
    // ollama.com runs two calls of one account at once.
    playInside(
      Array.from({ length: 8 }, () => permitOf(ask('x:cloud'))),
      2,
      (index) => 4_000 + 300 * index,
    )
    assert.equal(admission.model('x:cloud')?.lane.runsFewer, undefined)
  })

  it('are forgotten while their lane is paused, when nobody has such a model', () => {
    const facts: RunnerFacts = { runner: 'cloud' }
    const runners = { find: () => facts, complete: true, opened: () => {} }
    const { admission } = anAdmission({ runners, defaults: { parallel: 1, queue: 0 } })
    admission.pause('x:cloud', true)
    for (let i = 0; i < 3 * REMEMBERED_MODELS; i++)
      refusalOf(() => admission.acquire(aCall({ model: `made-up-${i}:cloud` })))
    assert.equal([...admission.models()].length, REMEMBERED_MODELS)
  })
})

describe('a trial', () => {
  it('is not repeated for ever by calls whose answers tell nothing', () => {
    const { admission, ask, clock } = withRunners({ defaults: { parallel: 2, queue: 99 }, auto: true })
    const lane = () => admission.model('a')?.lane
    while (lane()?.effective.reason !== 'measured') {
      const [one, two] = [permitOf(ask('a')), permitOf(ask('a'))]
      clock.advance(1_000)
      one.release('done', clock.now(), waitedInside(0, 1_000))
      clock.advance(1_000)
      two.release('done', clock.now(), waitedInside(1_000, 1_000))
    }
    assert.equal(lane()?.effective.parallel, 1)
    clock.advance(700_000)
    // An hour of calls through /v1, whose answers tell no durations: two clients at a time, a second each.
    let tooMany = 0
    for (let second = 0; second < 3_600; second++) {
      const first = permitOf(ask('a'))
      const another = ask('a')
      clock.advance(1_000)
      first.release('done', clock.now(), { served: true, loadMs: 0 })
      if (another instanceof LocalPermit) {
        tooMany++
        another.release('done', clock.now(), { served: true, loadMs: 0 })
      } else grantOf(another).release('done', clock.now(), { served: true, loadMs: 0 })
    }
    assert.ok(tooMany <= 60, `${tooMany} of 3600 calls were sent above the limit`)
  })
})

describe('a change of the runners from inside the end of a wait', () => {
  it('leaves the counts of both lines true', () => {
    const { admission, ask, clock, tell } = withRunners({ defaults: { parallel: 1, queue: 9 } })
    tell({ a: 'r' })
    permitOf(ask('a'))
    permitOf(ask('b'))
    const early = ticketOf(admission.acquire(aCall({ model: 'b', deadline: 10 })))
    const late = ticketOf(admission.acquire(aCall({ model: 'b', deadline: 10 })))
    early.onSettled(() => tell({ b: 'r' }))
    // The second call has moved, so its new line refuses it with the next look.
    clock.advance(270)
    assert.equal(fateOf(late), 'timeout')
    assert.deepEqual(
      { calls: admission.waiting.calls, bytes: admission.waiting.bytes },
      { calls: 0, bytes: 0 },
    )
    for (const { queued } of admission.lanes()) assert.equal(queued, 0)
    assert.equal([...admission.lanes()][0]?.queued, 0)
  })
})
