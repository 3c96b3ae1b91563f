import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../src/admission/local-ticket.ts'
import { FAR, fateOf, grantOf, permitOf, refusalOf, ticketOf } from './support/builders.ts'
import { withRunners } from './support/with-runners.ts'

describe('names of one runner', () => {
  it('share slots and line, and have figures of their own', () => {
    const { admission, ask, tell, recorders } = withRunners({ defaults: { parallel: 2, queue: 2 } })
    tell({ a: 'r', b: 'r', c: 'other' })
    const [first] = [permitOf(ask('a')), permitOf(ask('b'))]
    const waits = ticketOf(ask('b'))
    permitOf(ask('c'))
    ticketOf(ask('a'))
    assert.equal(refusalOf(() => ask('b')).code, 'queue_full')
    assert.deepEqual(
      Array.from(admission.models(), ({ model, active, queued, lane }) => [
        model,
        active,
        queued,
        lane.runner,
      ]),
      [
        ['a', 1, 1, 'r'],
        ['b', 1, 1, 'r'],
        ['c', 1, 0, 'other'],
      ],
    )
    first.release('done', 5)
    assert.equal(fateOf(waits), 'granted')
    assert.deepEqual(recorders.get('a')?.story, ['granted 0', 'queued', 'released done 5'])
    assert.deepEqual(recorders.get('b')?.story, ['granted 0', 'queued', 'refused queue_full', 'granted 5'])
  })

  it('are found by any name, also by one that was never called', () => {
    const { admission, ask, tell } = withRunners()
    tell({ a: 'r', b: 'r' })
    assert.equal(admission.model('b'), undefined)
    ask('a')
    assert.equal(admission.model('b')?.model, 'a')
    assert.equal(admission.model('c'), undefined)
  })

  it('have the limits that were set last, under whatever name', () => {
    const { admission, tell } = withRunners()
    tell({ a: 'r', b: 'r' })
    admission.configure('a', { parallel: 3, queue: 7 })
    assert.deepEqual(admission.configure('b', { parallel: 2 }), { parallel: 2, queue: 7 })
    admission.configure('a', { queue: 9 })
    assert.deepEqual(admission.model('b')?.lane.limits, { parallel: 2, queue: 9 })
    admission.clearOverrides('a', ['parallel', 'queue'])
    assert.deepEqual(admission.model('a')?.lane.limits, { parallel: 2, queue: 512 })
  })

  it('are paused together', () => {
    const { admission, ask, tell } = withRunners()
    tell({ a: 'r', b: 'r' })
    ask('a')
    ask('b')
    assert.deepEqual(
      admission.pause('b', true).map(({ model }) => model),
      ['a', 'b'],
    )
    assert.equal(admission.model('a')?.lane.paused, true)
  })
})

describe('a name whose runner becomes known', () => {
  it('joins the lane, with its running and its waiting calls, in the order of arrival', () => {
    const { admission, ask, clock, tell } = withRunners({ defaults: { parallel: 1, queue: 10 } })
    const running = [permitOf(ask('a')), permitOf(ask('b'))]
    const tickets: LocalTicket[] = []
    for (const model of ['a', 'b', 'b', 'a', 'b']) {
      clock.advance(1)
      tickets.push(ticketOf(ask(model)))
    }
    tell({ a: 'r', b: 'r' })
    assert.deepEqual([...admission.lanes()].length, 1)
    assert.equal(admission.model('a')?.lane.active, 2)
    tickets[2]?.cancel(clock.now())
    running[0]?.release('done', 9)
    assert.equal(fateOf(tickets[0] as LocalTicket), 'waiting', 'two ran, so one slot is taken')
    let permit = running[1] as LocalPermit
    for (const ticket of [tickets[0], tickets[1], tickets[3], tickets[4]]) {
      permit.release('done', 10)
      permit = grantOf(ticket as LocalTicket)
      assert.equal(admission.model('a')?.lane.active, 1)
    }
    permit.release('done', 11)
    assert.deepEqual(
      Array.from(admission.models(), ({ active, queued }) => [active, queued]),
      [
        [0, 0],
        [0, 0],
      ],
    )
    assert.deepEqual({ ...admission.waiting }, { calls: 0, bytes: 0, maxBytes: FAR })
  })

  it('leaves the lane when it stands for other weights, and its running calls end where they began', () => {
    const { admission, ask, tell } = withRunners({ defaults: { parallel: 1, queue: 10 } })
    tell({ a: 'r', b: 'r' })
    const running = permitOf(ask('b'))
    const [waitsA, waitsB] = [ticketOf(ask('a')), ticketOf(ask('b'))]
    tell({ b: 'new' })
    assert.equal(fateOf(waitsB), 'granted')
    assert.deepEqual([admission.model('a')?.lane.active, admission.model('b')?.lane.active], [1, 1])
    running.release('done', 1)
    assert.equal(fateOf(waitsA), 'granted')
    grantOf(waitsA).release('done', 2)
    grantOf(waitsB).release('done', 2)
    assert.deepEqual(
      Array.from(admission.models(), ({ active, lane }) => [active, lane.active]),
      [
        [0, 0],
        [0, 0],
      ],
    )
  })

  it('keeps the pause of either lane', () => {
    const { admission, ask, tell } = withRunners()
    ask('a')
    ask('b')
    admission.pause('b', true)
    tell({ a: 'r', b: 'r' })
    assert.equal(admission.model('a')?.lane.paused, true)
  })
})

