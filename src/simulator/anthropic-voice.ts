import type { EngineFigures } from './engine-call.ts'
import { goJson, type Json } from './go-json.ts'
import { type Dialect, EVENT_STREAM, GIN_JSON, PLAIN_JSON, type Voice } from './voice.ts'

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
}

/** `requestId` gives 24 hex digits for every error. */
export function anthropicDialect(requestId: () => string): Dialect {
  return {
    error({ status, message, origin }) {
      if (origin === 'bare') return { type: GIN_JSON, text: goJson({ error: message }) }
      const error = { type: ERROR_TYPES[status] ?? 'api_error', message }
      const text = goJson({ type: 'error', error, request_id: `req_${requestId()}` })
      return origin === 'check' ? { type: GIN_JSON, text } : { type: PLAIN_JSON, text: `${text}\n` }
    },
  }
}

export interface MessageParts {
  /** 24 hex digits. */
  readonly id: string
  readonly model: string
  /** Told at the start of a stream, when the true number is not known yet. */
  readonly estimatedInputTokens: number
}

export function messageVoice({ id, model, estimatedInputTokens }: MessageParts): Voice {
  const message = (content: Json, rest: { [key: string]: Json }) => ({
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content,
    ...rest,
  })
  let opened = false
  let inBlock = false
  const open = () => {
    if (opened) return []
    opened = true
    const usage = { input_tokens: estimatedInputTokens, output_tokens: 0 }
    return [event('message_start', { message: message([], { usage }) })]
  }
  return {
    streamHeaders: { 'Content-Type': EVENT_STREAM, 'Cache-Control': 'no-cache', Connection: 'keep-alive' },
    piece(text) {
      const events = open()
      if (!inBlock) {
        inBlock = true
        events.push(event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }))
      }
      events.push(event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }))
      return events
    },
    close({ reason, figures }) {
      const events = open()
      if (inBlock) events.push(event('content_block_stop', { index: 0 }))
      events.push(
        event('message_delta', { delta: { stop_reason: stopReason(reason) }, usage: usageOf(figures) }),
      )
      events.push(event('message_stop', {}))
      return events
    },
    whole: ({ text, reason, figures }) => ({
      type: PLAIN_JSON,
      text: `${goJson(
        message([{ type: 'text', text }], { stop_reason: stopReason(reason), usage: usageOf(figures) }),
      )}\n`,
    }),
    // Nothing is said: the stream ends without message_stop.
    broken: () => [],
  }
}

function event(type: string, rest: { [key: string]: Json }): string {
  return `event: ${type}\ndata: ${goJson({ type, ...rest })}\n\n`
}

function stopReason(reason: string): string {
  return reason === 'length' ? 'max_tokens' : 'end_turn'
}

function usageOf(figures: EngineFigures | undefined): Json {
  return { input_tokens: figures?.promptTokens ?? 0, output_tokens: figures?.outputTokens ?? 0 }
}
