import { type AnswerEnd, type AnswerFormat, EVENT_STREAM, type WallTime } from './answer-format.ts'
import { goJson, goMap, type Json } from './go-json.ts'
import { creationSeconds, jsonLine } from './openai-format.ts'

type Struct = { readonly [key: string]: Json }

export interface ResponseParts {
  /** Six digits. */
  readonly id: number
  /** Six digits. */
  readonly messageId: number
  readonly model: string
  readonly now: WallTime
  /** The answer repeats these fields of the request; null when the request has no such field. */
  readonly instructions: string | null
  readonly maxOutputTokens: number | null
  readonly temperature: number | null
  readonly topP: number | null
}

/** /v1/responses. The keys of streamed events are sorted, because Go writes maps. The whole answer is a struct. */
export function responsesFormat(parts: ResponseParts): AnswerFormat {
  const created = creationSeconds(parts.now)
  const messageId = `msg_${parts.messageId}`
  let sequence = 0
  let text = ''
  const event = (type: string, fields: Struct) => {
    const data = goMap({ ...fields, sequence_number: sequence++, type })
    return `event: ${type}\ndata: ${goJson(data)}\n\n`
  }
  const content = (value: string) => ({ type: 'output_text', text: value, annotations: [], logprobs: [] })
  const item = (status: string, parts: Json) => ({
    id: messageId,
    type: 'message',
    status,
    role: 'assistant',
    content: parts,
  })
  const position = { content_index: 0, item_id: messageId, output_index: 0 }
  const open = () => {
    if (sequence > 0) return []
    const response = responseObject(parts, created(), 'in_progress', [], undefined, null)
    return [event('response.created', { response }), event('response.in_progress', { response })]
  }
  const startItem = () =>
    text === ''
      ? [
          event('response.output_item.added', { item: item('in_progress', []), output_index: 0 }),
          event('response.content_part.added', { ...position, part: content('') }),
        ]
      : []
  const endItem = () =>
    text === ''
      ? []
      : [
          event('response.output_text.done', { ...position, logprobs: [], text }),
          event('response.content_part.done', { ...position, part: content(text) }),
          event('response.output_item.done', { item: item('completed', [content(text)]), output_index: 0 }),
        ]
  const completed = (end: AnswerEnd, output: Json) =>
    responseObject(parts, created(), 'completed', output, end, Math.floor(parts.now() / 1000))
  return {
    streamHeaders: { 'Content-Type': EVENT_STREAM, 'Cache-Control': 'no-cache', Connection: 'keep-alive' },
    piece(delta) {
      if (delta === '') return open()
      const events = [...open(), ...startItem()]
      text += delta
      events.push(event('response.output_text.delta', { ...position, delta, logprobs: [] }))
      return events
    },
    end(end) {
      const output = text === '' ? [] : [item('completed', [content(text)])]
      return [...open(), ...endItem(), event('response.completed', { response: completed(end, output) })]
    },
    whole: (end) => jsonLine(completed(end, [item('completed', [content(end.text)])])),
    // The stream ends without response.completed and without an error.
    failed: () => [],
  }
}

function responseObject(
  parts: ResponseParts,
  createdAt: number,
  status: string,
  output: Json,
  end: AnswerEnd | undefined,
  completedAt: number | null,
): Struct {
  const input = end?.figures?.promptTokens ?? 0
  const produced = end?.figures?.outputTokens ?? 0
  return {
    id: `resp_${parts.id}`,
    object: 'response',
    created_at: createdAt,
    completed_at: completedAt,
    status,
    incomplete_details: null,
    model: parts.model,
    previous_response_id: null,
    instructions: parts.instructions,
    output,
    error: null,
    tools: [],
    tool_choice: 'auto',
    truncation: 'disabled',
    parallel_tool_calls: true,
    text: { format: { type: 'text' } },
    top_p: parts.topP ?? 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    top_logprobs: 0,
    temperature: parts.temperature ?? 1,
    reasoning: null,
    usage: end
      ? {
          input_tokens: input,
          output_tokens: produced,
          total_tokens: input + produced,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens_details: { reasoning_tokens: 0 },
        }
      : null,
    max_output_tokens: parts.maxOutputTokens,
    max_tool_calls: null,
    store: false,
    background: false,
    service_tier: 'default',
    metadata: {},
    safety_identifier: null,
    prompt_cache_key: null,
  }
}
