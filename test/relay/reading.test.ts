import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BODY, leftovers, NOTHING, relayHarness } from './support/relay-harness.ts'

describe('a call that is being read', () => {
  it('is ended with body_stalled after 30 s without a byte', async () => {
    const house = relayHarness({ requestTimeoutMs: 300_000 })
    const { client, result } = house.start({})
    client.sendPart('{"model"')
    house.clock.advance(20_000)
    client.sendPart(':"llama2"')
    house.clock.advance(29_500)
    assert.equal(house.finished.length, 0)
    house.clock.advance(750)
    assert.equal(await result, 'body_stalled')
    assert.deepEqual(leftovers(house), NOTHING)
    assert.deepEqual([house.finished[0]?.outcome, house.finished[0]?.bytesIn], ['refused', 17])
  })

  it('that drips is ended at its deadline', async () => {
    const house = relayHarness({ requestTimeoutMs: 60_000 })
    const { client, result } = house.start({})
    for (let second = 0; second < 60; second += 10) {
      client.sendPart(' ')
      house.clock.advance(10_000)
    }
    house.clock.advance(250)
    assert.equal(await result, 'timeout')
    assert.deepEqual(leftovers(house), NOTHING)
  })

  it('is not stalled once its body is whole, however long it waits', async () => {
    const house = relayHarness({ requestTimeoutMs: 300_000 })
    await house.call()
    const second = await house.call()
    house.clock.advance(100_000)
    assert.deepEqual(house.lane(), { active: 1, queued: 1 })
    second.client.leave()
    assert.equal(await second.result, 'cancelled')
  })

  it('holds bytes beside those that wait, until it has a slot', async () => {
    const house = relayHarness({ maxBodyBytes: 1_000 })
    await house.call()
    await house.call()
    assert.equal(house.admission.waiting.bytes, BODY.length)
    const third = house.start({})
    third.client.sendPart(BODY)
    assert.equal(house.admission.waiting.bytes, 2 * BODY.length)
    third.client.leave()
    await third.result
    assert.equal(house.admission.waiting.bytes, BODY.length)
  })

  it('is refused with queue_full when all bodies together hold too much', async () => {
    const house = relayHarness({ maxBodyBytes: 2e6 })
    const stalled = house.start({})
    stalled.client.sendPart(new Uint8Array(900_000))
    const another = house.start({})
    another.client.sendPart(new Uint8Array(200_000))
    assert.equal(await another.result, 'queue_full')
    assert.deepEqual([house.finished[0]?.outcome, house.finished[0]?.reason], ['refused', 'queue_full'])
    assert.equal(house.admission.waiting.bytes, 900_000)
    stalled.client.leave()
    await stalled.result
    assert.deepEqual(leftovers(house), NOTHING)
  })

  it('is refused when a shutdown begins, and its body is not waited for', async () => {
    const house = relayHarness()
    const { client, result } = house.start({})
    client.sendPart('{"model"')
    house.admission.close()
    house.relay.close()
    assert.equal(await result, 'shutting_down')
    assert.deepEqual(leftovers(house), NOTHING)
  })

  it('is refused when a shutdown begins, although its body is here and only the work on it goes on', async () => {
    const house = relayHarness({ maxBodyBytes: 1_000_000 })
    // Several turns of work.
    const { result } = house.start({ body: `{"model":"llama2","x":[${'1,'.repeat(300_000)}1]}` })
    await house.settle()
    assert.equal(house.admission.waiting.bytes > 0, true)
    house.admission.close()
    house.relay.close()
    house.clock.advance(0)
    await house.settle()
    assert.deepEqual([house.finished[0]?.outcome, house.finished[0]?.reason], ['refused', 'shutting_down'])
    assert.equal(await result, 'shutting_down')
    assert.deepEqual(leftovers(house), NOTHING)
    assert.equal(house.admission.waiting.bytes, 0)
  })

  it('is over when its client leaves while the work on its body goes on', async () => {
    const house = relayHarness({ maxBodyBytes: 1_000_000 })
    const { client, result } = house.start({ body: `{"model":"llama2","x":[${'1,'.repeat(300_000)}1]}` })
    await house.settle()
    client.leave()
    house.clock.advance(0)
    assert.equal(await result, 'client_gone')
    assert.equal(house.finished[0]?.outcome, 'cancelled')
    assert.deepEqual(leftovers(house), NOTHING)
  })

  it('is refused when its body cannot be read for certain, and is not sent', async () => {
    for (const [target, headers, body, code] of [
      [
        '/v1/audio/transcriptions',
        { 'content-type': 'multipart/form-data; boundary=b' },
        'x',
        'invalid_form',
      ],
      ['/v1/responses', { 'content-encoding': 'zstd' }, '\x50\x2a\x4d\x18', 'invalid_request'],
      ['/api/chat', {}, `{"model":"${' '.repeat(70_000)}"}`, 'invalid_request'],
    ] as const) {
      const house = relayHarness({ maxBodyBytes: 1_000_000 })
      const { client, result } = house.start({ target, headers, body })
      assert.equal(await result, code)
      assert.equal(house.finished[0]?.outcome, 'refused')
      assert.equal(client.forwarding, undefined)
      assert.deepEqual(leftovers(house), NOTHING)
    }
  })
})
