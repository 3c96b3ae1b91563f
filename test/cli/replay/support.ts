import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { FinishedCall } from '../../../src/relay/contract.ts'
import { formatJson } from '../../../src/telemetry/call-log.ts'

export const START = Date.UTC(2026, 0, 1)

/** A call that was over `at` milliseconds after the start, as the proxy knows it. */
export function aFinishedCall({
  at = 0,
  ...parts
}: Partial<FinishedCall> & { at?: number } = {}): FinishedCall {
  const { totalMs = 1_000 } = parts
  return {
    ...{ requestId: 'r', client: '127.0.0.1', caller: 'alice', key: null, user: null, class: 'normal' },
    ...{ path: '/api/chat', model: 'llama2', outcome: 'done', reason: null, status: 200 },
    ...{ startedAt: START + at - totalMs, waitMs: 0, parts: null, firstByteMs: 100, sentMs: 0, totalMs },
    ...{
      slots: 1,
      slotMs: 0,
      loadMs: 1,
      bytesIn: 100,
      bytesOut: 100,
      tokensIn: 1,
      tokensOut: 1,
      numCtx: null,
      signsMs: null,
      lateStatus: null,
    },
    traceparent: null,
    ...parts,
  }
}

/** The line that the proxy writes for the call. */
export function lineOf(call: FinishedCall): string {
  return formatJson({
    ...{ category: [], level: 'info', message: [], rawMessage: 'call', properties: { call } },
    timestamp: call.startedAt + call.totalMs,
  })
}

/** Files in a folder that is gone after the test. Returns the paths. */
export function filesWith(t: TestContext, ...texts: readonly (string | Uint8Array)[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'guard-replay-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return texts.map((text, index) => {
    const path = join(dir, `${index}.log`)
    writeFileSync(path, text)
    return path
  })
}
