import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Waiting } from '../../src/admission/waiting.ts'
import { IncomingBody } from '../../src/relay/incoming-body.ts'
import { readStream } from '../../src/runtimes/fetch/read-stream.ts'
import { ManualClock } from '../support/manual-clock.ts'

const MIB = 2 ** 20

function aBody(maxBytes = 1e9, waiting = new Waiting(1e9)) {
  const clock = new ManualClock()
  return { body: new IncomingBody(maxBytes, waiting, clock), waiting, clock }
}

describe('a body that comes in', () => {
  it('is all of its parts, in their order, whatever their sizes', () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 4_000, max: 9_000 }),
      fc.integer({ min: 400_000, max: 1_200_000 }),
    )
    fc.assert(
      fc.property(fc.array(size, { maxLength: 30 }), (sizes) => {
        const { body } = aBody()
        const parts = sizes.map((length, index) => new Uint8Array(length).fill(index))
        for (const part of parts) assert.equal(body.add(part), undefined)
        assert.deepEqual(Buffer.from(body.whole()), Buffer.concat(parts))
        assert.equal(body.size, Buffer.concat(parts).length)
      }),
    )
  })

  it('of a single part is that part, not a copy', () => {
    const { body } = aBody()
    const part = new Uint8Array(10)
    body.add(part)
    assert.equal(body.whole(), part)
  })

  for (const [what, sizes] of [
    ['one byte at a time', [1]],
    ['in small parts and large ones by turns', [1, 4_096]],
    ['in parts larger than a step', [3 * MIB]],
  ] as const) {
    it(`lies in one buffer with little more than its bytes when it comes ${what}`, () => {
      const { body } = aBody()
      const parts = sizes.map((size) => new Uint8Array(size).fill(7))
      while (body.size < 9 * MIB) for (const part of parts) body.add(part)
      const whole = body.whole()
      assert.equal(whole.length, body.size)
      assert.ok(whole.every((byte) => byte === 7))
      assert.ok(whole.buffer.byteLength < body.size + MIB, `${whole.buffer.byteLength} for ${body.size}`)
    })
  }

  it('that is large is never copied as a whole', () => {
    const { body } = aBody(64 * MIB)
    for (let part = 0; part < 40; part++) body.add(new Uint8Array(MIB).fill(part))
    const whole = body.whole()
    assert.equal(whole.length, 40 * MIB)
    assert.equal(whole.buffer, body.whole().buffer)
    assert.deepEqual(
      Array.from({ length: 40 }, (_, part) => whole[part * MIB + 5]),
      Array.from({ length: 40 }, (_, part) => part),
    )
  })

  it('is refused with the part that makes it too large', () => {
    const { body } = aBody(10)
    assert.equal(body.add(new Uint8Array(10)), undefined)
    assert.equal(body.add(new Uint8Array(1))?.code, 'body_too_large')
  })

  it('is refused as queue_full once all bodies together hold too much, and gives back what it held', () => {
    const waiting = new Waiting(100)
    const first = aBody(1e3, waiting).body
    const second = aBody(1e3, waiting).body
    assert.equal(first.add(new Uint8Array(60)), undefined)
    assert.equal(second.add(new Uint8Array(40)), undefined)
    assert.equal(second.add(new Uint8Array(1))?.code, 'queue_full')
    assert.equal(waiting.bytes, 100)
    second.drop()
    second.drop()
    assert.equal(waiting.bytes, 60)
    assert.equal(first.add(new Uint8Array(40)), undefined)
    first.free()
    assert.equal(waiting.bytes, 0)
  })

  it('that is alone may be larger than all bodies may be together', () => {
    const waiting = new Waiting(100)
    const { body } = aBody(1e3, waiting)
    assert.equal(body.add(new Uint8Array(90)), undefined)
    assert.equal(body.add(new Uint8Array(90)), undefined)
    assert.equal(aBody(1e3, waiting).body.add(new Uint8Array(1))?.code, 'queue_full')
  })

  it('that comes in a stream of tiny parts lets others run now and then', async () => {
    const { body, clock } = aBody()
    const parts = 10_000
    let sent = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(client) {
        if (sent++ < parts) client.enqueue(new Uint8Array(1))
        else client.close()
      },
    })
    const reading = readStream(stream.getReader(), body)
    const seen: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      await new Promise(setImmediate)
      seen.push(body.size)
      clock.advance(0)
    }
    assert.deepEqual(seen, [4_096, 8_192, parts])
    assert.equal((await reading).length, parts)
  })

  it('stalls 30 s after its last part', () => {
    const { body, clock } = aBody()
    const begun = clock.now()
    assert.equal(body.stallsAt, begun + 30_000)
    clock.advance(20_000)
    body.add(new Uint8Array(1))
    assert.equal(body.stallsAt, begun + 50_000)
  })
})
