import assert from 'node:assert/strict'
import { parseAnswer } from './raw-answer.ts'
import type { RawCall } from './raw-call.ts'
import { withoutSigns } from './signs-setup.ts'

/** The forms in which an answer can end with an error, in each dialect. */
export const FORMS = (['/api/chat', '/v1/chat/completions', '/v1/messages'] as const).flatMap((path) =>
  [true, false].map((stream) => ({ path, stream, title: `${path}, ${stream ? 'streamed' : 'whole'}` })),
)

export type Form = Pick<(typeof FORMS)[number], 'path' | 'stream'>

interface Told {
  /** Of Anthropic's dialect, which has no codes, its type. */
  readonly code: unknown
  readonly message: unknown
  readonly status: unknown
  readonly retryAfter: unknown
}

/** Ollama's own object, or what the other dialects have inside theirs. */
interface ErrorObject {
  readonly type?: string
  readonly code?: string | null
  readonly error?: unknown
  readonly message?: string
  readonly status?: number
  readonly retry_after_s?: number
}

/** The error at the end of an answer that consists of signs of life and this error. */
export function lastWords(call: RawCall, form: Form): Told {
  assert.equal(call.status, 200)
  const { rest, signs } = withoutSigns(Buffer.from(parseAnswer(call.received).body, 'latin1').toString())
  assert.ok(signs.length > 0)
  return errorIn(rest, form)
}

/** The error in the last line or event, or in the whole body. */
export function errorIn(text: string, { path, stream }: Form): Told {
  const framed = stream ? FRAMES[path] : /^(\{.*\})$/
  const [, json] = framed.exec(text) ?? []
  assert.ok(json !== undefined, `not in its form: ${JSON.stringify(text)}`)
  const body = JSON.parse(json) as ErrorObject
  if (path === '/api/chat') {
    const { code, error, retry_after_s, status } = body
    return { code, message: error, status, retryAfter: retry_after_s }
  }
  const { code, message, retry_after_s, status, type } = body.error as ErrorObject
  if (path === '/v1/messages') assert.equal(body.type, 'error')
  return {
    code: path === '/v1/messages' ? type : (code ?? undefined),
    message,
    status,
    retryAfter: retry_after_s,
  }
}

const FRAMES: Readonly<Record<Form['path'], RegExp>> = {
  '/api/chat': /^(\{.*\})\n$/,
  '/v1/chat/completions': /^data: (\{.*\})\n\n$/,
  '/v1/messages': /^event: error\ndata: (\{.*\})\n\n$/,
}
