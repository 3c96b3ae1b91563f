import { type Dialect as OllamaDialect, dialectOf as ollamaDialectOf } from '../ollama/routes.ts'
import type { ProblemCode } from './problem.ts'

/** The three shapes in which clients of Ollama understand an error, and that of our own pages. */
export type Dialect = OllamaDialect | 'own'

export type ErrorCode =
  | 'queue_full'
  | 'timeout'
  | 'upstream_error'
  | 'body_too_large'
  | 'body_stalled'
  | 'invalid_form'
  | 'cancelled'
  | 'internal_error'
  | ProblemCode

export interface ErrorFacts {
  readonly code: ErrorCode
  readonly message: string
  readonly model?: string | undefined
  /** Whole milliseconds. */
  readonly estimatedWaitMs?: number | undefined
  /** More for the body of our own pages. */
  readonly fields?: Readonly<Record<string, unknown>>
}

export const STATUS: Readonly<Record<ErrorCode, number>> = {
  queue_full: 503,
  timeout: 504,
  upstream_error: 502,
  body_too_large: 413,
  body_stalled: 408,
  invalid_form: 400,
  invalid_target: 400,
  too_many_attempts: 429,
  shutting_down: 503,
  // Google's canonical mapping of CANCELLED, after nginx; no client takes it for a reason to come back.
  cancelled: 499,
  internal_error: 500,
  unauthorized: 401,
  forbidden: 403,
  model_not_found: 404,
  stats_disabled: 404,
  invalid_request: 400,
  invalid_config: 400,
  request_not_found: 404,
  too_many_listeners: 503,
  not_found: 404,
  method_not_allowed: 405,
}

const ANTHROPIC_TYPE: Readonly<Record<ErrorCode, string>> = {
  queue_full: 'overloaded_error',
  timeout: 'timeout_error',
  upstream_error: 'api_error',
  body_too_large: 'request_too_large',
  body_stalled: 'timeout_error',
  invalid_form: 'invalid_request_error',
  invalid_target: 'invalid_request_error',
  too_many_attempts: 'rate_limit_error',
  shutting_down: 'overloaded_error',
  cancelled: 'api_error',
  internal_error: 'api_error',
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  model_not_found: 'not_found_error',
  stats_disabled: 'not_found_error',
  invalid_request: 'invalid_request_error',
  invalid_config: 'invalid_request_error',
  request_not_found: 'not_found_error',
  too_many_listeners: 'overloaded_error',
  not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
}

/** Ours, and never Ollama's. */
const OWN_PAGES = /^\/(?:health|queue|config|admin|metrics|dashboard)(?:\/|$)/

/** `path`: decoded, without query. */
export function dialectOf(path: string): Dialect {
  return OWN_PAGES.test(path) ? 'own' : ollamaDialectOf(path)
}

/** The body of an error answer, before it is written as JSON. */
export function errorBody(dialect: Dialect, facts: ErrorFacts): Record<string, unknown> {
  switch (dialect) {
    case 'ollama': {
      const { code, message } = facts
      // Clients of Ollama show `error` to their user, and nothing else.
      return { error: `${code}: ${message}`, code, message, ...more(facts) }
    }
    case 'own':
      return { error: facts.code, message: facts.message, ...more(facts) }
    case 'openai':
      return { error: openAiError(facts) }
    case 'anthropic':
      return { ...anthropicError(facts), request_id: newRequestId() }
  }
}

/** The same as the last event of a stream, which has no status and no request id of its own. */
export function errorEvent(dialect: 'openai' | 'anthropic', facts: ErrorFacts): string {
  if (dialect === 'openai') return `data: ${JSON.stringify({ error: openAiError(facts) })}\n\n`
  return `event: error\ndata: ${JSON.stringify(anthropicError(facts))}\n\n`
}

function openAiError(facts: ErrorFacts): Record<string, unknown> {
  return {
    message: facts.message,
    type: STATUS[facts.code] >= 500 ? 'server_error' : 'invalid_request_error',
    param: null,
    code: facts.code,
    ...estimate(facts),
  }
}

function anthropicError(facts: ErrorFacts): Record<string, unknown> {
  return {
    type: 'error',
    error: { type: ANTHROPIC_TYPE[facts.code], message: facts.message, ...estimate(facts) },
  }
}

function more(facts: ErrorFacts): Record<string, unknown> {
  return {
    ...(facts.model !== undefined && { model: facts.model }),
    ...estimate(facts),
    ...facts.fields,
  }
}

function estimate({ estimatedWaitMs }: ErrorFacts): { estimated_wait_ms?: number } {
  return estimatedWaitMs === undefined ? {} : { estimated_wait_ms: Math.ceil(estimatedWaitMs) }
}

function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return `req_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
