import {
  type AnswerFormat,
  type ErrorFormat,
  EVENT_STREAM,
  GIN_JSON,
  PLAIN_JSON,
  type TypedBody,
  type WallTime,
} from './answer-format.ts'
import type { EngineFigures } from './engine-call.ts'
import { goJson, type Json } from './go-json.ts'
import { nativeError } from './native-format.ts'
import type { WireError } from './wire-error.ts'

const FINGERPRINT = 'fp_ollama'
const ERROR_TYPES: Record<number, string> = { 400: 'invalid_request_error', 404: 'not_found_error' }

export const openaiError: ErrorFormat = (error) =>
  v1Error(error, ({ status, message }) => {
    const type = ERROR_TYPES[status] ?? 'api_error'
    return { error: { message, type, param: null, code: null } }
  })

/** An error of a /v1 route. gin names a charset; the routes' own error writer ends the body with a newline. */
export function v1Error(error: WireError, body: (error: WireError) => Json): TypedBody {
  if (error.origin === 'bare') return nativeError(error)
  return error.origin === 'check' ? { type: GIN_JSON, text: goJson(body(error)) } : jsonLine(body(error))
}

export interface CompletionParts {
  /** 0 to 998, as Ollama's ids. */
  readonly id: number
  readonly model: string
  readonly now: WallTime
  readonly includeUsage: boolean
}

export function chatCompletionFormat({ id, model, now, includeUsage }: CompletionParts): AnswerFormat {
  const created = creationSeconds(now)
  let opened = false
  const chunk = (shownModel: string, choices: Json, usage?: Json) =>
    event({
      id: `chatcmpl-${id}`,
      object: 'chat.completion.chunk',
      created: created(),
      model: shownModel,
      system_fingerprint: FINGERPRINT,
      choices,
      usage,
    })
  return {
    streamHeaders: { 'Content-Type': EVENT_STREAM },
    piece(text) {
      const delta = opened ? { content: text } : { role: 'assistant', content: text }
      opened = true
      return [chunk(model, [{ index: 0, delta, finish_reason: null }])]
    },
    // Ollama flushes the end, the usage and [DONE] together.
    end({ reason, figures }) {
      const finish = chunk(model, [{ index: 0, delta: {}, finish_reason: reason }])
      return [`${finish}${includeUsage ? chunk(model, [], usageOf(figures)) : ''}${DONE}`]
    },
    whole: ({ text, reason, figures }) =>
      jsonLine({
        id: `chatcmpl-${id}`,
        object: 'chat.completion',
        created: created(),
        model,
        system_fingerprint: FINGERPRINT,
        choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: reason }],
        usage: usageOf(figures),
      }),
    // Ollama loses the text of the error: it sends an empty chunk without a model, and no [DONE].
    failed: () => [chunk('', [{ index: 0, delta: { content: '' }, finish_reason: null }])],
  }
}

export function completionFormat({ id, model, now, includeUsage }: CompletionParts): AnswerFormat {
  const created = creationSeconds(now)
  const chunk = (shownModel: string, choices: Json, usage: Json | undefined) =>
    event({
      id: `cmpl-${id}`,
      object: 'text_completion',
      created: created(),
      choices,
      model: shownModel,
      system_fingerprint: FINGERPRINT,
      usage,
    })
  const noUsage = includeUsage ? usageOf(undefined) : undefined
  const choice = (text: string, reason: string | null) => [{ text, index: 0, finish_reason: reason }]
  return {
    streamHeaders: { 'Content-Type': EVENT_STREAM },
    piece: (text) => [chunk(model, choice(text, null), noUsage)],
    end({ reason, figures }) {
      const finish = chunk(model, choice('', reason), noUsage)
      return [`${finish}${includeUsage ? chunk(model, [], usageOf(figures)) : ''}${DONE}`]
    },
    whole: ({ text, reason, figures }) =>
      jsonLine({
        id: `cmpl-${id}`,
        object: 'text_completion',
        created: created(),
        model,
        system_fingerprint: FINGERPRINT,
        choices: choice(text, reason),
        usage: usageOf(figures),
      }),
    failed: () => [chunk('', choice('', null), noUsage)],
  }
}

/** A vector is a list of numbers, or float32 values in base64. */
export function embeddingList(model: string, vectors: readonly Json[], promptTokens: number): string {
  return goJson({
    object: 'list',
    data: vectors.map((embedding, index) => ({ object: 'embedding', embedding, index })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  })
}

export function base64Floats(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, index) => {
    bytes.writeFloatLE(value, index * 4)
  })
  return bytes.toString('base64')
}

export function jsonLine(value: Json): TypedBody {
  return { type: PLAIN_JSON, text: `${goJson(value)}\n` }
}

/** Gives the time of its first call, in whole seconds, at each call: all chunks of an answer have the same time. */
export function creationSeconds(now: WallTime): () => number {
  let seconds: number | undefined
  return () => {
    seconds ??= Math.floor(now() / 1000)
    return seconds
  }
}

const DONE = 'data: [DONE]\n\n'

function event(value: Json): string {
  return `data: ${goJson(value)}\n\n`
}

function usageOf(figures: EngineFigures | undefined): Json {
  const prompt = figures?.promptTokens ?? 0
  const completion = figures?.outputTokens ?? 0
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}
