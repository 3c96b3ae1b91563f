import type { Clock } from '../clock.ts'
import type { FinishedCall } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import { readSettings, SPOKEN } from './settings.ts'

export interface TracingParts {
  /** The environment of the process: what of OTEL_* is not read here the SDK reads there by itself. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Ollama's address, as the spans of what was sent to it name it. */
  readonly upstreamUrl: string
}

/** Where calls become spans. */
export interface Tracing {
  /** Takes a call that is over. Never throws and waits for nothing. */
  call(finished: FinishedCall): void
  /** Sends what is left, for 2 s at most. Never rejects. */
  stop(): Promise<void>
}

/**
 * Exports a trace of every gated call when the environment names a collector; undefined when it does not, and then
 * nothing of OpenTelemetry is loaded. What cannot be used is told to the log and leaves tracing off.
 */
export async function startTracing(parts: TracingParts): Promise<Tracing | undefined> {
  const { env, log } = parts
  const settings = readSettings(env)
  if (!settings) return undefined
  const { endpoint, problem, unspoken } = settings
  if (problem !== undefined) {
    log.warn('traces are not exported', { problem })
    return undefined
  }
  if (unspoken !== undefined) log.warn(`traces go as ${SPOKEN}, no other protocol is spoken`, { unspoken })
  try {
    const { Spans } = await import('./spans.ts')
    const spans = new Spans(parts)
    log.info('traces are exported', { endpoint })
    return spans
  } catch (error) {
    log.warn('traces are not exported', { error })
    return undefined
  }
}
