import { embeddingOf } from './answer.ts'
import { type AnswerEnd, type AnswerFormat, GIN_JSON } from './answer-format.ts'
import type { GoValue } from './go-decode.ts'
import { goJson, shortestFloat32 } from './go-json.ts'
import { type GoStruct, isList } from './go-struct.ts'
import type { HttpExchange } from './http-exchange.ts'
import { type Job, runJob } from './inference.ts'
import { readKeepAlive } from './keep-alive.ts'
import { integerOption, type OptionMap } from './load-options.ts'
import { type Model, nameInAnswer, type RemotePlace } from './model-spec.ts'
import { chatFormat, embedBody, generateFormat, nativeError } from './native-format.ts'
import { emptyNotFound, missingForEmbed, modelRequired, nativeRoute, resolveModel } from './request.ts'
import { runnerKeyOf } from './runner-request.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

export const EMBEDDING_LENGTH = 384

export const generate = nativeRoute('api.GenerateRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const prompt = fields.text('prompt')
  const common = readCommon(fields)
  const model = resolveModel(ollama, spelled, emptyNotFound)
  const format = generateFormat(nameInAnswer(model, spelled), ollama.wallTime, stubOf(model))
  const input = { model: spelled, prompt: `${fields.text('system')}${prompt}${fields.text('suffix')}` }
  if (prompt === '' && common.keepAliveMs === 0 && !model.remote)
    return unload(exchange, ollama, model, format)
  refuseEmbeddingModel(model, spelled, 'generate')
  const kind = prompt === '' ? 'load' : 'generate'
  const withContext = fields.flag('raw') !== true
  runJob(exchange, ollama, { ...common, model, input, kind, withContext, format, errorFormat: nativeError })
})

export const chat = nativeRoute('api.ChatRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const messages = fields.structs('messages', 'api.Message')
  const common = readCommon(fields)
  const model = resolveModel(ollama, spelled)
  const format = chatFormat(nameInAnswer(model, spelled), ollama.wallTime, stubOf(model))
  const input = { model: spelled, prompt: messages.map((message) => message.text('content')).join('\n') }
  // Unlike /api/generate, this route looks for an unload before it looks where the model runs.
  const unloads = messages.length === 0 && common.keepAliveMs === 0 && !model.remote?.byName
  if (unloads) return unload(exchange, ollama, model, format)
  refuseEmbeddingModel(model, spelled, 'chat')
  const kind = messages.length === 0 ? 'load' : 'generate'
  runJob(exchange, ollama, { ...common, model, input, kind, format, errorFormat: nativeError })
})

export const embed = nativeRoute('api.EmbedRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const inputs = readInputs(fields.raw('input'))
  const model = resolveModel(ollama, spelled, emptyNotFound, missingForEmbed)
  const format = wholeFormat((end) => embedBody(nameInAnswer(model, spelled), inputs.map(float32Vector), end))
  runJob(exchange, ollama, embedJob(fields, model, spelled, inputs, format))
})

export const embeddings = nativeRoute('api.EmbeddingRequest', (exchange, ollama, fields) => {
  const spelled = fields.text('model')
  const prompt = fields.text('prompt')
  const model = resolveModel(ollama, spelled, modelRequired, missingForEmbed)
  const inputs = prompt === '' ? [] : [prompt]
  // This route sends the float32 values as float64, so with all digits.
  const format = wholeFormat(() =>
    goJson({ embedding: inputs.flatMap((text) => embeddingOf(text, EMBEDDING_LENGTH)) }),
  )
  runJob(exchange, ollama, embedJob(fields, model, spelled, inputs, format))
})

/** Reads a text or a list of texts. A single empty text gives an empty list. */
export function readInputs(value: GoValue | undefined): string[] {
  if (value === undefined || value === '') return []
  if (typeof value === 'string') return [value]
  if (!isList(value)) throw new WireError(400, 'invalid input type', 'handler')
  return value.map((item) => {
    if (typeof item !== 'string') throw new WireError(400, 'invalid input type', 'handler')
    return item
  })
}

export function float32Vector(text: string): number[] {
  return embeddingOf(text, EMBEDDING_LENGTH).map(shortestFloat32)
}

export function refuseEmbeddingModel(model: Model, spelled: string, what: 'generate' | 'chat'): void {
  const embedsOnly = model.capabilities.includes('embedding') && !model.capabilities.includes('completion')
  if (embedsOnly) throw new WireError(400, `${JSON.stringify(spelled)} does not support ${what}`, 'handler')
}

function embedJob(
  fields: GoStruct,
  model: Model,
  spelled: string,
  inputs: readonly string[],
  format: AnswerFormat,
): Job {
  const keepAliveMs = readKeepAlive(fields.raw('keep_alive'))
  return {
    model,
    input: { model: spelled, prompt: inputs.join('\n') },
    inputs,
    kind: inputs.length === 0 ? 'load' : 'embed',
    keepAliveMs,
    options: optionsOf(fields),
    stream: false,
    format,
    errorFormat: nativeError,
  }
}

/** The format of a route that does not stream. */
export function wholeFormat(text: (end: AnswerEnd) => string, type = GIN_JSON): AnswerFormat {
  return {
    streamHeaders: {},
    piece: () => [],
    end: () => [],
    whole: (end) => ({ type, text: text(end) }),
    failed: () => [],
  }
}

/** The place of a model that a stub on the disk names. Answers of the cloud itself do not name their place. */
function stubOf({ remote }: Model): RemotePlace | undefined {
  return remote?.byName ? undefined : remote
}

type CommonFields = Pick<Job, 'limit' | 'keepAliveMs' | 'options' | 'shift' | 'stream'>

function readCommon(fields: GoStruct): CommonFields {
  const options = optionsOf(fields)
  return {
    stream: fields.flag('stream') ?? true,
    limit: integerOption(options, 'num_predict'),
    options,
    shift: fields.flag('shift'),
    keepAliveMs: readKeepAlive(fields.raw('keep_alive')),
  }
}

function optionsOf(fields: GoStruct): OptionMap {
  return fields.struct('options', 'map[string]interface {}').entries()
}

function unload(exchange: HttpExchange, ollama: SimulatedOllama, model: Model, format: AnswerFormat): void {
  ollama.engine.unload(runnerKeyOf(model))
  const { type, text } = format.whole({ text: '', reason: 'unload' })
  exchange.answer(200, type, text)
}
