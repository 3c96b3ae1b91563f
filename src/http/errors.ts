import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { Refusal, type RefusalCode, type RefusalFacts } from '../admission/refusal.ts'
import { Failure, type FailureCode } from '../relay/failure.ts'
import type { Origins } from '../relay/origins.ts'
import { answer, OWN_HEADERS } from './answer.ts'
import { dialectOf, type ErrorFacts, errorBody } from './dialect.ts'
import { type MessageKey, messageIn, STATUSES } from './error-codes.ts'
import { ForeignHost } from './host-guard.ts'
import { chooseLanguage, type Language } from './language.ts'
import { HttpProblem } from './problem.ts'

/** nginx's status for a client that left. No client receives it; the log shows it. */
export const CLIENT_GONE = 499
const LONGEST_RETRY_MS = 60_000
/** An SDK that knows this header does not repeat the call. */
const FINAL = ['x-should-retry', 'false'] as const
/** For a refusal without a time of its own: long enough for a restart, short enough to be worth the wait. */
const UNKNOWN_RETRY_MS = 5_000

export interface ErrorParts {
  readonly config: { readonly language: Language | 'auto' }
  readonly origins: Origins
  /** Called for every unexpected error. */
  readonly reportError: (error: unknown) => void
}

interface ErrorAnswer extends Omit<ErrorFacts, 'message'> {
  /** The sentence for people. Without it, the sentence of the code. */
  readonly sentence?: MessageKey
  /** Flat: name, value, name, value. */
  readonly headers?: readonly string[]
  /** The value of Retry-After. */
  readonly waitSeconds?: number
}

/** Hono's onError. Only here an error becomes a status, headers and a body in the dialect of its route. */
export const errorRenderer =
  (parts: ErrorParts) =>
  (error: Error, c: Context): Response => {
    if (isClientGone(error)) return new Response(null, { status: CLIENT_GONE })
    const result = answerTo(error, parts.reportError)
    const { language, negotiated } = chooseLanguage(parts.config.language, c.req.header('accept-language'))
    const facts = {
      ...result,
      message: messageIn(language, result.sentence ?? result.code, result.waitSeconds),
    }
    const headers = new Headers({
      ...OWN_HEADERS,
      ...(error instanceof HttpProblem && dialectOf(c.req.path) === 'own'
        ? {}
        : parts.origins.headersFor(c.req.header('origin'), c.req.header('host'))),
    })
    appendAll(headers, result.headers ?? [])
    appendAll(headers, headersOn(error))
    if (negotiated) {
      headers.set('Content-Language', language)
      headers.append('Vary', 'Accept-Language')
    }
    const body = errorBody(dialectOf(c.req.path), facts)
    return new Response(JSON.stringify(body), { status: STATUSES[result.code], headers })
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

/** The answer to a request whose target the platform cannot turn into a URL. Such a request reaches no route. */
export function invalidTarget(): Response {
  const facts = { code: 'invalid_target', message: messageIn('en', 'invalid_target') } as const
  return answer(errorBody('ollama', facts), STATUSES.invalid_target)
}

function isClientGone(error: Error): boolean {
  if (error instanceof Refusal) return error.code === 'cancelled'
  return error instanceof Failure && error.code === 'client_gone'
}

/** What the client is told of an error. `reportError`: as in ErrorParts. */
export function answerTo(error: Error, reportError: (error: unknown) => void): ErrorAnswer {
  if (error instanceof Refusal && error.code !== 'cancelled') return answerToRefusal(error.code, error)
  if (error instanceof Failure && error.code === 'internal_error') reportError(error.cause)
  if (error instanceof Failure && error.code !== 'client_gone') return answerToFailure(error.code, error)
  if (error instanceof HttpProblem) return { code: error.code, fields: error.fields }
  if (error instanceof ForeignHost) return { code: 'forbidden', sentence: 'foreign_host' }
  if (error instanceof HTTPException && error.status === 400) {
    return {
      code: 'invalid_request',
      fields: { issues: [{ path: '', message: 'The body is not valid JSON' }] },
    }
  }
  reportError(error)
  return { code: 'internal_error' }
}

function answerToRefusal(code: Exclude<RefusalCode, 'cancelled'>, { facts }: Refusal): ErrorAnswer {
  const { model, estimatedWaitMs } = facts
  if (code === 'model_not_allowed') return { code, model, headers: FINAL }
  if (code === 'insufficient_quota') {
    // Not cut: nothing changes before the window ends.
    const waitSeconds = Math.max(1, Math.ceil((facts.retryAfterMs ?? 0) / 1_000))
    const sentence = facts.window === 'month' ? 'quota_month' : code
    return { code, sentence, model, headers: ['Retry-After', String(waitSeconds), ...FINAL], waitSeconds }
  }
  const sentence = sentenceOf(code, facts)
  const retryAfterMs = facts.retryAfterMs ?? (code === 'timeout' ? undefined : UNKNOWN_RETRY_MS)
  const { scope } = facts
  if (retryAfterMs === undefined) return { code, sentence, model, scope, estimatedWaitMs }
  const waitMs = Math.min(Math.max(1, Math.ceil(retryAfterMs)), LONGEST_RETRY_MS)
  const waitSeconds = Math.ceil(waitMs / 1_000)
  const headers = ['Retry-After', String(waitSeconds)]
  if (code === 'queue_full') headers.push('retry-after-ms', String(waitMs))
  return { code, sentence, model, scope, estimatedWaitMs, headers, waitSeconds }
}

function sentenceOf(code: Exclude<RefusalCode, 'cancelled'>, { paused, scope }: RefusalFacts): MessageKey {
  if (paused && code !== 'shutting_down' && code !== 'model_stuck') return 'paused'
  return code === 'queue_full' && scope === 'caller' ? 'caller_queue_full' : code
}

/**
 * An SDK must not repeat a call that an operator or a newer call ended. It must also not repeat a call that Ollama was
 * working on at the timeout: the SDKs would send the call twice more, and each time it would hold a slot for as long.
 */
function answerToFailure(code: Exclude<FailureCode, 'client_gone'>, failure: Failure): ErrorAnswer {
  const { model, sent, askedForWhole, about } = failure
  const final = code === 'cancelled' || code === 'superseded' || (code === 'timeout' && sent)
  return {
    code,
    model,
    ...(askedForWhole && { sentence: 'timeout_whole' }),
    ...(about && { sentence: about }),
    ...(final && { headers: FINAL }),
  }
}
