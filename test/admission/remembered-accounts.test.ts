import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RememberedAccounts } from '../../src/admission/remembered-accounts.ts'

const MINUTE = 60_000

describe('remembered accounts', () => {
  it('are forgotten ten minutes after their last call', () => {
    const forgotten: string[] = []
    const remembered = new RememberedAccounts<string>((account) => forgotten.push(account))
    remembered.add('ana', 0)
    remembered.add('ben', MINUTE)
    remembered.add('cleo', 10 * MINUTE - 1)
    assert.deepEqual(forgotten, [])
    remembered.add('dan', 10 * MINUTE)
    assert.deepEqual(forgotten, ['ana'])
  })

  it('are kept from their last call on', () => {
    const forgotten: string[] = []
    const remembered = new RememberedAccounts<string>((account) => forgotten.push(account))
    remembered.add('ana', 0)
    remembered.add('ana', 9 * MINUTE)
    remembered.add('ben', 12 * MINUTE)
    assert.deepEqual(forgotten, [])
    remembered.delete('ana')
    remembered.add('cleo', 60 * MINUTE)
    assert.deepEqual(forgotten, ['ben'])
  })

  it('are no more than ten thousand, however many callers are made up', () => {
    let forgotten = 0
    const remembered = new RememberedAccounts<number>(() => forgotten++)
    for (let account = 0; account < 10_500; account++) remembered.add(account, 0)
    assert.equal(forgotten, 500)
    remembered.clear()
    assert.equal(forgotten, 10_500)
  })
})
