import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { goDuration, goJson, goMap, goTime, shortestFloat32 } from '../../src/simulator/go-json.ts'

describe('goJson', () => {
  it('escapes what Go escapes for HTML, and the two line separators', () => {
    assert.equal(
      goJson({ a: '<b> & "c" \u2028\u2029 é 😀 \t\u0001' }),
      '{"a":"\\u003cb\\u003e \\u0026 \\"c\\" \\u2028\\u2029 é 😀 \\t\\u0001"}',
    )
  })

  it('keeps the order of a struct and leaves undefined fields out', () => {
    assert.equal(goJson({ b: 1, a: undefined, c: [null, 1.5] }), '{"b":1,"c":[null,1.5]}')
  })

  it('sorts the keys of a map and of the objects inside, and keeps the order of lists', () => {
    assert.equal(
      goJson(goMap({ b: [{ d: 1, c: { f: 1, e: 2 } }, 3], a: null, g: undefined })),
      '{"a":null,"b":[{"c":{"e":2,"f":1},"d":1},3]}',
    )
  })
})

describe('goTime', () => {
  it('writes up to nine digits of a second and cuts the zeros at its end', () => {
    const second = Date.UTC(2026, 7, 21, 18, 48, 22)
    assert.equal(goTime(second), '2026-08-21T18:48:22Z')
    assert.equal(goTime(second + 150), '2026-08-21T18:48:22.15Z')
    assert.equal(goTime(second + 163.5), '2026-08-21T18:48:22.1635Z')
    assert.match(goTime(second + 123.456789), /^2026-08-21T18:48:22\.1234\d{1,5}Z$/)
  })
})

it('goDuration is whole nanoseconds, and undefined for 0', () => {
  assert.equal(goDuration(174.560334), 174_560_334)
  assert.equal(goDuration(0), undefined)
})

it('shortestFloat32 finds the shortest decimal form of a float32', () => {
  assert.equal(shortestFloat32(Math.fround(0.6)), 0.6)
  assert.equal(shortestFloat32(0), 0)
  assert.equal(shortestFloat32(1), 1)
  for (let index = 0; index < 1000; index++) {
    const value = Math.fround(Math.sin(index * 1.7))
    assert.equal(Math.fround(shortestFloat32(value)), value)
    assert.ok(String(shortestFloat32(value)).length <= 13)
  }
})
