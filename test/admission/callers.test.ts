import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Call, LaneView } from '../../src/admission/contract.ts'
import type { LocalAdmission } from '../../src/admission/local-admission.ts'
import type { LocalTicket } from '../../src/admission/local-ticket.ts'
import { type Caller, type CallerLimits, EVERYBODY, NO_LIMITS } from '../../src/callers/caller.ts'
import { aKey } from '../callers/support/builders.ts'
import { aCall, anAdmission, fateOf, grantOf, permitOf, refusalOf, ticketOf } from './support/builders.ts'

/** A new object at each call, as after a reload. */
function aCaller(id: string, limits: Partial<CallerLimits> = {}): Caller {
  return { id, key: undefined, limits: { ...NO_LIMITS, ...limits } }
}

function one(model = 'a', overrides: Partial<Call> = {}): Call {
  return aCall({ model, caller: aCaller('one', { parallel: 1 }), ...overrides })
}

function fates(...tickets: readonly LocalTicket[]): string {
  return tickets.map((ticket) => fateOf(ticket)).join(' ')
}

function callers(admission: LocalAdmission) {
  return [...admission.callers()].map(({ id, active, queued }) => ({ id, active, queued }))
}

describe('a caller with as many calls running as it may have', () => {
  it('waits, though slots are free', () => {
    const { admission } = anAdmission({ defaults: { parallel: 4, queue: 10 } })
    const first = permitOf(admission.acquire(one()))
    const second = ticketOf(admission.acquire(one()))
    assert.equal(fateOf(second), 'waiting')
    first.release('done', 5)
    assert.equal(grantOf(second).waitMs, 5)
  })

  it('delays nobody: a newcomer gets the free slot, and the next in line the one that is given back', () => {
    const { admission } = anAdmission({ defaults: { parallel: 2, queue: 10 } })
    permitOf(admission.acquire(one()))
    const held = ticketOf(admission.acquire(one()))
    const other = permitOf(admission.acquire(aCall({ model: 'a' })))
    const next = ticketOf(admission.acquire(aCall({ model: 'a' })))
    const last = ticketOf(admission.acquire(aCall({ model: 'a' })))
    other.release('done', 0)
    assert.equal(fates(held, next, last), 'waiting granted waiting')
  })

  it('stands behind those that may go, as long as its caller has no room', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 10 } })
    const other = permitOf(admission.acquire(aCall({ model: 'a' })))
    const elsewhere = permitOf(admission.acquire(one('b')))
    const mine = ticketOf(admission.acquire(one()))
    const later = ticketOf(admission.acquire(aCall({ model: 'a' })))
    const view = admission.model('a')?.lane
    assert.deepEqual([...(view?.waiting() ?? [])], [later, mine])
    elsewhere.release('done', 0)
    other.release('done', 0)
    assert.equal(fates(mine, later), 'granted waiting')
  })

  it('has its oldest call that can run go next, in whichever lane that is', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 10 } })
    const running = permitOf(admission.acquire(one('a')))
    permitOf(admission.acquire(aCall({ model: 'b' })))
    const full = ticketOf(admission.acquire(one('b')))
    const free = ticketOf(admission.acquire(one('c')))
    const own = ticketOf(admission.acquire(one('a')))
    running.release('done', 0)
    assert.equal(fates(full, free, own), 'waiting granted waiting')
    grantOf(free).release('done', 0)
    assert.equal(fates(full, own), 'waiting granted')
  })

  it('is one caller, also when each call brings another object', () => {
    const { admission } = anAdmission({ defaults: { parallel: 4, queue: 10 } })
    permitOf(admission.acquire(one('a', { caller: aCaller('x', { parallel: 2 }) })))
    permitOf(admission.acquire(one('b', { caller: aCaller('x', { parallel: 2 }) })))
    ticketOf(admission.acquire(one('c', { caller: aCaller('x', { parallel: 2 }) })))
    permitOf(admission.acquire(one('c', { caller: aCaller('y', { parallel: 2 }) })))
  })

  it('may load and unload models all the same, and neither counts', () => {
    const { admission } = anAdmission({ defaults: { parallel: 4, queue: 10 } })
    const load = permitOf(admission.acquire(one('a', { slots: 0, work: 'load' })))
    permitOf(admission.acquire(one('a')))
    permitOf(admission.acquire(one('a', { slots: 0, work: 'load' }))).release('done', 0)
    permitOf(admission.acquire(one('a', { slots: 0, work: 'unload' }))).release('done', 0)
    const held = ticketOf(admission.acquire(one('a')))
    load.release('done', 0)
    assert.equal(fateOf(held), 'waiting')
    assert.deepEqual(callers(admission), [{ id: 'one', active: 1, queued: 1 }])
  })

  it('lets a smaller call go when the call in front may not run any more', () => {
    const { admission } = anAdmission({ defaults: { parallel: 4, queue: 10 } })
    const two = aCaller('two', { parallel: 1 })
    permitOf(admission.acquire(aCall({ model: 'a', slots: 3 })))
    const big = ticketOf(admission.acquire(aCall({ model: 'a', slots: 2, caller: two })))
    const small = ticketOf(admission.acquire(aCall({ model: 'a' })))
    assert.equal(fates(big, small), 'waiting waiting')
    permitOf(admission.acquire(aCall({ model: 'b', caller: two })))
    assert.equal(fates(big, small), 'waiting granted')
  })

  it('says what its call waits for, and does not say when the call starts', () => {
    const { admission } = anAdmission({ defaults: { parallel: 2, queue: 10 } })
    for (let i = 0; i < 10; i++) permitOf(admission.acquire(one('a'), i)).release('done', i + 1)
    const running = permitOf(admission.acquire(one('a'), 20))
    const held = ticketOf(admission.acquire(one('a'), 20))
    const lane: LaneView | undefined = admission.model('a')?.lane
    assert.deepEqual(
      [lane?.waitingFor(held, 20), lane?.startsInMs(0, 20, held), lane?.startsInMs(0, 20)],
      ['caller', undefined, 0.5],
    )
    admission.pause('a', true)
    assert.equal(lane?.waitingFor(held, 20), 'paused')
    running.release('done', 21)
    admission.pause('a', false)
    assert.equal(fateOf(held), 'granted')
  })

  it('is refused at once when its own calls leave no time for one more, and nobody else is', () => {
    const { admission, clock } = anAdmission({ defaults: { parallel: 8, queue: 10 } })
    for (let i = 0; i < 10; i++) {
      const permit = permitOf(admission.acquire(one('a')))
      clock.advance(1_000)
      permit.release('done', clock.now())
    }
    const deadline = clock.now() + 2_500
    permitOf(admission.acquire(one('a', { deadline })))
    for (let i = 0; i < 2; i++) ticketOf(admission.acquire(one('a', { deadline })))
    const { code, facts } = refusalOf(() => admission.acquire(one('a', { deadline })))
    assert.deepEqual([code, facts.estimatedWaitMs, facts.scope], ['queue_full', 3_000, undefined])
    permitOf(admission.acquire(aCall({ model: 'a', deadline })))
  })
})

