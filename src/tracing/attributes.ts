import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions'
import { gatedRoute } from '../ollama/routes.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { meantStatus } from '../relay/meant-status.ts'

/** `chat llama2`; only the operation for a call without a model. */
export function spanName({ path, model }: Pick<FinishedCall, 'path' | 'model'>): string {
  const operation = gatedRoute(path)?.operation ?? `POST ${path}`
  return model === null ? operation : `${operation} ${model}`
}

/**
 * The error.type of a call; undefined where there was no error. As for every HTTP server, what a client does (leaves,
 * sends too much, asks for an unknown model) is not an error of the server.
 */
export function errorTypeOf(
  call: Pick<FinishedCall, 'outcome' | 'reason' | 'status' | 'lateStatus' | 'firstByteMs'>,
): string | undefined {
  const { outcome, reason, firstByteMs } = call
  const status = meantStatus(call)
  if (outcome === 'timed_out') return 'timeout'
  if (outcome === 'refused') return reason ?? undefined
  if (outcome !== 'failed') return undefined
  if (firstByteMs === null) return status === 500 ? 'internal_error' : 'upstream_error'
  return status >= 500 ? String(status) : 'upstream_error'
}

/** The error.type of the request to Ollama. As for every HTTP client, an answer of 400 and above is an error. */
export function upstreamErrorTypeOf(call: FinishedCall): string | undefined {
  const status = meantStatus(call)
  return call.firstByteMs !== null && status >= 400 ? String(status) : errorTypeOf(call)
}

export function callAttributes(call: FinishedCall): Attributes {
  return {
    'gen_ai.operation.name': gatedRoute(call.path)?.operation,
    'gen_ai.provider.name': 'ollama',
    'gen_ai.request.model': call.model ?? undefined,
    'gen_ai.usage.input_tokens': call.tokensIn ?? undefined,
    'gen_ai.usage.output_tokens': call.tokensOut ?? undefined,
    [ATTR_HTTP_REQUEST_METHOD]: 'POST',
    [ATTR_HTTP_ROUTE]: call.path,
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: call.status > 0 ? call.status : undefined,
    [ATTR_CLIENT_ADDRESS]: call.client,
    [ATTR_ERROR_TYPE]: errorTypeOf(call),
    'ollama_guard.request_id': call.requestId,
    'ollama_guard.outcome': call.outcome,
    'ollama_guard.reason': call.reason ?? undefined,
    'ollama_guard.queue.wait_ms': call.waitMs,
  }
}

export function upstreamAttributes(call: FinishedCall, server: Attributes): Attributes {
  return {
    ...server,
    [ATTR_HTTP_REQUEST_METHOD]: 'POST',
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: call.firstByteMs === null ? undefined : meantStatus(call),
    [ATTR_ERROR_TYPE]: upstreamErrorTypeOf(call),
    'ollama_guard.upstream.load_ms': call.loadMs > 0 ? call.loadMs : undefined,
  }
}

/** `url`: a valid http or https URL. */
export function serverAttributes(url: string): Attributes {
  const { hostname, port, protocol } = new URL(url)
  return {
    // The attribute holds an IPv6 address without the brackets of a URL.
    [ATTR_SERVER_ADDRESS]: hostname.replace(/^\[|\]$/g, ''),
    [ATTR_SERVER_PORT]: Number(port) || (protocol === 'https:' ? 443 : 80),
  }
}
