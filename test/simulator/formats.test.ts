import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AnswerEnd } from '../../src/simulator/answer-format.ts'
import { anthropicError, messageFormat } from '../../src/simulator/anthropic-format.ts'
import type { EngineFigures } from '../../src/simulator/engine-call.ts'
import { shortestFloat32 } from '../../src/simulator/go-json.ts'
import { chatFormat, embedBody, generateFormat, nativeError } from '../../src/simulator/native-format.ts'
import {
  base64Floats,
  chatCompletionFormat,
  completionFormat,
  embeddingList,
  openaiError,
} from '../../src/simulator/openai-format.ts'
import { responsesFormat } from '../../src/simulator/responses-format.ts'
import { BUSY, WireError } from '../../src/simulator/wire-error.ts'

const SECONDS = 1787338102
const FIGURES: EngineFigures = {
  promptTokens: 26,
  outputTokens: 3,
  totalMs: 174.560334,
  loadMs: 101.397084,
  waitMs: 0,
  promptMs: 13.074791,
  outputMs: 52.479709,
}
const CONTEXT = [128006, 9125, 128007, 13347, 0]
const END: AnswerEnd = { text: 'Hi!', reason: 'stop', figures: FIGURES }
const METRICS =
  '"total_duration":174560334,"load_duration":101397084,"prompt_eval_count":26,"prompt_eval_duration":13074791,"eval_count":3,"eval_duration":52479709'

/** Whole and half milliseconds, so that the figures are exact. */
function times(...ms: number[]): () => number {
  return () => SECONDS * 1000 + (ms.length > 1 ? (ms.shift() ?? 0) : (ms[0] ?? 0))
}

const AT = '2026-08-21T18:48:22'

describe('/api/generate and /api/chat', () => {
  it('V1: a generate stream, one line a piece', () => {
    const format = generateFormat('llama3.2', times(123.5, 143, 163.5))
    assert.deepEqual(
      [...format.piece('Hi'), ...format.piece('!'), ...format.end({ ...END, context: CONTEXT })],
      [
        `{"model":"llama3.2","created_at":"${AT}.1235Z","response":"Hi","done":false}\n`,
        `{"model":"llama3.2","created_at":"${AT}.143Z","response":"!","done":false}\n`,
        `{"model":"llama3.2","created_at":"${AT}.1635Z","response":"","done":true,"done_reason":"stop","context":[128006,9125,128007,13347,0],${METRICS}}\n`,
      ],
    )
    assert.deepEqual(format.streamHeaders, { 'Content-Type': 'application/x-ndjson' })
  })

  it('V2: the same whole', () => {
    assert.deepEqual(generateFormat('llama3.2', times(163.5)).whole({ ...END, context: CONTEXT }), {
      type: 'application/json; charset=utf-8',
      text: `{"model":"llama3.2","created_at":"${AT}.1635Z","response":"Hi!","done":true,"done_reason":"stop","context":[128006,9125,128007,13347,0],${METRICS}}`,
    })
  })

  it('V3: load and unload', () => {
    const generate = generateFormat('llama3.2', times(163.5))
    for (const reason of ['load', 'unload'] as const) {
      assert.equal(
        generate.whole({ text: '', reason }).text,
        `{"model":"llama3.2","created_at":"${AT}.1635Z","response":"","done":true,"done_reason":"${reason}"}`,
      )
    }
    assert.equal(
      chatFormat('llama3.2', times(163.5)).whole({ text: '', reason: 'load' }).text,
      `{"model":"llama3.2","created_at":"${AT}.1635Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`,
    )
  })

  it('V4: a chat stream', () => {
    const format = chatFormat('llama3.2', times(123.5, 163.5))
    assert.deepEqual(
      [...format.piece('Hi'), ...format.end(END)],
      [
        `{"model":"llama3.2","created_at":"${AT}.1235Z","message":{"role":"assistant","content":"Hi"},"done":false}\n`,
        `{"model":"llama3.2","created_at":"${AT}.1635Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",${METRICS}}\n`,
      ],
    )
  })

  it('V5: the same whole', () => {
    assert.equal(
      chatFormat('llama3.2', times(163.5)).whole(END).text,
      `{"model":"llama3.2","created_at":"${AT}.1635Z","message":{"role":"assistant","content":"Hi!"},"done":true,"done_reason":"stop",${METRICS}}`,
    )
  })

  it('V6: float32 vectors in their shortest form', () => {
    const figures = { ...FIGURES, promptTokens: 8, totalMs: 14.143917, loadMs: 1.0195 }
    const vectors = [
      [0.6, 0.8, 0],
      [0.8, 0.6, 0],
    ].map((vector) => vector.map((value) => shortestFloat32(Math.fround(value))))
    assert.equal(
      embedBody('all-minilm', vectors, { text: '', reason: 'stop', figures }),
      '{"model":"all-minilm","embeddings":[[0.6,0.8,0],[0.8,0.6,0]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}',
    )
  })

  it('V16: an NDJSON stream breaks with one line', () => {
    assert.deepEqual(generateFormat('llama3.2', times(0)).failed(), [
      '{"error":"an error was encountered while running the model: unexpected EOF"}\n',
    ])
  })
})