describe('the calls that wait for another caller', () => {
  it('are no reason to refuse a call', () => {
    const { admission, clock } = anAdmission({ defaults: { parallel: 1, queue: 100 } })
    for (let i = 0; i < 10; i++) {
      const permit = permitOf(admission.acquire(one('a')))
      clock.advance(1_000)
      permit.release('done', clock.now())
    }
    permitOf(admission.acquire(one('a')))
    for (let i = 0; i < 50; i++) ticketOf(admission.acquire(one('a')))
    ticketOf(admission.acquire(aCall({ model: 'a', deadline: clock.now() + 2_000 })))
  })
})

describe('a caller with as many calls in line as it may have', () => {
  const limits = { parallel: 1, queue: 2 }

  it('has the next call refused, in all lanes together', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 10 } })
    const caller = aCaller('x', limits)
    permitOf(admission.acquire(aCall({ model: 'a', caller })))
    const first = ticketOf(admission.acquire(aCall({ model: 'a', caller })))
    ticketOf(admission.acquire(aCall({ model: 'b', caller })))
    const { code, facts } = refusalOf(() => admission.acquire(aCall({ model: 'c', caller })))
    assert.deepEqual([code, facts], ['queue_full', { model: 'c', retryAfterMs: 1_000, scope: 'caller' }])
    permitOf(admission.acquire(aCall({ model: 'c' })))
    first.cancel(0)
    ticketOf(admission.acquire(aCall({ model: 'c', caller })))
  })

  it('is refused also when it has no limit of running calls', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 10 } })
    const caller = aCaller('x', { queue: 1 })
    permitOf(admission.acquire(aCall({ model: 'a', caller })))
    ticketOf(admission.acquire(aCall({ model: 'a', caller })))
    assert.equal(refusalOf(() => admission.acquire(aCall({ model: 'a', caller }))).facts.scope, 'caller')
  })

  it('is told apart from a full line of the model, and from a lack of memory', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 1 }, maxWaitingBytes: 15 })
    const caller = { ...aCaller('alice'), key: aKey('alice') }
    permitOf(admission.acquire(aCall({ model: 'a' })))
    ticketOf(admission.acquire(aCall({ model: 'a' })))
    assert.equal(refusalOf(() => admission.acquire(aCall({ model: 'a', caller }))).facts.scope, 'model')
    permitOf(admission.acquire(aCall({ model: 'b' })))
    const { facts } = refusalOf(() => admission.acquire(aCall({ model: 'b' })))
    assert.ok(!('scope' in facts))
  })
})

