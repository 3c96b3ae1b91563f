/** The client's span, from its traceparent header. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

const TRACEPARENT = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/
const SAMPLED = 1

/**
 * Parses a `traceparent` header (https://www.w3.org/TR/trace-context/#traceparent-header). Undefined when the header
 * is not valid; the call then begins its own trace. Later versions of the header may add parts at the end.
 */
export function parseTraceparent(header: string): TraceParent | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(header.trim()) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 }
}
