import assert from 'node:assert/strict'
import test from 'node:test'
import { ThrottledDiagLogger } from '../../src/tracing/diag-logger.ts'
import { ManualClock } from '../support/manual-clock.ts'

function aListener() {
  const clock = new ManualClock()
  const lines: unknown[] = []
  const warn = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push({ message, ...fields })
  return { clock, lines, logger: new ThrottledDiagLogger(clock, { warn }) }
}

const line = (problem: string) => ({ message: 'trouble with exporting traces', problem })

test('one line a minute, and the next one counts what was left out', () => {
  const { clock, lines, logger } = aListener()
  logger.error('first')
  clock.advance(59_999)
  logger.error('second')
  logger.warn('third')
  assert.deepEqual(lines, [line('first')])
  clock.advance(1)
  logger.warn('fourth')
  assert.deepEqual(lines, [line('first'), { ...line('fourth'), left_out: 2 }])
  clock.advance(60_000)
  logger.warn('fifth')
  assert.deepEqual(lines.at(-1), line('fifth'))
})

test('an error is told in short, without its stack', () => {
  const { lines, logger } = aListener()
  const error = { stack: 'Error: x\n at y', message: 'connect ECONNREFUSED ::1:4318', name: 'Error' }
  logger.error(JSON.stringify(error))
  assert.deepEqual(lines, [line('connect ECONNREFUSED ::1:4318')])
})

test('an error without words is told by its code', () => {
  const { lines, logger } = aListener()
  logger.error(JSON.stringify({ stack: 'AggregateError', message: '', code: 'ECONNREFUSED' }))
  assert.deepEqual(lines, [line('ECONNREFUSED')])
})

test('text that only begins like JSON is told as it is, and cut', () => {
  const { lines, logger } = aListener()
  logger.warn('{', new Error('why'), 7, 'x'.repeat(1_000))
  assert.deepEqual(lines, [line(`{ why 7 ${'x'.repeat(1_000)}`.slice(0, 300))])
})