describe('OpenAI', () => {
  const parts = { id: 123, model: 'llama3.2', now: times(0), includeUsage: true }
  const chunk = (choices: string, rest = '') =>
    `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":${SECONDS},"model":"llama3.2","system_fingerprint":"fp_ollama","choices":${choices}${rest}}\n\n`

  it('V8: a chat stream with usage, its end in one flush', () => {
    const format = chatCompletionFormat(parts)
    assert.deepEqual(
      [...format.piece('Hi'), ...format.piece('!'), ...format.end(END)],
      [
        chunk('[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]'),
        chunk('[{"index":0,"delta":{"content":"!"},"finish_reason":null}]'),
        `${chunk('[{"index":0,"delta":{},"finish_reason":"stop"}]')}${chunk('[]', ',"usage":{"prompt_tokens":26,"completion_tokens":3,"total_tokens":29}')}data: [DONE]\n\n`,
      ],
    )
  })

  it('V8: without usage the fourth event is absent', () => {
    const [end] = chatCompletionFormat({ ...parts, includeUsage: false }).end(END)
    assert.equal(end, `${chunk('[{"index":0,"delta":{},"finish_reason":"stop"}]')}data: [DONE]\n\n`)
  })

  it('V9: the same whole', () => {
    assert.deepEqual(chatCompletionFormat(parts).whole(END), {
      type: 'application/json',
      text: `{"id":"chatcmpl-123","object":"chat.completion","created":${SECONDS},"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"Hi!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":26,"completion_tokens":3,"total_tokens":29}}\n`,
    })
  })

  it('uses the time of the first chunk in all chunks', () => {
    const format = chatCompletionFormat({ ...parts, now: times(0, 5000) })
    assert.match(format.piece('Hi').join(), new RegExp(`"created":${SECONDS},`))
    assert.match(format.end(END).join(), new RegExp(`"created":${SECONDS},`))
  })

  it('V10: a completion, streamed and whole', () => {
    const piece = (text: string, reason: string, usage = '') =>
      `data: {"id":"cmpl-123","object":"text_completion","created":${SECONDS},"choices":[{"text":"${text}","index":0,"finish_reason":${reason}}],"model":"llama3.2","system_fingerprint":"fp_ollama"${usage}}\n\n`
    const plain = completionFormat({ ...parts, includeUsage: false })
    assert.deepEqual(
      [...plain.piece('Hi'), ...plain.end(END)],
      [piece('Hi', 'null'), `${piece('', '"stop"')}data: [DONE]\n\n`],
    )
    const none = ',"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}'
    const counted = completionFormat(parts)
    assert.deepEqual(
      [...counted.piece('Hi'), ...counted.end(END)],
      [
        piece('Hi', 'null', none),
        `${piece('', '"stop"', none)}data: {"id":"cmpl-123","object":"text_completion","created":${SECONDS},"choices":[],"model":"llama3.2","system_fingerprint":"fp_ollama","usage":{"prompt_tokens":26,"completion_tokens":3,"total_tokens":29}}\n\ndata: [DONE]\n\n`,
      ],
    )
    assert.equal(
      counted.whole(END).text,
      `{"id":"cmpl-123","object":"text_completion","created":${SECONDS},"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"text":"Hi!","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":26,"completion_tokens":3,"total_tokens":29}}\n`,
    )
  })

  it('V11: vectors as numbers and as float32 in base64', () => {
    const tail = '"index":0}],"model":"all-minilm","usage":{"prompt_tokens":4,"total_tokens":4}}'
    assert.equal(
      embeddingList('all-minilm', [[0.6, 0.8, 0]], 4),
      `{"object":"list","data":[{"object":"embedding","embedding":[0.6,0.8,0],${tail}`,
    )
    assert.equal(
      embeddingList('all-minilm', [base64Floats([0.6, 0.8, 0])], 4),
      `{"object":"list","data":[{"object":"embedding","embedding":"mpkZP83MTD8AAAAA",${tail}`,
    )
  })

  it('V16: a broken chat stream is an empty chunk without a model', () => {
    const format = chatCompletionFormat(parts)
    format.piece('Hi')
    assert.deepEqual(format.failed(), [
      `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":${SECONDS},"model":"","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}\n\n`,
    ])
  })
})

