import type { TestContext } from 'node:test'
import type { FinishedCall } from '../../src/relay/contract.ts'
import type { Tracing } from '../../src/tracing/settings.ts'
import { startTracing } from '../../src/tracing/tracing.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** Long after this machine was started: OpenTelemetry takes small numbers for times since then. */
const ARRIVAL = Date.UTC(2026, 0, 1)

/** A chat that waited 40 of its 300 ms, was sent after 50 and had its first byte at 120. */
export function aCall(changes: Partial<FinishedCall> = {}): FinishedCall {
  return {
    requestId: 'k3f9a1-2',
    client: '10.0.0.7',
    caller: '192.0.2.7',
    key: null,
    user: null,
    class: 'normal',
    path: '/api/chat',
    model: 'llama2',
    outcome: 'done',
    reason: null,
    status: 200,
    signsMs: null,
    lateStatus: null,
    startedAt: ARRIVAL,
    waitMs: 40,
    firstByteMs: 120,
    sentMs: 50,
    totalMs: 300,
    slots: 0,
    slotMs: 0,
    numCtx: null,
    loadMs: 12.5,
    bytesIn: 512,
    bytesOut: 10_240,
    tokensIn: 26,
    tokensOut: 87,
    parts: 88,
    traceparent: null,
    ...changes,
  }
}

export interface Traced {
  readonly tracing: Tracing | undefined
  readonly clock: ManualClock
  /** Warnings so far, and what was said with them. */
  readonly warnings: { message: string; fields: Readonly<Record<string, unknown>> }[]
}

/** Tracing with these variables in the environment of the process, where the SDK looks for them too. */
export async function traced(t: TestContext, env: Readonly<Record<string, string>>): Promise<Traced> {
  const before = Object.keys(env).map((key) => [key, process.env[key]] as const)
  Object.assign(process.env, env)
  t.after(() => {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  })
  const clock = new ManualClock()
  const warnings: Traced['warnings'] = []
  const log = {
    info() {},
    warn: (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void warnings.push({ message, fields }),
  }
  const tracing = await startTracing({
    env,
    version: '1.2.3',
    clock,
    log,
    upstreamUrl: 'http://127.0.0.1:11434',
  })
  return { tracing, clock, warnings }
}
