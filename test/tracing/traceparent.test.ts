import assert from 'node:assert/strict'
import test from 'node:test'
import { parseTraceparent } from '../../src/tracing/traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('a header names the trace, the span and whether it is sampled', () => {
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), {
    traceId: TRACE,
    spanId: SPAN,
    sampled: true,
  })
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled, false)
})

test('only one of the flags says that it is sampled', () => {
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.sampled, false)
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.sampled, true)
})

test('a version to come is read as far as it is known', () => {
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-more`)?.spanId, SPAN)
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.spanId, SPAN)
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01.more`), undefined)
})

test('anything else is no place in a trace', () => {
  for (const header of [
    '',
    'x',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01-`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    // Two headers that became one.
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ])
    assert.equal(parseTraceparent(header), undefined, header)
})
