import assert from 'node:assert/strict'
import test from 'node:test'
import { readSettings } from '../../src/tracing/settings.ts'
import { traced } from './support.ts'

const OTLP_ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const COLLECTOR = 'http://collector:4318'

test('nobody asks for traces without an endpoint, or where they are switched off', () => {
  for (const env of [
    {},
    { [OTLP_ENDPOINT]: '' },
    { [OTLP_ENDPOINT]: ' ' },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: COLLECTOR },
    { [OTLP_ENDPOINT]: COLLECTOR, OTEL_SDK_DISABLED: 'TRUE' },
    { [OTLP_ENDPOINT]: COLLECTOR, OTEL_TRACES_EXPORTER: 'none' },
  ])
    assert.equal(readSettings(env), undefined, JSON.stringify(env))
})

test('either endpoint will do, and the one for traces is asked first', () => {
  assert.deepEqual(readSettings({ [OTLP_ENDPOINT]: COLLECTOR, OTEL_TRACES_EXPORTER: 'otlp' }), {
    endpoint: `${COLLECTOR}/`,
  })
  assert.deepEqual(
    readSettings({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in',
      [OTLP_ENDPOINT]: COLLECTOR,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    }),
    { endpoint: 'https://traces.example/in' },
  )
})

test('an address that may hold a secret is shown without it', () => {
  const settings = readSettings({ [OTLP_ENDPOINT]: 'https://user:word@traces.example/in?key=word' })
  assert.equal(settings?.endpoint, 'https://traces.example/in')
})

test('another protocol than the one we speak is told, and we speak ours', async (t) => {
  const { tracing, warnings } = await traced(t, {
    [OTLP_ENDPOINT]: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  })
  assert.deepEqual(warnings, [
    { message: 'traces are sent as http/protobuf: this is the only protocol', fields: { unspoken: 'grpc' } },
  ])
  await tracing?.stop()
})

test('an endpoint that is no address is told to the log, and nothing is exported', async (t) => {
  for (const endpoint of ['collector:4317', 'grpc://collector:4317', 'collector']) {
    const { tracing, warnings } = await traced(t, { [OTLP_ENDPOINT]: endpoint })
    assert.equal(tracing, undefined)
    assert.deepEqual(warnings, [
      {
        message: 'traces are not exported',
        fields: { problem: `${OTLP_ENDPOINT} is not an http:// or https:// URL` },
      },
    ])
  }
})
