import { PROTOCOL, readSettings, type Tracing, type TracingParts } from './settings.ts'

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
