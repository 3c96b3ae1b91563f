import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { relayHarness } from './support/relay-harness.ts'

/** An upload that passes through, of which `came` bytes are here. */
function anUpload() {
  const house = relayHarness()
  const { client, forwarding, answer } = house.passThrough({
    target: '/api/blobs/x',
    upload: { bytes: 0, heldBack: false },
  })
  return { ...house, client, forwarding, answer }
}

describe('an upload that passes through', () => {
  it('is ended with body_stalled after 30 s without a byte', async () => {
    const { clock, forwarding, answer } = anUpload()
    clock.advance(20_000)
    forwarding.upload = { bytes: 1, heldBack: false }
    clock.advance(29_500)
    assert.equal(forwarding.cut, false)
    clock.advance(1_500)
    assert.equal(forwarding.cut, true)
    assert.equal(await answer, 'body_stalled')
    assert.equal(clock.pending, 0)
  })

  it('goes on for as long as bytes come', () => {
    const { clock, forwarding } = anUpload()
    for (let second = 1; second <= 3_600; second += 20) {
      forwarding.upload = { bytes: second, heldBack: false }
      clock.advance(20_000)
    }
    assert.equal(forwarding.cut, false)
  })

  it('does not stand still while Ollama holds it back', () => {
    const { clock, forwarding } = anUpload()
    forwarding.upload = { bytes: 10, heldBack: true }
    clock.advance(600_000)
    assert.equal(forwarding.cut, false)
    forwarding.upload = { bytes: 10, heldBack: false }
    clock.advance(31_000)
    assert.equal(forwarding.cut, true)
  })

  it('is looked at no more once it is whole, however long Ollama takes', () => {
    const { clock, forwarding } = anUpload()
    forwarding.upload = undefined
    clock.advance(600_000)
    assert.equal(forwarding.cut, false)
    assert.equal(clock.pending, 0)
  })

  it('that stands still ends within moments once a shutdown has begun', () => {
    const { clock, forwarding, relay } = anUpload()
    clock.advance(1_000)
    relay.close()
    clock.advance(2_500)
    assert.equal(forwarding.cut, true)
  })

  it('costs a timer only where there is one', () => {
    const house = relayHarness()
    house.passThrough({ method: 'GET', target: '/api/tags' })
    assert.equal(house.clock.pending, 0)
  })
})
