import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Accounts } from '../../src/admission/accounts.ts'
import type { CallerAccount } from '../../src/admission/caller-account.ts'
import type { Call } from '../../src/admission/contract.ts'
import { FairLine } from '../../src/admission/fair/fair-line.ts'
import { owedOver, remember } from '../../src/admission/fair/owed.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { type CallClass, type Caller, NO_LIMITS } from '../../src/callers/caller.ts'
import { aCall } from './support/builders.ts'

const MEAN = { meanMs: 1_000 }

interface Member {
  readonly waiting: boolean
  readonly number: number
  readonly account: CallerAccount
  readonly call: Call
}

let number = 0

/** Two lines of one machine, with the same callers. */
function aMachine(settings = FAIR) {
  const accounts = new Accounts({ fairness: settings, opens() {} })
  const line = () =>
    new FairLine<Member>({ lineMoved() {}, isReserved: () => false, estimate: MEAN }, accounts)
  const [loaded, absent] = [line(), line()]
  return {
    loaded,
    absent,
    joins(to: FairLine<Member>, id: string, asked: CallClass = 'normal', weight = 1) {
      const caller: Caller = { id, key: undefined, limits: { ...NO_LIMITS, weight } }
      const account = accounts.of(caller, 0)
      const member = { waiting: true, number: ++number, account, call: aCall({ caller, class: asked }) }
      account.joined()
      to.join(member)
      if (to === absent) remember(absent, member, [loaded, absent])
    },
    serves(from: FairLine<Member>, times: number) {
      for (let i = 0; i < times; i++) {
        from.first()
        const { account, call } = from.takeFirst() ?? assert.fail('nobody waits')
        account.began()
        const charged = { part: undefined, share: undefined, person: undefined, predicted: 0 }
        from.served({ call, slots: 1, account, ...charged }, MEAN.meanMs, true)
        account.left(0)
      }
    },
  }
}

describe('a caller that waits for a runner that is not loaded', () => {
  it('is owed what others have been served meanwhile, in calls', () => {
    const machine = aMachine()
    const { loaded, absent } = machine
    for (let i = 0; i < 20; i++) machine.joins(loaded, 'flooder')
    machine.serves(loaded, 5)
    machine.joins(absent, 'quiet')
    assert.equal(owedOver(absent, loaded, MEAN), 0)
    machine.serves(loaded, 3)
    assert.equal(owedOver(absent, loaded, MEAN), 3)
  })

  it('is owed by its weight and its class', () => {
    const heavy = aMachine()
    for (let i = 0; i < 20; i++) heavy.joins(heavy.loaded, 'flooder')
    heavy.serves(heavy.loaded, 1)
    heavy.joins(heavy.absent, 'quiet', 'normal', 4)
    heavy.serves(heavy.loaded, 2)
    assert.equal(owedOver(heavy.absent, heavy.loaded, MEAN), 8)
    const urgent = aMachine()
    for (let i = 0; i < 20; i++) urgent.joins(urgent.loaded, 'flooder', 'batch')
    urgent.serves(urgent.loaded, 1)
    urgent.joins(urgent.absent, 'quiet', 'interactive')
    urgent.serves(urgent.loaded, 2)
    assert.equal(owedOver(urgent.absent, urgent.loaded, MEAN), 16)
  })

  it('is owed nothing by itself', () => {
    const machine = aMachine()
    for (let i = 0; i < 20; i++) machine.joins(machine.loaded, 'flooder')
    machine.serves(machine.loaded, 4)
    machine.joins(machine.absent, 'flooder')
    machine.serves(machine.loaded, 6)
    assert.ok(owedOver(machine.absent, machine.loaded, MEAN) <= 1)
  })

  it('is owed little where many others are served in turn', () => {
    const machine = aMachine()
    for (let i = 0; i < 40; i++) machine.joins(machine.loaded, `caller ${i % 10}`)
    machine.serves(machine.loaded, 10)
    machine.joins(machine.absent, 'quiet')
    machine.serves(machine.loaded, 10)
    assert.ok(owedOver(machine.absent, machine.loaded, MEAN) <= 1)
    machine.serves(machine.loaded, 20)
    assert.ok(owedOver(machine.absent, machine.loaded, MEAN) >= 2)
  })

  it('begins anew once it is served, and when its own runner has left', () => {
    const machine = aMachine()
    const { loaded, absent } = machine
    for (let i = 0; i < 20; i++) machine.joins(loaded, 'flooder')
    for (let i = 0; i < 20; i++) machine.joins(absent, 'other')
    machine.serves(loaded, 5)
    assert.ok(owedOver(absent, loaded, MEAN) >= 4)
    // Now the other runner has the machine.
    machine.serves(absent, 3)
    assert.ok(owedOver(loaded, absent, MEAN) <= 0)
    machine.serves(absent, 4)
    assert.ok(owedOver(loaded, absent, MEAN) >= 3)
    assert.ok(owedOver(absent, loaded, MEAN) <= 0)
  })

  it('is owed nothing where nothing is shared', () => {
    const machine = aMachine({ ...FAIR, fair: false })
    for (let i = 0; i < 20; i++) machine.joins(machine.loaded, 'flooder')
    machine.joins(machine.absent, 'quiet')
    machine.serves(machine.loaded, 10)
    assert.equal(owedOver(machine.absent, machine.loaded, MEAN), Number.NEGATIVE_INFINITY)
  })
})
