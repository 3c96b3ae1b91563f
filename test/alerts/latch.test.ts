import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Latch } from '../../src/alerts/latch.ts'

/** What it says after each figure, with a threshold of 10 and a release of 8. */
function told(figures: readonly (number | null)[]): boolean[] {
  const latch = new Latch()
  return figures.map((figure) => {
    latch.update(figure, 10, 8)
    return latch.on
  })
}

test('it goes on with the second figure running at the threshold', () => {
  assert.deepEqual(told([10, 10]), [false, true])
  assert.deepEqual(told([10, 9, 10, 10]), [false, false, false, true])
})

test('it goes off with the third figure running below the release', () => {
  assert.deepEqual(told([10, 10, 7, 7, 7]).slice(2), [true, true, false])
  assert.deepEqual(told([10, 10, 7, 7, 8, 7, 7, 7]).slice(2), [true, true, true, true, true, false])
})

test('between the release and the threshold it stays as it is', () => {
  assert.deepEqual(new Set(told([9, 9, 9, 9])), new Set([false]))
  assert.deepEqual(new Set(told([10, 10, 9, 9, 8, 8, 8]).slice(1)), new Set([true]))
})

test('what is not known counts as below', () => {
  assert.deepEqual(told([10, null, 10, 10, null, null, null]), [false, false, false, true, true, true, false])
})

test('no sequence makes it flap faster than two samples up and three down, each change told by the last figures', () => {
  const figure = fc.option(fc.constantFrom(0, 7.99, 8, 9, 9.99, 10, 11), { nil: null })
  fc.assert(
    fc.property(fc.array(figure, { maxLength: 60 }), (figures) => {
      const on = told(figures)
      let changedAt = -1
      for (let i = 0; i < on.length; i++) {
        const before = i > 0 && on[i - 1] === true
        if (on[i] === before) continue
        const last = figures.slice(Math.max(0, i - (before ? 2 : 1)), i + 1)
        assert.ok(last.length === (before ? 3 : 2))
        if (before) assert.ok(last.every((each) => each === null || each < 8))
        else assert.ok(last.every((each) => each !== null && each >= 10))
        assert.ok(i - changedAt >= (before ? 3 : 2))
        changedAt = i
      }
    }),
    { numRuns: 2_000 },
  )
})