describe('a name that Ollama does not have', () => {
  it('loses its lane once that is known, unless it runs, served or has limits', () => {
    const { admission, ask, known, tell } = withRunners({ defaults: { parallel: 2, queue: 2 } })
    tell({ real: 'r' })
    permitOf(ask('real')).release('done', 1, { served: true, loadMs: 0 })
    permitOf(ask('removed')).release('done', 1, { served: true, loadMs: 0 })
    permitOf(ask('made-up')).release('done', 1)
    const running = permitOf(ask('running'))
    admission.configure('configured', { queue: 1 })
    known.complete = true
    admission.regroup()
    permitOf(ask('made-up too')).release('done', 1)
    const names = () => Array.from(admission.models(), ({ model }) => model)
    assert.deepEqual(names(), ['real', 'removed', 'running', 'configured'])
    running.release('done', 2)
    admission.regroup()
    assert.deepEqual(names(), ['real', 'removed', 'configured'])
  })

  it('is asked for once each time its lane is opened', () => {
    const { ask, opened } = withRunners()
    for (let i = 0; i < 3; i++) permitOf(ask('a')).release('done', 1)
    ask('b')
    assert.deepEqual(opened, ['a', 'b'])
  })
})

describe('a runner that Ollama forces to one call', () => {
  it('has one slot under auto, whichever of its names says so', () => {
    const { admission, ask, tell } = withRunners({ defaults: { parallel: 4, queue: 9 }, auto: true })
    permitOf(ask('a'))
    tell({ a: { runner: 'r', forced: 'embedding' }, b: 'r' })
    ticketOf(ask('b'))
    assert.deepEqual(admission.model('a')?.lane.effective, { parallel: 1, reason: 'embedding' })
    assert.equal(admission.model('a')?.lane.limits.parallel, 4)
    admission.configure('b', { parallel: 3 })
    const lane = admission.model('a')?.lane
    assert.deepEqual([lane?.effective, lane?.runsFewer], [{ parallel: 3, reason: 'configured' }, 1])
  })
})

describe('the lane of cloud models', () => {
  it('has no limit until one is set for all of them', () => {
    const { admission, ask, tell } = withRunners({ defaults: { parallel: 1, queue: 3 } })
    tell({ 'x:cloud': 'cloud', stub: 'cloud', '*:cloud': 'cloud' })
    for (let i = 0; i < 50; i++) permitOf(ask(i % 2 === 0 ? 'x:cloud' : 'stub'))
    assert.deepEqual(admission.model('stub')?.lane.effective, {
      parallel: Number.POSITIVE_INFINITY,
      reason: 'cloud',
    })
    admission.configure('*:cloud', { parallel: 50 })
    ticketOf(ask('stub'))
    assert.deepEqual(admission.model('stub')?.lane.effective, { parallel: 50, reason: 'configured' })
  })
})