it('V12: /v1/messages, streamed and whole', () => {
  const parts = { id: '0123456789abcdef01234567', model: 'llama3.2', estimatedInputTokens: 2 }
  const format = messageFormat(parts)
  assert.deepEqual(
    [...format.piece('Hi!'), ...format.end(END)],
    [
      'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_0123456789abcdef01234567","type":"message","role":"assistant","model":"llama3.2","content":[],"usage":{"input_tokens":2,"output_tokens":0}}}\n\n',
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi!"}}\n\n',
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":26,"output_tokens":3}}\n\n',
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
  )
  assert.equal(
    messageFormat(parts).whole(END).text,
    '{"id":"msg_0123456789abcdef01234567","type":"message","role":"assistant","model":"llama3.2","content":[{"type":"text","text":"Hi!"}],"stop_reason":"end_turn","usage":{"input_tokens":26,"output_tokens":3}}\n',
  )
  assert.match(messageFormat(parts).whole({ ...END, reason: 'length' }).text, /"stop_reason":"max_tokens"/)
})

describe('V13: /v1/responses', () => {
  const parts = {
    id: 123456,
    messageId: 654321,
    model: 'llama3.2',
    now: times(0),
    instructions: null,
    maxOutputTokens: null,
    temperature: null,
    topP: null,
  }
  const part = '{"annotations":[],"logprobs":[],"text":"Hi!","type":"output_text"}'
  const item = `{"content":[${part}],"id":"msg_654321","role":"assistant","status":"completed","type":"message"}`
  const usage =
    '{"input_tokens":26,"input_tokens_details":{"cached_tokens":0},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":29}'
  const response = (status: string, completedAt: string, output: string, usage: string) =>
    `{"background":false,"completed_at":${completedAt},"created_at":1787338102,"error":null,"frequency_penalty":0,"id":"resp_123456","incomplete_details":null,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},"model":"llama3.2","object":"response","output":${output},"parallel_tool_calls":true,"presence_penalty":0,"previous_response_id":null,"prompt_cache_key":null,"reasoning":null,"safety_identifier":null,"service_tier":"default","status":"${status}","store":false,"temperature":1,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1,"truncation":"disabled","usage":${usage}}`
  const open = response('in_progress', 'null', '[]', 'null')

  it('streams maps with sorted keys', () => {
    const format = responsesFormat(parts)
    const place = '"output_index":0,"sequence_number"'
    assert.deepEqual(
      [...format.piece('Hi!'), ...format.end(END)],
      [
        `event: response.created\ndata: {"response":${open},"sequence_number":0,"type":"response.created"}\n\n`,
        `event: response.in_progress\ndata: {"response":${open},"sequence_number":1,"type":"response.in_progress"}\n\n`,
        `event: response.output_item.added\ndata: {"item":{"content":[],"id":"msg_654321","role":"assistant","status":"in_progress","type":"message"},${place}:2,"type":"response.output_item.added"}\n\n`,
        'event: response.content_part.added\ndata: {"content_index":0,"item_id":"msg_654321","output_index":0,"part":{"annotations":[],"logprobs":[],"text":"","type":"output_text"},"sequence_number":3,"type":"response.content_part.added"}\n\n',
        'event: response.output_text.delta\ndata: {"content_index":0,"delta":"Hi!","item_id":"msg_654321","logprobs":[],"output_index":0,"sequence_number":4,"type":"response.output_text.delta"}\n\n',
        'event: response.output_text.done\ndata: {"content_index":0,"item_id":"msg_654321","logprobs":[],"output_index":0,"sequence_number":5,"text":"Hi!","type":"response.output_text.done"}\n\n',
        `event: response.content_part.done\ndata: {"content_index":0,"item_id":"msg_654321","output_index":0,"part":${part},"sequence_number":6,"type":"response.content_part.done"}\n\n`,
        `event: response.output_item.done\ndata: {"item":${item},${place}:7,"type":"response.output_item.done"}\n\n`,
        `event: response.completed\ndata: {"response":${response('completed', '1787338102', `[${item}]`, usage)},"sequence_number":8,"type":"response.completed"}\n\n`,
      ],
    )
  })

  it('is a struct in its own order when whole', () => {
    assert.equal(
      responsesFormat(parts).whole(END).text,
      '{"id":"resp_123456","object":"response","created_at":1787338102,"completed_at":1787338102,"status":"completed","incomplete_details":null,"model":"llama3.2","previous_response_id":null,"instructions":null,"output":[{"id":"msg_654321","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi!","annotations":[],"logprobs":[]}]}],"error":null,"tools":[],"tool_choice":"auto","truncation":"disabled","parallel_tool_calls":true,"text":{"format":{"type":"text"}},"top_p":1,"presence_penalty":0,"frequency_penalty":0,"top_logprobs":0,"temperature":1,"reasoning":null,"usage":{"input_tokens":26,"output_tokens":3,"total_tokens":29,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}},"max_output_tokens":null,"max_tool_calls":null,"store":false,"background":false,"service_tier":"default","metadata":{},"safety_identifier":null,"prompt_cache_key":null}\n',
    )
  })
})

it('V15: each error format has its own busy answer', () => {
  const busy = new WireError(503, BUSY, 'handler')
  const text = 'server busy, please try again.  maximum pending requests exceeded'
  assert.deepEqual(nativeError(busy), {
    type: 'application/json; charset=utf-8',
    text: `{"error":"${text}"}`,
  })
  assert.deepEqual(openaiError(busy), {
    type: 'application/json',
    text: `{"error":{"message":"${text}","type":"api_error","param":null,"code":null}}\n`,
  })
  assert.deepEqual(anthropicError(() => '0123456789abcdef01234567')(busy), {
    type: 'application/json',
    text: `{"type":"error","error":{"type":"overloaded_error","message":"${text}"},"request_id":"req_0123456789abcdef01234567"}\n`,
  })
})
