import { type AnswerFormat, type ErrorFormat, EVENT_STREAM } from './answer-format.ts'
import type { EngineFigures } from './engine-call.ts'
import { goJson, type Json } from './go-json.ts'
import { jsonLine, v1Error } from './openai-format.ts'

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
}

/** `requestId` makes an id of 24 hex digits for each error. */
export function anthropicError(requestId: () => string): ErrorFormat {
  return (error) =>
    v1Error(error, ({ status, message }) => ({
      type: 'error',
      error: { type: ERROR_TYPES[status] ?? 'api_error', message },
      request_id: `req_${requestId()}`,
    }))
}

export interface MessageParts {
  /** 24 hex digits. */
  readonly id: string
  readonly model: string
  /** For the start of a stream, when the true number is not known yet. */
  readonly estimatedInputTokens: number
}

export function messageFormat({ id, model, estimatedInputTokens }: MessageParts): AnswerFormat {
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
    end({ reason, figures }) {
      const events = open()
      if (inBlock) events.push(event('content_block_stop', { index: 0 }))
      events.push(
        event('message_delta', { delta: { stop_reason: stopReason(reason) }, usage: usageOf(figures) }),
      )
      events.push(event('message_stop', {}))
      return events
    },
    whole: ({ text, reason, figures }) =>
      jsonLine(
        message([{ type: 'text', text }], { stop_reason: stopReason(reason), usage: usageOf(figures) }),
      ),
    // The stream ends without message_stop and without an error.
    failed: () => [],
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
