/** An answer of Ollama's, each piece a chunk. */
export interface Answer {
  readonly type: string
  readonly pieces: readonly string[]
}

const FIGURES =
  '"total_duration":90,"load_duration":0,"prompt_eval_count":3,"prompt_eval_duration":40,"eval_count":2,"eval_duration":50'

/** What Ollama says on each route, in the bytes of Ollama 0.24. */
export const NATIVE_LINES: Answer = {
  type: 'application/x-ndjson',
  pieces: [
    '{"model":"llama3.2","message":{"role":"assistant","content":"w\u00f6rt"},"done":false}\n',
    '{"model":"llama3.2","message":{"role":"assistant","content":" two"},"done":false}\n',
    `{"model":"llama3.2","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",${FIGURES}}\n`,
  ],
}

export const NATIVE_WHOLE: Answer = {
  type: 'application/json; charset=utf-8',
  pieces: [
    `{"model":"llama3.2","message":{"role":"assistant","content":" w\u00f6rt"},"done":true,"done_reason":"stop",${FIGURES}}`,
  ],
}

const OPENAI_EVENTS: Answer = {
  type: 'text/event-stream',
  pieces: [
    'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"w\u00f6rt"},"finish_reason":null}]}\n\n',
    'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: [DONE]\n\n',
  ],
}

const OPENAI_WHOLE: Answer = {
  type: 'application/json',
  pieces: [
    '{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"w\u00f6rt"}}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n',
  ],
}

const ANTHROPIC_EVENTS: Answer = {
  type: 'text/event-stream',
  pieces: [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","content":[]}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"w\u00f6rt"}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
}

const IMAGE: Answer = {
  type: 'application/x-ndjson',
  pieces: ['{"created":1,"data":[{"b64_json":"aGVsbG8="}]}\n'],
}

/** The answer to a call of this route. */
export function answerOn(path: string, stream: boolean): Answer {
  if (path.startsWith('/v1/images/')) return IMAGE
  if (path.startsWith('/api/')) return stream ? NATIVE_LINES : NATIVE_WHOLE
  if (!stream) return OPENAI_WHOLE
  return path === '/v1/messages' ? ANTHROPIC_EVENTS : OPENAI_EVENTS
}
