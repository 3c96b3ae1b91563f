import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { callLimits } from '../../src/config/call-limits.ts'
import { leftovers, NOTHING, type RelayHarness, relayHarness } from './support/relay-harness.ts'

const LIMITS = {
  request_timeout: 10,
  first_byte_timeout: undefined,
  stream_idle_timeout: 2,
  max_body_size: 1_000,
}

let house: RelayHarness
const open = (first_byte_timeout: number | undefined) => {
  house = relayHarness(callLimits({ ...LIMITS, first_byte_timeout }))
  return house
}
afterEach(() => assert.deepEqual(leftovers(house), NOTHING))

/** A call that gets its slot after `waitedMs` in line. */
async function aServedCall({ call, clock, settle }: RelayHarness, waitedMs: number) {
  const first = await call()
  const second = await call()
  clock.advance(waitedMs)
  first.client.forwarding?.begin().end()
  await settle()
  assert.notEqual(second.client.forwarding, undefined)
  return second
}

const isOver = async ({ settle }: RelayHarness, result: Promise<string>) =>
  Promise.race([result, settle().then(() => 'under way')])

describe('first_byte_timeout', () => {
  it('unset leaves the first byte to request_timeout, time in line included', async () => {
    const house = open(undefined)
    const { result } = await aServedCall(house, 9_000)
    house.clock.advance(999)
    assert.equal(await isOver(house, result), 'under way')
    house.clock.advance(1 + 250)
    assert.equal(await result, 'timeout')
    assert.deepEqual(house.released, ['done', 'timed_out'])
  })

  it('set begins anew when Ollama gets the call', async () => {
    const house = open(20)
    const { result, client } = await aServedCall(house, 9_000)
    house.clock.advance(19_999)
    assert.equal(await isOver(house, result), 'under way')
    house.clock.advance(1 + 250)
    assert.equal(await result, 'timeout')
    assert.equal(client.forwarding?.cut, true)
    assert.deepEqual(house.released, ['done', 'timed_out'])
    // Past the line: no refusal of admission, so no Retry-After.
    assert.equal(house.finished.at(-1)?.reason, null)
  })

  it('may be shorter than request_timeout', async () => {
    const house = open(1)
    const { result } = await house.call()
    house.clock.advance(1_250)
    assert.equal(await result, 'timeout')
  })

  it('0 lets Ollama be silent for ever, and a client still leaves at once', async () => {
    const house = open(0)
    const { result, client } = await aServedCall(house, 9_000)
    house.clock.advance(86_400_000)
    assert.equal(await isOver(house, result), 'under way')
    client.leave()
    assert.equal(await result, 'client_gone')
  })

  it('leaves the time in line to request_timeout', async () => {
    for (const seconds of [0, 60]) {
      const house = open(seconds)
      const first = await house.call()
      const second = await house.call()
      house.clock.advance(10_250)
      assert.equal(await second.result, 'timeout')
      assert.equal(house.finished.at(-1)?.reason, 'timeout')
      first.client.leave()
      await first.result
    }
  })

  it('leaves the reading of the body to request_timeout', async () => {
    const house = open(60)
    const { result } = house.start({})
    await house.settle()
    house.clock.advance(10_250)
    assert.equal(await result, 'timeout')
  })

  it('counts to the first byte alone: stream_idle_timeout takes over from there', async () => {
    const house = open(60)
    const { result, client } = await house.call()
    house.clock.advance(30_000)
    client.forwarding?.begin()
    assert.equal(await result, '200')
    house.clock.advance(2_250)
    assert.equal(client.forwarding?.cut, true)
  })

  it('has no say in the early refusal, which goes by the limit for the line', async () => {
    const house = open(600)
    // Eight calls of 6 s each: two of them in line would take 12 s, longer than request_timeout.
    for (let served = 0; served < 8; served++) {
      const { client } = await house.call()
      house.clock.advance(6_000)
      client.forwarding?.begin().end()
      await house.settle()
    }
    const running = await house.call()
    const waiting = await house.call()
    const refused = await house.call()
    assert.equal(await refused.result, 'queue_full')
    waiting.client.leave()
    running.client.leave()
    await Promise.all([waiting.result, running.result])
  })
})
