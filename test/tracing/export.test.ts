import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { FinishedCall } from '../../src/relay/contract.ts'
import { aCollector } from '../support/otlp-collector.ts'
import type { CollectedSpan } from '../support/otlp-decode.ts'
import { aCall, traced } from './support.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

/** What a collector has got of these calls once tracing was stopped. */
async function exported(
  t: TestContext,
  calls: readonly Partial<FinishedCall>[],
  env: Readonly<Record<string, string>> = {},
): Promise<CollectedSpan[]> {
  const collector = await aCollector(t)
  const { tracing, warnings } = await traced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env })
  assert(tracing)
  for (const call of calls) tracing.call(aCall(call))
  await tracing.stop()
  assert.deepEqual(warnings, [])
  return collector.spans
}

function named(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name)
  assert.equal(found.length, 1, `one span ${name} among ${spans.map((span) => span.name)}`)
  return found[0] as CollectedSpan
}

test('a call is a server span with its wait and its time at Ollama as children, at the times they had', async (t) => {
  const call = aCall()
  const spans = await exported(t, [{}])
  assert.equal(spans.length, 3)
  const [server, queue, upstream] = [
    named(spans, 'chat llama2'),
    named(spans, 'queue'),
    named(spans, 'upstream'),
  ]
  const after = (span: CollectedSpan) => [span.start - call.startedAt, span.end - call.startedAt]

  assert.deepEqual([server.kind, ...after(server)], ['server', 0, 300])
  assert.deepEqual([queue.kind, ...after(queue)], ['internal', 10, 50])
  assert.deepEqual([upstream.kind, ...after(upstream)], ['client', 50, 300])
  assert.deepEqual(upstream.events, [{ name: 'first_byte', time: call.startedAt + 120 }])

  assert.match(server.traceId, /^(?!0+$)[\da-f]{32}$/)
  assert.match(server.spanId, /^(?!0+$)[\da-f]{16}$/)
  assert.equal(server.parentId, '')
  for (const child of [queue, upstream]) {
    assert.equal(child.traceId, server.traceId)
    assert.equal(child.parentId, server.spanId)
  }
  assert.equal(new Set(spans.map((span) => span.spanId)).size, 3)
})

test('a span says what the call was and what became of it', async (t) => {
  const spans = await exported(t, [{}])
  const server = named(spans, 'chat llama2')
  assert.deepEqual(server.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'ollama',
    'gen_ai.request.model': 'llama2',
    'gen_ai.usage.input_tokens': 26,
    'gen_ai.usage.output_tokens': 87,
    'http.request.method': 'POST',
    'http.route': '/api/chat',
    'http.response.status_code': 200,
    'client.address': '10.0.0.7',
    'ollama_guard.request_id': 'k3f9a1-2',
    'ollama_guard.outcome': 'done',
    'ollama_guard.queue.wait_ms': 40,
  })
  assert.equal(server.status, 'unset')
  assert.equal(server.scope, 'ollama-guard-proxy')
  assert.deepEqual(named(spans, 'upstream').attributes, {
    'server.address': '127.0.0.1',
    'server.port': 11434,
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'ollama_guard.upstream.load_ms': 12.5,
  })
})

test('a refused call is an error without a time at Ollama', async (t) => {
  const refused = {
    outcome: 'refused',
    reason: 'queue_full',
    status: 503,
    waitMs: 0.02,
    firstByteMs: null,
    sentMs: null,
    totalMs: 1,
    tokensIn: null,
    tokensOut: null,
  } as const
  const spans = await exported(t, [refused])
  assert.equal(spans.length, 1)
  const server = named(spans, 'chat llama2')
  assert.equal(server.status, 'error')
  assert.equal(server.attributes['error.type'], 'queue_full')
  assert.equal(server.attributes['ollama_guard.reason'], 'queue_full')
  assert.equal(server.attributes['http.response.status_code'], 503)
  assert.equal('gen_ai.usage.input_tokens' in server.attributes, false)
})

test('a call joins the trace of its client', async (t) => {
  const spans = await exported(t, [{ traceparent: `00-${TRACE}-${CALLER}-01` }])
  const server = named(spans, 'chat llama2')
  assert.equal(server.traceId, TRACE)
  assert.equal(server.parentId, CALLER)
  assert.equal(server.traceState, '')
  assert.equal(named(spans, 'upstream').parentId, server.spanId)
})

test('a header that is not valid begins a trace of its own', async (t) => {
  const spans = await exported(t, [{ traceparent: `00-${'0'.repeat(32)}-${CALLER}-01` }])
  const server = named(spans, 'chat llama2')
  assert.equal(server.parentId, '')
  assert.notEqual(server.traceId, '0'.repeat(32))
})

test('a trace that its client does not sample is not exported', async (t) => {
  const spans = await exported(t, [
    { traceparent: `00-${TRACE}-${CALLER}-00` },
    { model: 'phi3', traceparent: `00-${TRACE}-${CALLER}-01` },
  ])
  assert.deepEqual(
    spans.filter((span) => span.kind === 'server').map((span) => span.name),
    ['chat phi3'],
  )
  assert.equal(spans.length, 3)
})

test("OpenTelemetry's own variables choose what is sampled", async (t) => {
  assert.deepEqual(await exported(t, [{}], { OTEL_TRACES_SAMPLER: 'always_off' }), [])
})

test('the process is named after the proxy unless the environment names it', async (t) => {
  const [plain] = await exported(t, [{}])
  assert.equal(plain?.resource['service.name'], 'ollama-guard-proxy')
  assert.equal(plain?.resource['service.version'], '1.2.3')

  const attributes = 'service.name=other,deployment.environment.name=lab'
  const [labelled] = await exported(t, [{}], { OTEL_RESOURCE_ATTRIBUTES: attributes })
  assert.equal(labelled?.resource['service.name'], 'other')
  assert.equal(labelled?.resource['deployment.environment.name'], 'lab')

  const both = { OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: 'gate-7' }
  const [named] = await exported(t, [{}], both)
  assert.equal(named?.resource['service.name'], 'gate-7')
})

test('spans go to /v1/traces of the endpoint, or to the address for traces as it stands', async (t) => {
  const collector = await aCollector(t)
  const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc' }
  for (const env of [
    { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/otlp`, ...headers },
    {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/in`,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x.invalid',
    },
  ]) {
    const { tracing } = await traced(t, env)
    tracing?.call(aCall())
    await tracing?.stop()
  }
  assert.deepEqual(
    collector.requests.map(({ path, contentType }) => [path, contentType]),
    [
      ['/otlp/v1/traces', 'application/x-protobuf'],
      ['/in', 'application/x-protobuf'],
    ],
  )
  assert.equal(collector.requests[0]?.authorization, 'Basic abc')
})
