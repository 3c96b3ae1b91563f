import type { Refusal } from '../admission/refusal.ts'
import type { LateAnswer } from '../relay/begun-answer.ts'
import type { BrokenAnswer } from '../relay/broken-answer.ts'
import type { Failure } from '../relay/failure.ts'
import type { KeptAnswer } from '../relay/kept-answer.ts'
import { dialectOf, errorBody, errorEvent } from './dialect.ts'
import { messageIn, STATUSES } from './error-codes.ts'
import { answerTo } from './errors.ts'
import { chooseLanguage, type Language } from './language.ts'

// Errors that come after the status: in the body of an answer that has begun.

const BREAKS = {
  broken: { code: 'upstream_error', sentence: 'stream_broken' },
  idle: { code: 'timeout', sentence: 'stream_idle' },
  cancelled: { code: 'cancelled', sentence: 'stream_cancelled' },
  superseded: { code: 'superseded', sentence: 'stream_superseded' },
} as const

/**
 * The last line or event of an answer that broke after its first byte. Undefined where the format or its encoding has no
 * room for a message: the connection is then closed without one. `midLine`: the answer stopped inside a line, so the
 * trailer ends this line first.
 */
export function renderErrorTrailer(broken: BrokenAnswer, configured: Language | 'auto'): string | undefined {
  // A reader would take plain text after compressed bytes for more compressed bytes, and the end of the framing for the
  // end of the answer. Some readers then wait for ever for the rest.
  if (!/^(?:identity)?$/i.test(broken.contentEncoding ?? '')) return undefined
  const { language } = chooseLanguage(configured, broken.acceptLanguage)
  const { code, sentence } = BREAKS[broken.why]
  const message = messageIn(language, sentence)
  const dialect = dialectOf(broken.path)
  switch (broken.contentType?.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-ndjson':
      // On /v1 the answer is an image, and an image comes in one piece whatever its type says.
      if (dialect !== 'ollama') return undefined
      return `${broken.midLine ? '\n' : ''}${JSON.stringify({ error: message })}\n`
    case 'text/event-stream': {
      const event = errorEvent(dialect === 'anthropic' ? dialect : 'openai', { code, message })
      // An event ends with an empty line. After one line break alone, our event would be a part of the broken one.
      return `${broken.midLine ? '\n\n' : ''}${event}`
    }
    case 'application/json':
      // Spaces alone are no beginning of a value, so the error can be the whole body.
      if (!broken.onlySigns) return undefined
      return JSON.stringify(withFacts(errorBody(dialect, { code, message }), { status: STATUSES[code] }))
    default:
      return undefined
  }
}

/**
 * The error that ends an answer which began before Ollama's: the last line or event of a stream, or the error object as the
 * body. The status that came too late is told in the field `status`, and Retry-After in `retry_after_s`.
 */
export function renderLastWords(
  error: Refusal | Failure,
  { acceptLanguage, form, path }: LateAnswer,
  configured: Language | 'auto',
  reportError: (error: unknown) => void,
): string {
  const kept = 'answer' in error ? error.answer : undefined
  const body =
    (kept && errorOf(kept)) ??
    ownError(error, path, chooseLanguage(configured, acceptLanguage).language, reportError)
  const text = JSON.stringify(body)
  if (form === 'json') return text
  if (form === 'ndjson') return `${text}\n`
  return dialectOf(path) === 'anthropic' ? `event: error\ndata: ${text}\n\n` : `data: ${text}\n\n`
}

/** Ollama's own error, in the dialect of its route. Undefined for an answer that is no error object. */
function errorOf({ status, text }: KeptAnswer): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return isError(body) ? withFacts(body, { status }) : undefined
  } catch {
    return undefined
  }
}

function ownError(
  error: Refusal | Failure,
  path: string,
  language: Language,
  reportError: (error: unknown) => void,
): Record<string, unknown> {
  const result = answerTo(error, reportError)
  const { code, sentence, waitSeconds } = result
  const facts = { ...result, message: messageIn(language, sentence ?? code, waitSeconds) }
  return withFacts(errorBody(dialectOf(path), facts), {
    status: STATUSES[code],
    ...(waitSeconds !== undefined && { retry_after_s: waitSeconds }),
  })
}

interface ErrorObject extends Record<string, unknown> {
  readonly error: unknown
}

function isError(body: unknown): body is ErrorObject {
  return typeof body === 'object' && body !== null && 'error' in body
}

/** Adds facts to the object that tells the error. */
function withFacts(body: Record<string, unknown>, facts: Record<string, number>): Record<string, unknown> {
  const { error } = body
  return typeof error === 'object' && error !== null
    ? { ...body, error: { ...error, ...facts } }
    : { ...body, ...facts }
}
