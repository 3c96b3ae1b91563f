import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { Refusal } from '../admission/refusal.ts'
import type { BrokenAnswer } from '../relay/contract.ts'
import { Failure, type FailureCode } from '../relay/failure.ts'
import type { Origins } from '../relay/origins.ts'
import { answer, OWN_HEADERS } from './answer.ts'
import { dialectOf, type ErrorFacts, errorBody, errorEvent } from './dialect.ts'
import { type MessageKey, messageIn, STATUSES } from './error-codes.ts'
import { ForeignHost } from './host-guard.ts'
import { chooseLanguage, type Language } from './language.ts'
import { HttpProblem } from './problem.ts'

/** nginx's number for a client that left; only logs ever see it. */
export const CLIENT_GONE = 499
const LONGEST_RETRY_MS = 60_000
/** For a refusal that names no time: long enough for a restart, short enough to be worth the wait. */
const UNKNOWN_RETRY_MS = 5_000

export interface ErrorParts {
  readonly config: { readonly language: Language | 'auto' }
  readonly origins: Origins
  /** Told of every error that is none of ours to expect. */
  readonly reportError: (error: unknown) => void
}

interface Verdict extends Omit<ErrorFacts, 'message'> {
  /** What is said, where there is more to say than the code's own sentence. */
  readonly text?: MessageKey
  /** Flat: name, value, name, value. */
  readonly headers?: readonly string[]
  /** What Retry-After says. */
  readonly waitSeconds?: number
}

/** Hono's onError: the one place where an error becomes status, headers and a body in the route's dialect. */
export const errorRenderer =
  (parts: ErrorParts) =>
  (error: Error, c: Context): Response => {
    if (isClientGone(error)) return new Response(null, { status: CLIENT_GONE })
    const verdict = judge(error, parts.reportError)
    const { language, negotiated } = chooseLanguage(parts.config.language, c.req.header('accept-language'))
    const facts = {
      ...verdict,
      message: messageIn(language, verdict.text ?? verdict.code, verdict.waitSeconds),
    }
    const headers = new Headers({
      ...OWN_HEADERS,
      ...(error instanceof HttpProblem
        ? {}
        : parts.origins.headersFor(c.req.header('origin'), c.req.header('host'))),
    })
    appendAll(headers, verdict.headers ?? [])
    appendAll(headers, headersOn(error))
    if (negotiated) {
      headers.set('Content-Language', language)
      headers.append('Vary', 'Accept-Language')
    }
    const body = errorBody(dialectOf(c.req.path), facts)
    return new Response(JSON.stringify(body), { status: STATUSES[verdict.code], headers })
  }

/** The headers that an error carries for its answer, flat. */
function headersOn(error: Error): readonly string[] {
  const known = error instanceof Refusal || error instanceof Failure || error instanceof HttpProblem
  return known ? error.headers : []
}

function appendAll(headers: Headers, flat: readonly string[]): void {
  for (let index = 0; index + 1 < flat.length; index += 2)
    headers.append(flat[index] ?? '', flat[index + 1] ?? '')
}

/** The answer to a request of which the platform itself can make no URL, so that it never comes to a route. */
export function invalidTarget(): Response {
  const facts = { code: 'invalid_target', message: messageIn('en', 'invalid_target') } as const
  return answer(errorBody('ollama', facts), STATUSES.invalid_target)
}

const BREAKS = {
  broken: { code: 'upstream_error', text: 'stream_broken' },
  idle: { code: 'timeout', text: 'stream_idle' },
  cancelled: { code: 'cancelled', text: 'stream_cancelled' },
} as const

/**
 * What a client is told when its answer broke after the first byte, or undefined where the format or its encoding has
 * no room for words and the connection is just cut. `midLine`: the answer stopped inside a line, which is then ended first.
 */
export function renderErrorTrailer(broken: BrokenAnswer, configured: Language | 'auto'): string | undefined {
  // In plain text behind compressed bytes they would be taken for more of these, and the end of the framing for the
  // end of the answer: some readers then wait for ever for the rest.
  if (!/^(?:identity)?$/i.test(broken.contentEncoding ?? '')) return undefined
  const { language } = chooseLanguage(configured, broken.acceptLanguage)
  const { code, text } = BREAKS[broken.why]
  const message = messageIn(language, text)
  const dialect = dialectOf(broken.path)
  switch (broken.contentType?.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-ndjson':
      // On /v1 it is an image, which comes in one piece whatever its type says.
      if (dialect !== 'ollama') return undefined
      return `${broken.midLine ? '\n' : ''}${JSON.stringify({ error: message })}\n`
    case 'text/event-stream': {
      const event = errorEvent(dialect === 'anthropic' ? dialect : 'openai', { code, message })
      // An event ends with an empty line: one line break alone would make ours a part of the broken one.
      return `${broken.midLine ? '\n\n' : ''}${event}`
    }
    default:
      return undefined
  }
}

function isClientGone(error: Error): boolean {
  if (error instanceof Refusal) return error.code === 'cancelled'
  return error instanceof Failure && error.code === 'client_gone'
}

function judge(error: Error, reportError: (error: unknown) => void): Verdict {
  if (error instanceof Refusal && error.code !== 'cancelled') return judgeRefusal(error.code, error)
  if (error instanceof Failure && error.code === 'internal_error') reportError(error.cause)
  if (error instanceof Failure && error.code !== 'client_gone') return judgeFailure(error.code, error)
  if (error instanceof HttpProblem) return { code: error.code, fields: error.fields }
  if (error instanceof ForeignHost) return { code: 'forbidden', text: 'foreign_host' }
  if (error instanceof HTTPException && error.status === 400) {
    return {
      code: 'invalid_request',
      fields: { issues: [{ path: '', message: 'The body is not valid JSON' }] },
    }
  }
  reportError(error)
  return { code: 'internal_error' }
}

function judgeRefusal(code: 'queue_full' | 'timeout' | 'shutting_down', { facts }: Refusal): Verdict {
  const { model, estimatedWaitMs, paused } = facts
  const text = paused && code !== 'shutting_down' ? 'paused' : code
  const retryAfterMs = facts.retryAfterMs ?? (code === 'timeout' ? undefined : UNKNOWN_RETRY_MS)
  if (retryAfterMs === undefined) return { code, text, model, estimatedWaitMs }
  const waitMs = Math.min(Math.max(1, Math.ceil(retryAfterMs)), LONGEST_RETRY_MS)
  const waitSeconds = Math.ceil(waitMs / 1_000)
  const headers = ['Retry-After', String(waitSeconds)]
  if (code === 'queue_full') headers.push('retry-after-ms', String(waitMs))
  return { code, text, model, estimatedWaitMs, headers, waitSeconds }
}

/**
 * A call that an operator ended must not come back by itself. Neither must one that Ollama had when its time was up:
 * the SDKs would send it twice more, and each time it would hold a slot for as long.
 */
function judgeFailure(code: Exclude<FailureCode, 'client_gone'>, failure: Failure): Verdict {
  const { model, sent, askedForWhole } = failure
  const final = code === 'cancelled' || (code === 'timeout' && sent)
  return {
    code,
    model,
    ...(askedForWhole && { text: 'timeout_whole' }),
    ...(final && { headers: ['x-should-retry', 'false'] }),
  }
}
