import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientRequest, Requester } from '../../src/relay/contract.ts'
import { type KeyedCall, QueueKeys } from '../../src/relay/queue-keys.ts'
import { ANYBODY } from '../support/anybody.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'

type Headers = Readonly<Record<string, string>>

/** A call that counts how often its state is asked for, and that does not leave its place when it is ended. */
class CountedCall implements KeyedCall {
  readonly record: KeyedCall['record']
  sent = false
  ended = 0
  looks = 0

  constructor(headers: Headers, requester: Requester = ANYBODY) {
    const request: ClientRequest = new ScriptedRequest({ headers })
    const look = () => {
      this.looks++
      return this.sent
    }
    this.record = {
      request,
      requester,
      get sent() {
        return look()
      },
    }
  }

  cancel(): void {
    this.ended++
  }
}

const KEY = { 'x-queue-key': 'document-1' }
const ENDS_RUNNING = { ...KEY, 'x-queue-key-running': 'cancel' }

function arrive(keys: QueueKeys, headers: Headers = KEY, requester?: Requester) {
  const call = new CountedCall(headers, requester)
  const place = keys.enter(call)
  assert.ok(place)
  return { call, place }
}

describe('queue keys', () => {
  it('are kept for no longer than their calls live, and never for calls without one', () => {
    const keys = new QueueKeys()
    for (const headers of [{}, { 'x-queue-key': '' }, { 'x-queue-key-running': 'cancel' }])
      assert.equal(keys.enter(new CountedCall(headers)), undefined)
    const places = Array.from({ length: 100 }, (_, index) =>
      arrive(keys, { 'x-queue-key': `document-${index % 50}` }),
    )
    assert.equal(keys.size, 50)
    for (const { place } of places) place.endOlder()
    for (const { place } of places) place.leave()
    assert.equal(keys.size, 0)
  })

  it('stay with the newer calls when an ended call leaves late', () => {
    const keys = new QueueKeys()
    const late = arrive(keys)
    const newer = arrive(keys)
    newer.place.endOlder()
    newer.place.leave()
    const third = arrive(keys)
    late.place.leave()
    assert.equal(keys.size, 1)
    const fourth = arrive(keys)
    assert.equal(fourth.place.endOlder(), true)
    assert.deepEqual([late.call.ended, third.call.ended], [1, 1])
  })

  it('cost the same for each call of a long chain, whether the calls wait or run', () => {
    const keys = new QueueKeys()
    const waiting = Array.from({ length: 1_000 }, () => {
      const one = arrive(keys)
      one.place.endOlder()
      return one
    })
    assert.equal(waiting.filter(({ call }) => call.ended === 1).length, 999)
    const running = Array.from({ length: 1_000 }, () => {
      const one = arrive(keys)
      one.place.endOlder()
      one.call.sent = true
      return one
    })
    assert.ok([...waiting, ...running].every(({ call }) => call.looks <= 1))
    assert.ok(running.every(({ call }) => call.ended === 0))
    assert.equal(arrive(keys, ENDS_RUNNING).place.endOlder(), true)
    assert.ok(running.every(({ call }) => call.ended === 1 && call.looks <= 1))
  })

  it('cost the same for each call when thousands arrive before the first is read', () => {
    const keys = new QueueKeys()
    const all = Array.from({ length: 1_000 }, () => arrive(keys))
    // The newest was read first: all others end, each once. They would be asked for no more.
    assert.equal(all.at(-1)?.place.endOlder(), true)
    assert.equal(all.filter(({ call }) => call.ended === 1).length, 999)
    assert.equal(all.at(-1)?.call.ended, 0)
    assert.ok(all.every(({ call }) => call.looks <= 1))
  })

  it('end no call that arrived later', () => {
    const keys = new QueueKeys()
    const older = arrive(keys)
    const newer = arrive(keys)
    assert.equal(older.place.endOlder(), false)
    assert.equal(newer.call.ended, 0)
    assert.equal(newer.place.endOlder(), true)
    assert.equal(older.call.ended, 1)
  })

  it('end nothing in a shutdown', () => {
    const keys = new QueueKeys()
    const older = arrive(keys)
    const newer = arrive(keys, ENDS_RUNNING)
    keys.close()
    assert.equal(newer.place.endOlder(), false)
    assert.equal(older.call.ended, 0)
  })

  it('that are too long, and words for running calls other than cancel, are refused', () => {
    const keys = new QueueKeys()
    const running = (value: string) => ({ ...KEY, 'x-queue-key-running': value })
    for (const headers of [{ 'x-queue-key': 'k'.repeat(201) }, running('yes'), running('cancel, cancel')])
      assert.throws(() => keys.enter(new CountedCall(headers)), {
        code: 'invalid_request',
        about: 'queue_key',
      })
    assert.equal(keys.size, 0)
    for (const headers of [{ 'x-queue-key': 'k'.repeat(200) }, running(''), running('Cancel')])
      arrive(keys, headers)
  })

  it('are told apart whatever is in them', () => {
    const keys = new QueueKeys()
    const of = (id: string, user: string | undefined): Requester => ({
      ...ANYBODY,
      caller: { ...ANYBODY.caller, id },
      user,
    })
    const requesters = [of('a', undefined), of('a', ''), of('a', 'null'), of('a","b', 'c'), of('a', 'b","c')]
    for (const requester of requesters)
      for (const key of ['k', 'c', '__proto__', '"', 'k,k']) arrive(keys, { 'x-queue-key': key }, requester)
    assert.equal(keys.size, requesters.length * 5)
  })
})
