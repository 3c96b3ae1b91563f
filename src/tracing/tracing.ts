import type { Clock } from '../clock.ts'
import type { FinishedCall } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import { PROTOCOL, readSettings } from './settings.ts'

export interface TracingParts {
  /** The environment of the process. The SDK itself reads further OTEL_* variables from the process. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Ollama's address, for the attributes of the spans `upstream`. */
  readonly upstreamUrl: string
}

/** Makes spans of calls. */
export interface Tracing {
  /** Takes a finished call. Never throws and waits for nothing. */
  call(finished: FinishedCall): void
  /** Sends the remaining spans, for 2 s at most. Never rejects. */
  stop(): Promise<void>
}

/**
 * Exports a trace of every gated call when the environment names a collector. Undefined without a collector: then
 * nothing of OpenTelemetry is loaded. An address that cannot be used is logged, and tracing stays off.
 */
export async function startTracing(parts: TracingParts): Promise<Tracing | undefined> {
  const { env, log } = parts
  const settings = readSettings(env)
  if (!settings) return undefined
  const { endpoint, problem, unsupportedProtocol } = settings
  if (problem !== undefined) {
    log.warn('traces are not exported', { problem })
    return undefined
  }
  if (unsupportedProtocol !== undefined)
    log.warn(`traces are sent as ${PROTOCOL}: this is the only protocol`, { unspoken: unsupportedProtocol })
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
