import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { aCollector } from '../support/otlp-collector.ts'
import { until } from '../support/until.ts'
import { aCall, traced } from './support.ts'

/** The SDK's own bounds: 2 048 spans in wait, and one batch of 512 on its way. */
const MOST_SPANS = 2_048 + 512

async function aClosedPort(): Promise<number> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('with a collector that is down calls go on, and stopping takes 2 s at most', async (t) => {
  const port = await aClosedPort()
  const { tracing, clock, warnings } = await traced(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    // One attempt, so that it is over before the clock is moved.
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    OTEL_BSP_SCHEDULE_DELAY: '1',
  })
  assert(tracing)
  tracing.call(aCall())
  await until('the failure is told', () => warnings.length > 0)
  assert.equal(warnings[0]?.message, 'trouble with exporting traces')
  assert.match(String(warnings[0]?.fields.problem), /ECONNREFUSED|refused|Unable to connect/i)
  tracing.call(aCall())
  const stopped = tracing.stop()
  clock.advance(2_000)
  await stopped
})

test('a collector that hangs keeps neither calls nor the end of the process', async (t) => {
  const collector = await aCollector(t, { hangs: true })
  const { tracing, clock, warnings } = await traced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  assert(tracing)
  tracing.call(aCall())
  let over = false
  const stopped = tracing.stop().then(() => {
    over = true
  })
  await until('the collector has the spans', () => collector.requests.length === 1)
  clock.advance(1_999)
  await new Promise(setImmediate)
  assert.equal(over, false)
  clock.advance(1)
  await stopped
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['the last traces were not exported'],
  )
  assert.equal(clock.pending, 0)
  // Or the SDK would try again for its ten seconds.
  collector.release()
})

test('what piles up for a collector that hangs is bounded; the rest is left out', async (t) => {
  const collector = await aCollector(t, { hangs: true })
  const { tracing } = await traced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  assert(tracing)
  for (let at = 0; at < 2_000; at++) tracing.call(aCall())
  await until('the first batch is on its way', () => collector.requests.length === 1)
  collector.release()
  await tracing.stop()
  assert.equal(collector.spans.length, MOST_SPANS)
})

test('a collector that refuses is told to the log once a minute', async (t) => {
  const collector = await aCollector(t, { status: 400 })
  const { tracing, clock, warnings } = await traced(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '1',
  })
  assert(tracing)
  const sendOne = async () => {
    const before = collector.requests.length
    tracing.call(aCall())
    await until('it is on its way', () => collector.requests.length > before)
  }
  await sendOne()
  await sendOne()
  // Batches go one after the other: with the third on its way, both refusals have been told.
  await sendOne()
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['trouble with exporting traces'],
  )
  assert.match(String(warnings[0]?.fields.problem), /400|Bad Request/)
  clock.advance(60_000)
  await sendOne()
  await until('a minute later it is told again', () => warnings.length === 2)
  assert.ok(Number(warnings[1]?.fields.left_out) >= 1)
  await tracing.stop()
})

test('stopping twice is stopping once', async (t) => {
  const collector = await aCollector(t)
  const { tracing } = await traced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  tracing?.call(aCall())
  await Promise.all([tracing?.stop(), tracing?.stop()])
  tracing?.call(aCall())
  assert.equal(collector.requests.length, 1)
})