describe('changed limits of callers', () => {
  const wide = { parallel: 3, queue: 10 }

  it('that are higher start calls at once, in all lanes', () => {
    const { admission } = anAdmission({ defaults: { parallel: 2, queue: 10 } })
    permitOf(admission.acquire(one('a')))
    const waiting = ['a', 'b', 'b'].map((model) => ticketOf(admission.acquire(one(model))))
    admission.callersChanged((id) => (id === 'one' ? wide : undefined))
    assert.equal(fates(...waiting), 'granted granted waiting')
    assert.deepEqual([...admission.callers()][0]?.limits, wide)
  })

  it('that are lower let running calls finish, and hold calls that were in line before', () => {
    const { admission } = anAdmission({ defaults: { parallel: 2, queue: 10 } })
    const running = [1, 2].map(() => permitOf(admission.acquire(aCall({ model: 'a' }))))
    const mine = ticketOf(admission.acquire(aCall({ model: 'a' })))
    const others = ticketOf(admission.acquire(aCall({ model: 'a', caller: aCaller('other') })))
    admission.callersChanged((id) => (id === EVERYBODY.id ? { parallel: 1, queue: 10 } : undefined))
    running[0]?.release('done', 0)
    assert.equal(fates(mine, others), 'waiting granted')
    running[1]?.release('done', 0)
    assert.equal(fateOf(mine), 'granted')
  })

  it('count from the newest object on that a call brings', () => {
    const { admission } = anAdmission({ defaults: { parallel: 4, queue: 10 } })
    permitOf(admission.acquire(one('a')))
    const held = ticketOf(admission.acquire(one('a')))
    const third = permitOf(admission.acquire(one('b', { caller: aCaller('one', wide) })))
    assert.equal(fateOf(held), 'granted')
    ticketOf(admission.acquire(one('b')))
    third.release('done', 0)
    assert.deepEqual(callers(admission), [{ id: 'one', active: 2, queued: 1 }])
  })
})

describe('the callers with calls', () => {
  it('are those that have calls now, and none is left after its last call', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 10 } })
    const permit = permitOf(admission.acquire(aCall({ model: 'a' })))
    const ticket = ticketOf(admission.acquire(one('a')))
    const gone = ticketOf(admission.acquire(aCall({ model: 'a', caller: aCaller('gone') })))
    gone.cancel(0)
    assert.throws(() => admission.acquire(aCall({ model: 'a', caller: aCaller('late'), deadline: 0 })))
    assert.deepEqual(callers(admission), [
      { id: 'everybody', active: 1, queued: 0 },
      { id: 'one', active: 0, queued: 1 },
    ])
    permit.release('done', 0)
    assert.deepEqual(callers(admission), [{ id: 'one', active: 1, queued: 0 }])
    grantOf(ticket).release('done', 0)
    assert.deepEqual(callers(admission), [])
  })

  it('are all that is remembered, however many others have called', () => {
    const { admission } = anAdmission({ defaults: { parallel: 1, queue: 0 } })
    permitOf(admission.acquire(aCall({ model: 'a' })))
    for (let index = 0; index < 1_000; index++) {
      const caller = aCaller(`made up ${index}`, { parallel: index % 2, queue: 5 })
      refusalOf(() => admission.acquire(aCall({ model: 'a', caller })))
    }
    const ids: string[] = []
    admission.callersChanged((id) => {
      ids.push(id)
      return undefined
    })
    assert.deepEqual(ids, [EVERYBODY.id])
  })

  it('keep their places and their counts when two names turn out to be one runner', () => {
    const known = new Map<string, { runner: string }>()
    const { admission } = anAdmission({
      defaults: { parallel: 1, queue: 10 },
      runners: { find: (name) => known.get(name), complete: false, opened() {} },
    })
    const first = permitOf(admission.acquire(one('a')))
    const [b, a, other] = [
      ticketOf(admission.acquire(one('b'))),
      ticketOf(admission.acquire(one('a'))),
      ticketOf(admission.acquire(aCall({ model: 'a' }))),
    ]
    for (const name of ['a', 'b']) known.set(name, { runner: 'both' })
    admission.regroup()
    assert.deepEqual(callers(admission), [
      { id: 'one', active: 1, queued: 2 },
      { id: 'everybody', active: 0, queued: 1 },
    ])
    first.release('done', 0)
    assert.equal(fates(b, a, other), 'granted waiting waiting')
    grantOf(b).release('done', 0)
    grantOf(a).release('done', 0)
    grantOf(other).release('done', 0)
    assert.deepEqual(callers(admission), [])
  })
})
