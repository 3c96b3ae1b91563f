import { embeddingOf } from './answer.ts'
import { PLAIN_JSON } from './answer-format.ts'
import { anthropicError, messageFormat } from './anthropic-format.ts'
import type { GoStruct } from './go-struct.ts'
import { runJob } from './inference.ts'
import { nameInAnswer } from './model-spec.ts'
import {
  EMBEDDING_LENGTH,
  float32Vector,
  readInputs,
  refuseEmbeddingModel,
  wholeFormat,
} from './native-routes.ts'
import {
  base64Floats,
  chatCompletionFormat,
  completionFormat,
  embeddingList,
  openaiError,
} from './openai-format.ts'
import { contentText, emptyNotFound, missingForEmbed, resolveModel, v1Route } from './request.ts'
import { responsesFormat } from './responses-format.ts'
import type { Handler, SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

export const chatCompletions = v1Route('openai.ChatCompletionRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const messages = fields.structs('messages', 'openai.Message')
  if (messages.length === 0) throw new WireError(400, "[] is too short - 'messages'")
  const model = chatModel(ollama, spelled)
  runJob(exchange, ollama, {
    model,
    input: { model: spelled, prompt: joined(messages) },
    kind: 'generate',
    limit: fields.integer('max_tokens'),
    stream: fields.flag('stream') ?? false,
    format: chatCompletionFormat(completionParts(ollama, fields, nameInAnswer(model, spelled))),
    errorFormat: openaiError,
  })
})

export const completions = v1Route('openai.CompletionRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const prompt = fields.text('prompt')
  const model = resolveModel(ollama, spelled, emptyNotFound)
  refuseEmbeddingModel(model, spelled, 'generate')
  runJob(exchange, ollama, {
    model,
    input: { model: spelled, prompt: `${prompt}${fields.text('suffix')}` },
    kind: prompt === '' ? 'load' : 'generate',
    limit: fields.integer('max_tokens'),
    stream: fields.flag('stream') ?? false,
    format: completionFormat(completionParts(ollama, fields, nameInAnswer(model, spelled))),
    errorFormat: openaiError,
  })
})

export const embeddingsV1 = v1Route('openai.EmbedRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const input = fields.raw('input')
  // Unlike /api/embed, this route embeds a single empty text.
  const inputs = input === '' ? [''] : readInputs(input)
  if (inputs.length === 0) throw new WireError(400, 'invalid input')
  const base64 = fields.text('encoding_format').toLowerCase() === 'base64'
  const model = resolveModel(ollama, spelled, emptyNotFound, missingForEmbed)
  const vectors = () =>
    inputs.map((text) => (base64 ? base64Floats(embeddingOf(text, EMBEDDING_LENGTH)) : float32Vector(text)))
  runJob(exchange, ollama, {
    model,
    input: { model: spelled, prompt: inputs.join('\n') },
    inputs,
    kind: 'embed',
    stream: false,
    format: wholeFormat(
      (end) => `${embeddingList(nameInAnswer(model, spelled), vectors(), end.figures?.promptTokens ?? 0)}\n`,
      PLAIN_JSON,
    ),
    errorFormat: openaiError,
  })
})

export const responses = v1Route('openai.ResponsesRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const input = fields.raw('input')
  const instructions = fields.text('instructions')
  const maxOutputTokens = fields.integer('max_output_tokens')
  const model = chatModel(ollama, spelled)
  const format = responsesFormat({
    id: ollama.ids.sixDigits(),
    messageId: ollama.ids.sixDigits(),
    model: nameInAnswer(model, spelled),
    now: ollama.wallTime,
    instructions: instructions || null,
    maxOutputTokens: maxOutputTokens ?? null,
    temperature: fields.number('temperature') ?? null,
    topP: fields.number('top_p') ?? null,
  })
  runJob(exchange, ollama, {
    model,
    input: { model: spelled, prompt: `${instructions}${contentText(input)}` },
    kind: 'generate',
    limit: maxOutputTokens,
    stream: fields.flag('stream') ?? false,
    format,
    errorFormat: openaiError,
  })
})

export const messages = v1Route('anthropic.MessagesRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  if (spelled === '') throw new WireError(400, 'model is required')
  const limit = fields.integer('max_tokens') ?? 0
  if (limit <= 0) throw new WireError(400, 'max_tokens is required and must be positive')
  const turns = fields.structs('messages', 'anthropic.MessageParam')
  if (turns.length === 0) throw new WireError(400, 'messages is required')
  const system = contentText(fields.raw('system'))
  const prompt = joined(turns)
  const model = chatModel(ollama, spelled)
  const roles = turns.map((turn) => turn.text('role')).join('')
  runJob(exchange, ollama, {
    model,
    input: { model: spelled, prompt: `${system}${prompt}` },
    kind: 'generate',
    limit,
    stream: fields.flag('stream') ?? false,
    format: messageFormat({
      id: ollama.ids.hex(),
      model: nameInAnswer(model, spelled),
      estimatedInputTokens: Math.floor(Buffer.byteLength(system + roles + prompt) / 4),
    }),
    errorFormat: anthropicError(() => ollama.ids.hex()),
  })
})

/** The body is multipart. Every chat model accepts audio, and the text is made up as for a chat. */
export const transcriptions: Handler = async (exchange, ollama) => {
  const body = await exchange.body()
  if (!body) return
  const form = await readForm(body, exchange.request.headers['content-type'] ?? '')
  const file = form.get('file')
  if (!(file instanceof Blob)) throw new WireError(400, 'file is required')
  const spelled = textField(form, 'model')
  if (spelled === '') throw new WireError(400, 'model is required')
  const plain = textField(form, 'response_format') === 'text'
  const whole = ({ text }: { text: string }) => (plain ? text : `${JSON.stringify({ text })}\n`)
  runJob(exchange, ollama, {
    model: chatModel(ollama, spelled),
    input: { model: spelled, prompt: `${textField(form, 'prompt')}${file.size} bytes` },
    kind: 'generate',
    stream: false,
    format: wholeFormat(whole, plain ? 'text/plain' : PLAIN_JSON),
    errorFormat: openaiError,
  })
}

function chatModel(ollama: SimulatedOllama, spelled: string) {
  const model = resolveModel(ollama, spelled)
  refuseEmbeddingModel(model, spelled, 'chat')
  return model
}

function completionParts(ollama: SimulatedOllama, fields: GoStruct, model: string) {
  const includeUsage = fields.struct('stream_options', 'openai.StreamOptions').flag('include_usage') ?? false
  return { id: ollama.ids.small(), model, now: ollama.wallTime, includeUsage }
}

function joined(turns: readonly GoStruct[]): string {
  return turns.map((turn) => contentText(turn.raw('content'))).join('\n')
}

async function readForm(body: Buffer, type: string): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  } catch {
    throw new WireError(400, 'failed to parse multipart form')
  }
}

function textField(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value : ''
}
