import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { REMEMBERED_MODELS } from '../../src/admission/forgetting.ts'
import {
  aCall,
  anAdmission,
  FAR,
  fateOf,
  grantOf,
  permitOf,
  refusalOf,
  ticketOf,
} from './support/builders.ts'

describe('lanes by model', () => {
  it('share no slots and no line', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 0 } })
    permitOf(admission.acquire(aCall({ model: 'a' })))
    permitOf(admission.acquire(aCall({ model: 'b' })))
    assert.equal(refusalOf(() => admission.acquire(aCall({ model: 'a' }))).facts.model, 'a')
    assert.deepEqual(
      [...admission.models()].map((view) => [view.model, view.active]),
      [
        ['a', 1],
        ['b', 1],
      ],
    )
  })

  it('of the configuration are shown from the start, others once they are called', () => {
    const { admission, recorders } = anAdmission({ models: new Map([['big', { parallel: 2 }]]) })
    assert.deepEqual(
      [...admission.models()].map((view) => [view.model, view.lane.limits]),
      [['big', { parallel: 2, queue: 512 }]],
    )
    assert.equal(admission.model('new')?.lane, undefined)
    admission.acquire(aCall({ model: 'new' }))
    assert.deepEqual([...recorders.keys()], ['big', 'new'])
  })

  it('share one bound of bytes', () => {
    const { admission } = anAdmission({ maxWaitingBytes: 100 })
    const [a, b] = [aCall({ model: 'a', bytes: 60 }), aCall({ model: 'b', bytes: 60 })]
    permitOf(admission.acquire(a))
    permitOf(admission.acquire(b))
    const ticket = ticketOf(admission.acquire(a))
    assert.equal(refusalOf(() => admission.acquire(b)).code, 'queue_full')
    assert.deepEqual({ ...admission.waiting }, { calls: 1, bytes: 60, maxBytes: 100 })
    ticket.cancel(0)
    ticketOf(admission.acquire(b))
    assert.equal(admission.waiting.bytes, 60)
  })
})

describe('limits', () => {
  it('of the defaults reach every lane that has none of its own, waiters included', () => {
    const { admission } = anAdmission({ models: new Map([['own', { parallel: 1 }]]) })
    for (const model of ['own', 'plain']) permitOf(admission.acquire(aCall({ model })))
    const own = ticketOf(admission.acquire(aCall({ model: 'own' })))
    const plain = ticketOf(admission.acquire(aCall({ model: 'plain' })))
    assert.deepEqual(admission.configure('*', { parallel: 2 }), { parallel: 2, queue: 512 })
    assert.deepEqual([own, plain].map(fateOf), ['waiting', 'granted'])
    assert.deepEqual(admission.defaults, { parallel: 2, queue: 512 })
    admission.acquire(aCall({ model: 'later' }))
    assert.equal(admission.model('later')?.lane.limits.parallel, 2)
  })

  it('that a model does not set itself follow the defaults', () => {
    const { admission } = anAdmission()
    assert.deepEqual(admission.configure('a', { queue: 3 }), { parallel: 1, queue: 3 })
    admission.configure('*', { parallel: 5, queue: 9 })
    assert.deepEqual(admission.model('a')?.lane.limits, { parallel: 5, queue: 3 })
    assert.deepEqual(admission.configure('a', { parallel: 2 }), { parallel: 2, queue: 3 })
  })

  it('of a model not seen yet are kept for its first call', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 0 } })
    admission.configure('new', { parallel: 2 })
    for (let i = 0; i < 2; i++) permitOf(admission.acquire(aCall({ model: 'new' })))
    refusalOf(() => admission.acquire(aCall({ model: 'new' })))
  })
})

describe('the sweeper', () => {
  it('refuses whoever is past the deadline within 250 ms, though no slot frees', () => {
    const { admission, clock } = anAdmission()
    admission.acquire(aCall())
    ticketOf(admission.acquire(aCall({ deadline: 10_000 })))
    clock.advance(100)
    const tickets = [101, 180, 350, 600].map((deadline) => ticketOf(admission.acquire(aCall({ deadline }))))
    for (let now = 100; now < 1_000; now += 10) {
      clock.advance(10)
      for (const ticket of tickets) {
        const late = clock.now() - ticket.call.deadline
        if (late < 0) assert.equal(fateOf(ticket), 'waiting')
        if (late >= 250) assert.equal(fateOf(ticket), 'timeout')
      }
    }
    assert.equal(admission.waiting.calls, 1)
  })

  it('is gone when nothing waits, whichever way the line emptied', () => {
    const { admission, clock } = anAdmission()
    assert.equal(clock.pending, 0)
    const permit = permitOf(admission.acquire(aCall()))
    assert.equal(clock.pending, 0, 'a call that runs needs no timer')
    ticketOf(admission.acquire(aCall())).cancel(0)
    clock.advance(250)
    assert.equal(clock.pending, 0)
    ticketOf(admission.acquire(aCall({ deadline: 300 })))
    clock.advance(300)
    assert.equal(clock.pending, 0)
    const ticket = ticketOf(admission.acquire(aCall()))
    assert.equal(clock.pending, 1)
    permit.release('done', clock.now())
    grantOf(ticket).release('done', clock.now())
    clock.advance(250)
    assert.equal(clock.pending, 0)
  })

  it('is one timer however many wait, and outlives a lane that is paused', () => {
    const { admission, clock } = anAdmission({ defaults: { parallel: 0, queue: 512 } })
    const tickets = ['a', 'b', 'c'].map((model) =>
      ticketOf(admission.acquire(aCall({ model, deadline: 5_000 }))),
    )
    assert.equal(clock.pending, 1)
    clock.advance(4_999)
    assert.deepEqual([clock.pending, ...tickets.map(fateOf)], [1, 'waiting', 'waiting', 'waiting'])
    clock.advance(1)
    assert.deepEqual([clock.pending, ...tickets.map(fateOf)], [0, 'timeout', 'timeout', 'timeout'])
  })
})

