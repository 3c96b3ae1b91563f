import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JsonText, SharedPages } from '../../src/http/shared-pages.ts'
import { ManualClock } from '../support/manual-clock.ts'

function somePages(tookMs = 0) {
  const clock = new ManualClock()
  const house = { changes: 0 }
  const shared = new SharedPages(clock, () => house.changes)
  let count = 0
  const page = shared.share(() => {
    clock.advance(tookMs)
    return ++count
  })
  return { clock, house, shared, page, made: () => count }
}

describe('a shared page', () => {
  it('is made once in 100 ms, however often somebody asks, and made anew after that', () => {
    const { clock, page, made } = somePages()
    for (let ask = 0; ask < 20_000; ask++) assert.equal(page(), 1)
    clock.advance(99)
    assert.equal(page(), 1)
    clock.advance(1)
    assert.equal(page(), 2)
    clock.advance(3_600_000)
    assert.equal(page(), 3)
    assert.equal(made(), 3)
  })

  it('shows a call at once where making it takes next to nothing', () => {
    const { house, page } = somePages()
    assert.equal(page(), 1)
    house.changes++
    assert.equal(page(), 2)
    assert.equal(page(), 2)
  })

  it('takes a twentieth of the time at most to make, whatever happens meanwhile', () => {
    const { clock, house, page, made } = somePages(2)
    const startedAt = clock.now()
    while (clock.now() < startedAt + 4_000) {
      house.changes++
      page()
      clock.advance(0.5)
    }
    assert.ok(made() >= 90 && made() <= 100, `made ${made()} times, 2 ms each`)
  })

  it('is 100 ms old at most, however long it takes to make', () => {
    const { clock, house, page } = somePages(50)
    page()
    house.changes++
    clock.advance(49)
    assert.equal(page(), 1)
    clock.advance(1)
    assert.equal(page(), 2)
  })

  it('is not taken for slow because it was made slowly once', () => {
    const { clock, house, shared } = somePages()
    const times = [1, 40, 1]
    let count = 0
    const page = shared.share(() => {
      clock.advance(times[count] ?? 1)
      return ++count
    })
    for (let wanted = 1; wanted <= 3; wanted++) {
      house.changes++
      clock.advance(20)
      assert.equal(page(), wanted)
    }
  })

  it('is made anew once an operator changed something', () => {
    const { shared, page } = somePages()
    assert.equal(page(), 1)
    shared.forget()
    assert.equal(page(), 2)
    assert.equal(page(), 2)
  })

  it('is not kept when it cannot be made', async () => {
    const shared = new SharedPages(new ManualClock(), () => 0)
    let ill = true
    const page = shared.share(() => {
      if (ill) throw new Error('ill')
      return 'well'
    })
    const later = shared.share(async () => page())
    assert.throws(page, /ill/)
    await assert.rejects(later(), /ill/)
    ill = false
    assert.equal(page(), 'well')
    assert.equal(await later(), 'well')
  })

  it('that takes long is made once, for all who ask meanwhile', async () => {
    const clock = new ManualClock()
    const shared = new SharedPages(clock, () => 0)
    const ready: (() => void)[] = []
    const page = shared.share(() => new Promise<number>((resolve) => ready.push(() => resolve(ready.length))))
    const first = page()
    clock.advance(5_000)
    assert.equal(page(), first)
    ready[0]?.()
    await first
    void page()
    assert.equal(ready.length, 2)
  })

  it('that was begun before such a change is not given afterwards', () => {
    const shared = new SharedPages(new ManualClock(), () => 0)
    const page = shared.share(() => new Promise<void>(() => {}))
    const before = page()
    shared.forget()
    assert.notEqual(page(), before)
  })

  it('has variants of its own, of which only so many are kept', () => {
    const clock = new ManualClock()
    const made: (string | undefined)[] = []
    const page = new SharedPages(clock, () => 0).shareEach((variant) => {
      made.push(variant)
      return variant
    })
    for (let count = 0; count < 32; count++) page(`${count}`)
    for (let count = 0; count < 32; count++) assert.equal(page(`${count}`), `${count}`)
    assert.equal(made.length, 32)
    page('one more')
    page('31')
    assert.equal(made.length, 33)
    page('0')
    assert.equal(made.length, 34)
  })
})

it('JSON text has its bytes once', () => {
  const page = new JsonText({ a: 'ü' })
  assert.equal(page.text, '{"a":"ü"}')
  assert.equal(page.bytes, page.bytes)
  assert.equal(new TextDecoder().decode(page.bytes), page.text)
})
