import { type Dialect as OllamaDialect, dialectOf as ollamaDialectOf } from '../ollama/routes.ts'
import { type ErrorCode, STATUSES } from './error-codes.ts'
import { isOwnPath } from './own-pages.ts'

/** The form of an error: one of the three that clients of Ollama understand, or the form of our own pages. */
export type ErrorDialect = OllamaDialect | 'own'

export interface ErrorFacts {
  readonly code: ErrorCode
  readonly message: string
  readonly model?: string | undefined
  /** Whole milliseconds. */
  readonly estimatedWaitMs?: number | undefined
  /** Whose line is full. */
  readonly scope?: string | undefined
  /** More fields for the body of our own pages. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** `path`: decoded, without query. */
export function dialectOf(path: string): ErrorDialect {
  return isOwnPath(path) ? 'own' : ollamaDialectOf(path)
}

/** The body of an error answer, before it is written as JSON. */
export function errorBody(dialect: ErrorDialect, facts: ErrorFacts): Record<string, unknown> {
  switch (dialect) {
    case 'ollama': {
      const { code, message } = facts
      // Clients of Ollama show their user the field `error` and no other.
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

/** The same error as the last event of a stream. The event has no status and no request id. */
export function errorEvent(dialect: 'openai' | 'anthropic', facts: ErrorFacts): string {
  if (dialect === 'openai') return `data: ${JSON.stringify({ error: openAiError(facts) })}\n\n`
  return `event: error\ndata: ${JSON.stringify(anthropicError(facts))}\n\n`
}

function openAiError(facts: ErrorFacts): Record<string, unknown> {
  return {
    message: facts.message,
    type: openAiType(facts.code),
    param: null,
    code: facts.code,
    ...figures(facts),
  }
}

/** OpenAI's own type of a spent budget is its code, and its SDKs do not repeat such a call. */
function openAiType(code: ErrorCode): string {
  if (code === 'insufficient_quota') return code
  return STATUSES[code] >= 500 ? 'server_error' : 'invalid_request_error'
}

/** The `type` of an error in Anthropic's API, by status. Any other status has the type `api_error`. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

function anthropicError(facts: ErrorFacts): Record<string, unknown> {
  return {
    type: 'error',
    error: {
      type: ANTHROPIC_TYPES[STATUSES[facts.code]] ?? 'api_error',
      message: facts.message,
      ...figures(facts),
    },
  }
}

function more(facts: ErrorFacts): Record<string, unknown> {
  return {
    ...(facts.model !== undefined && { model: facts.model }),
    ...figures(facts),
    ...facts.fields,
  }
}

function figures({ estimatedWaitMs, scope }: ErrorFacts): { estimated_wait_ms?: number; scope?: string } {
  return {
    ...(estimatedWaitMs !== undefined && { estimated_wait_ms: Math.ceil(estimatedWaitMs) }),
    ...(scope !== undefined && { scope }),
  }
}

function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return `req_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
