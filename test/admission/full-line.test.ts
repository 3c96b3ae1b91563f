import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Call } from '../../src/admission/contract.ts'
import type { LocalTicket } from '../../src/admission/local-ticket.ts'
import { type Caller, NO_LIMITS } from '../../src/callers/caller.ts'
import { aKey } from '../callers/support/builders.ts'
import { aCall, anAdmission, fateOf, permitOf, refusalOf, ticketOf } from './support/builders.ts'

const caller = (id: string): Caller => ({ id, key: undefined, limits: NO_LIMITS })
const [ANA, BEN, CLEO] = [caller('ana'), caller('ben'), caller('cleo')]

/** One slot that is taken, and a line with four places. */
function aFullLine(calls: readonly Partial<Call>[]) {
  const { admission } = anAdmission({ defaults: { parallel: 1, queue: 4 } })
  permitOf(admission.acquire(aCall({ caller: caller('running') })))
  const tickets = calls.map((call) => ticketOf(admission.acquire(aCall(call))))
  return { admission, tickets }
}

const fates = (tickets: readonly LocalTicket[]) => tickets.map(fateOf).join(' ')
const four = (of: Caller) => [1, 2, 3, 4].map(() => ({ caller: of }))

describe('a full line', () => {
  it('takes a caller in whose share of places is smaller, and the newest call of the longest share goes', () => {
    const { admission, tickets } = aFullLine(four(ANA))
    const ben = ticketOf(admission.acquire(aCall({ caller: BEN })))
    assert.equal(fates([...tickets, ben]), 'waiting waiting waiting queue_full waiting')
    assert.equal(admission.model('llama2')?.queued, 4)
  })

  it('refuses where the shares would only change hands', () => {
    const { admission, tickets } = aFullLine([...four(ANA).slice(2), ...four(BEN).slice(2)])
    const cleo = aCall({ caller: CLEO })
    ticketOf(admission.acquire(cleo))
    assert.equal(refusalOf(() => admission.acquire(cleo)).code, 'queue_full')
    assert.equal(refusalOf(() => admission.acquire(aCall({ caller: ANA }))).code, 'queue_full')
    assert.equal(fates(tickets).match(/waiting/g)?.length, 3)
  })

  it('belongs to one caller alone as long as nobody else comes', () => {
    const { admission, tickets } = aFullLine(four(ANA))
    assert.equal(refusalOf(() => admission.acquire(aCall({ caller: ANA }))).code, 'queue_full')
    assert.equal(fates(tickets), 'waiting waiting waiting waiting')
  })

  it('is shared among the people behind one key, too', () => {
    const key = aKey('open-webui', { users: 'open-webui' })
    const webui = { id: key.name, key, limits: key.limits }
    const { admission, tickets } = aFullLine([1, 2, 3, 4].map(() => ({ caller: webui, user: 'ana' })))
    const ben = ticketOf(admission.acquire(aCall({ caller: webui, user: 'ben' })))
    assert.equal(fates([...tickets, ben]), 'waiting waiting waiting queue_full waiting')
    assert.equal(refusalOf(() => admission.acquire(aCall({ caller: webui, user: 'ana' }))).code, 'queue_full')
  })

  it('takes nobody in who is refused for another reason', () => {
    const { admission, tickets } = aFullLine(four(ANA))
    const limits = { ...NO_LIMITS, queue: 0 }
    const refused = refusalOf(() => admission.acquire(aCall({ caller: { ...BEN, limits } })))
    assert.equal(refused.facts.scope, 'caller')
    assert.equal(fates(tickets), 'waiting waiting waiting waiting')
  })

  it('tells whoever gave way when to come back', () => {
    const { admission, tickets } = aFullLine(four(ANA))
    const results: unknown[] = []
    tickets[3]?.onSettled((result) => results.push(result))
    admission.acquire(aCall({ caller: BEN }))
    const [refusal] = results as { code: string; facts: { retryAfterMs: number } }[]
    assert.equal(refusal?.code, 'queue_full')
    assert.ok((refusal?.facts.retryAfterMs ?? 0) >= 1_000)
  })

  it('refuses newcomers in the order of arrival where nothing is shared', () => {
    const { admission, tickets } = aFullLine(four(ANA))
    admission.share({ fair: false, weights: { interactive: 1, normal: 1, batch: 1 }, reserve: 0 })
    assert.equal(refusalOf(() => admission.acquire(aCall({ caller: BEN }))).code, 'queue_full')
    assert.equal(fates(tickets), 'waiting waiting waiting waiting')
  })

  it('takes the place of a call that only loads its model, too', () => {
    const { admission } = anAdmission({
      defaults: { parallel: 1, queue: 4 },
      turns: {
        settings: { ordered: true, maxWaitMs: 120_000, maxSwitching: 0.15, together: [] },
        observer: { loaded() {}, left() {} },
        watch: { pace() {}, look() {} },
      },
    })
    permitOf(admission.acquire(aCall({ caller: caller('running'), model: 'loaded' })))
    const loads = [1, 2, 3, 4].map(() =>
      ticketOf(admission.acquire(aCall({ caller: ANA, slots: 0, work: 'load' }))),
    )
    const ben = ticketOf(admission.acquire(aCall({ caller: BEN })))
    assert.equal(fates([...loads, ben]), 'waiting waiting waiting queue_full waiting')
  })
})
