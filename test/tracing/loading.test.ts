import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'

const tracing = new URL('../../src/tracing/tracing.ts', import.meta.url).href
const clock = new URL('../../src/clock.ts', import.meta.url).href

/** Says how many files of OpenTelemetry a process holds once tracing was started in it. */
const PROGRAM = `
  import { createRequire } from 'node:module'
  const { startTracing } = await import(${JSON.stringify(tracing)})
  const { systemClock } = await import(${JSON.stringify(clock)})
  const log = { info() {}, warn() {} }
  await startTracing({
    env: process.env, version: '0', clock: systemClock, log, upstreamUrl: 'http://127.0.0.1:11434',
  })
  const loaded = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache)
  console.log(loaded.filter((path) => path.includes('@opentelemetry')).length)
`

async function filesLoaded(env: Readonly<Record<string, string>>): Promise<number> {
  const onBun = process.versions.bun !== undefined
  const args = onBun ? ['-e', PROGRAM] : ['--import', 'tsx', '--input-type=module', '-e', PROGRAM]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  return Number(stdout)
}

test('nothing of OpenTelemetry is loaded unless an endpoint is set', async () => {
  assert.equal(await filesLoaded({}), 0)
  // Or the figure would say nothing.
  assert.ok((await filesLoaded({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })) > 20)
})
