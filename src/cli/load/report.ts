import { hundredths } from '../../telemetry/snapshot.ts'
import type { Distribution, Tally, TimeSpread } from './tally.ts'

/** When the 99th percentile of lateness is higher, the load was not the requested load. */
const TOO_LATE_MS = 25

/** The requested load, and how long the run took. */
export interface RunFacts {
  readonly url: string
  readonly route: string
  readonly models: readonly string[]
  readonly stream: boolean
  /** Null when a trace was replayed. */
  readonly seed: number | null
  readonly trace: string | null
  /** From the start to the end of sending. */
  readonly sendingMs: number
  /** From the start to the end of the last call. */
  readonly wholeMs: number
  readonly interrupted: boolean
}

export type Report = ReturnType<typeof reportOf>

/** The report that `--json` prints. */
export function reportOf(tally: Tally, facts: RunFacts) {
  const { sendingMs, wholeMs, ...asked } = facts
  const { count } = tally
  const late = spread(tally.late)
  return {
    ...asked,
    sending_seconds: hundredths(sendingMs / 1_000),
    whole_seconds: hundredths(wholeMs / 1_000),
    arrivals: tally.arrivals,
    sent: tally.sent,
    not_sent: tally.notSent,
    answered: count.answered,
    refused: { total: count.refused, by: byCount(tally.refusals) },
    timed_out: count.timed_out,
    failed: { total: count.failed, by: byCount(tally.failures) },
    aborted: count.aborted,
    arrivals_per_second: perSecond(tally.arrivals, sendingMs),
    sent_per_second: perSecond(tally.sent, sendingMs),
    first_byte_ms: spread(tally.firstByte),
    total_ms: spread(tally.total),
    refusal_ms: spread(tally.refusal),
    token_gap_ms: spread(tally.gap),
    tokens_out: tally.tokens,
    tokens_per_second: perSecond(tally.tokens, wholeMs),
    late_ms: late,
    kept_rate: tally.notSent === 0 && (late === null || late.p99 <= TOO_LATE_MS),
  }
}

function spread(distribution: Distribution): TimeSpread | null {
  const read = distribution.read()
  if (!read) return null
  const { p50, p95, p99, max } = read
  return { p50: hundredths(p50), p95: hundredths(p95), p99: hundredths(p99), max: hundredths(max) }
}

function perSecond(count: number, ms: number): number {
  return ms > 0 ? hundredths((count * 1_000) / ms) : 0
}

function byCount(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a))
}