describe('close', () => {
  it('refuses everybody in line, lets who runs finish, and admits nobody', () => {
    const { admission, clock, recorders } = anAdmission()
    const permits = ['a', 'b'].map((model) => permitOf(admission.acquire(aCall({ model }))))
    const tickets = ['a', 'a', 'b'].map((model) => ticketOf(admission.acquire(aCall({ model }))))
    assert.equal(admission.closed, false)
    admission.close()
    assert.equal(admission.closed, true)
    assert.deepEqual(tickets.map(fateOf), ['shutting_down', 'shutting_down', 'shutting_down'])
    assert.deepEqual({ ...admission.waiting }, { calls: 0, bytes: 0, maxBytes: FAR })
    assert.equal(clock.pending, 0)
    const refused = refusalOf(() => admission.acquire(aCall({ model: 'a' })))
    assert.equal(refused.code, 'shutting_down')
    assert.ok((refused.facts.retryAfterMs ?? 0) >= 1_000)
    for (const permit of permits) permit.release('done', 5)
    assert.deepEqual(
      [...admission.lanes()].map((lane) => lane.active + lane.queued === 0),
      [true, true],
    )
    assert.deepEqual(recorders.get('b')?.story, [
      'granted 0',
      'queued',
      'left shutting_down 0',
      'released done 5',
    ])
  })

  it('refuses a call with a free slot too, and may be called again', () => {
    const { admission } = anAdmission()
    admission.close()
    admission.close()
    assert.equal(refusalOf(() => admission.acquire(aCall())).code, 'shutting_down')
    admission.configure('*', { parallel: 8 })
    assert.equal(refusalOf(() => admission.acquire(aCall())).code, 'shutting_down')
  })
})

describe('idle lanes', () => {
  const names = (count: number, prefix = 'm') => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

  it('are forgotten beyond a thousand, the longest unused first', () => {
    const { admission, clock } = anAdmission()
    const visit = (model: string) => {
      clock.advance(1)
      permitOf(admission.acquire(aCall({ model }))).release('done', clock.now())
    }
    for (const model of names(REMEMBERED_MODELS)) visit(model)
    visit('m0')
    visit('m2')
    for (const model of names(3, 'new')) visit(model)
    const kept = new Set([...admission.models()].map((lane) => lane.model))
    assert.equal(kept.size, REMEMBERED_MODELS)
    assert.deepEqual(
      ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'].map((model) => kept.has(model)),
      [true, false, true, false, false, true],
    )
  })

  it('stay when they run, wait or have limits of their own', () => {
    const { admission, clock } = anAdmission({ models: new Map([['configured', { queue: 7 }]]) })
    const running = permitOf(admission.acquire(aCall({ model: 'running' })))
    admission.configure('paused', { parallel: 0 })
    const waiting = ticketOf(admission.acquire(aCall({ model: 'paused' })))
    for (const model of names(3 * REMEMBERED_MODELS)) {
      clock.advance(1)
      permitOf(admission.acquire(aCall({ model }))).release('done', clock.now())
    }
    assert.equal([...admission.lanes()].length, REMEMBERED_MODELS + 3)
    assert.equal(admission.model('running')?.lane.active, 1)
    assert.equal(admission.model('configured')?.lane.limits.queue, 7)
    assert.equal(fateOf(waiting), 'waiting')
    running.release('done', clock.now())
    assert.equal(admission.model('running')?.lane.active, 0)
  })

  it('are brought back to a thousand after more than a thousand ran at once', () => {
    const { admission, clock } = anAdmission()
    const permits = names(2_500).map((model) => permitOf(admission.acquire(aCall({ model }))))
    for (const permit of permits.toReversed()) {
      clock.advance(1)
      permit.release('done', clock.now())
    }
    admission.acquire(aCall({ model: 'one more' }))
    const kept = [...admission.models()].map((lane) => lane.model)
    assert.deepEqual(
      kept,
      [...names(REMEMBERED_MODELS - 1), 'one more'],
      'those released last were used last',
    )
  })

  it('begin anew when they come back: estimate, observer and limits', () => {
    const { admission, clock } = anAdmission()
    permitOf(admission.acquire(aCall({ model: 'old' }))).release('done', 500)
    assert.equal(admission.model('old')?.lane.estimate.meanMs, 500)
    for (const model of names(REMEMBERED_MODELS)) {
      clock.advance(1_000)
      permitOf(admission.acquire(aCall({ model }))).release('done', clock.now())
    }
    assert.equal(admission.model('old')?.lane, undefined)
    admission.acquire(aCall({ model: 'old' }))
    assert.equal(admission.model('old')?.lane.estimate.meanMs, undefined)
  })
})