describe('a call that takes several slots', () => {
  it('waits until so many are free, and nobody overtakes it', () => {
    const { admission, ask } = withRunners({ defaults: { parallel: 4, queue: 9 } })
    const [first, second] = [permitOf(ask('a')), permitOf(ask('a'))]
    const wide = ticketOf(ask('a', 3))
    const small = ticketOf(ask('a'))
    assert.equal(admission.model('a')?.lane.active, 2)
    first.release('done', 1)
    assert.deepEqual([wide, small].map(fateOf), ['granted', 'waiting'])
    assert.equal(admission.model('a')?.lane.active, 4)
    assert.equal(admission.model('a')?.active, 2, 'two calls')
    grantOf(wide).release('done', 2)
    assert.equal(fateOf(small), 'granted')
    second.release('done', 3)
    assert.equal(admission.model('a')?.lane.active, 1)
  })

  it('takes all slots where it wants more, and lets the next one in when it leaves', () => {
    const { admission, ask } = withRunners({ defaults: { parallel: 2, queue: 9 } })
    const running = permitOf(ask('a'))
    const wide = ticketOf(ask('a', 100))
    const small = ticketOf(ask('a'))
    wide.cancel(1)
    assert.equal(fateOf(small), 'granted')
    running.release('done', 2)
    grantOf(small).release('done', 2)
    permitOf(ask('a', 100))
    assert.equal(admission.model('a')?.lane.active, 2)
  })

  it('takes one of a runner that Ollama forces to one', () => {
    const { ask, tell } = withRunners({ defaults: { parallel: 4, queue: 9 } })
    tell({ a: { runner: 'r', forced: 'embedding' } })
    permitOf(ask('a', 8))
    permitOf(ask('a', 8))
  })
})

describe('whatever names join and leave', () => {
  it('no call is lost, no slot is counted twice, and the limit of each runner holds for new calls', () => {
    const MODELS = ['a', 'b', 'c', 'd'] as const
    const model = fc.constantFrom(...MODELS)
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('ask' as const),
          model,
          slots: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('tell' as const),
          model,
          runner: fc.constantFrom('r', 's', 't'),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('limit' as const),
          model,
          parallel: fc.integer({ min: 1, max: 4 }),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { admission, ask, clock, tell } = withRunners({ defaults: { parallel: 2, queue: 50 } })
        let running: LocalPermit[] = []
        let standing: LocalTicket[] = []
        const stand = (ticket: LocalTicket) => {
          standing.push(ticket)
          ticket.onSettled((result) => {
            standing = standing.filter((each) => each !== ticket)
            if (result instanceof LocalPermit) running.push(result)
          })
        }
        const act = (one: (typeof steps)[number]) => {
          clock.advance(1)
          if (one.kind === 'ask') {
            const answer = ask(one.model, one.slots)
            if (answer instanceof LocalPermit) running.push(answer)
            else stand(answer)
          } else if (one.kind === 'release') {
            const permit = running[one.pick % running.length]
            running = running.filter((each) => each !== permit)
            permit?.release('done', clock.now())
          } else if (one.kind === 'cancel') standing[one.pick % standing.length]?.cancel(clock.now())
          else if (one.kind === 'tell') tell({ [one.model]: one.runner })
          else admission.configure(one.model, { parallel: one.parallel })
        }
        const check = () => {
          for (const { model, active, queued } of admission.models()) {
            assert.equal(active, running.filter(({ call }) => call.model === model).length)
            assert.equal(queued, standing.filter(({ call }) => call.model === model).length)
          }
          assert.equal(admission.waiting.calls, standing.length)
          for (const lane of admission.lanes()) {
            const order = Array.from(lane.waiting(), ({ enqueuedAt }) => enqueuedAt)
            assert.deepEqual(
              order,
              order.toSorted((x, y) => x - y),
            )
            const first = [...lane.waiting()][0]
            const needs = Math.min(first?.call.slots ?? 0, lane.open)
            assert.ok(
              first === undefined || lane.active + needs > lane.open,
              'a call waits beside a free slot',
            )
          }
        }
        for (const one of steps) {
          act(one)
          check()
        }
        while (running.length > 0) {
          act({ kind: 'release', pick: 0 })
          check()
        }
        assert.equal(standing.length, 0)
        for (const lane of admission.lanes()) assert.equal(lane.active, 0)
      }),
      { numRuns: 400 },
    )
  })
})
