import { GIN_JSON } from './answer-format.ts'
import { goJson, goTime, type Json } from './go-json.ts'
import { details, listed, shown } from './model-json.ts'
import { pullNameOf } from './model-ref.ts'
import type { Model } from './model-spec.ts'
import { parseModelName } from './names.ts'
import { jsonLine } from './openai-format.ts'
import { missingForChat, modelField, nativeRoute, resolveModel } from './request.ts'
import type { Handler } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

const VERSION = '0.33.0'
/** Ollama's "for ever" is the longest Go duration: 2^63 nanoseconds. */
const FOREVER_MS = 2 ** 63 / 1e6

export const root: Handler = (exchange) =>
  exchange.answer(200, 'text/plain; charset=utf-8', 'Ollama is running')

export const version: Handler = (exchange) => exchange.answer(200, GIN_JSON, goJson({ version: VERSION }))

export const tags: Handler = (exchange, ollama) => {
  exchange.answer(200, GIN_JSON, goJson({ models: ollama.library.list().map(listed) }))
}

export const running: Handler = (exchange, ollama) => {
  const now = ollama.clock.wallTime()
  const models = ollama.engine.loaded().flatMap(({ source, options, expiresInMs, bytes, graphicsBytes }) => {
    if (!source || !options) return []
    const { name, digest } = source
    return {
      name,
      model: name,
      size: bytes,
      digest,
      details: details(source, ''),
      expires_at: goTime(now + Math.min(expiresInMs, FOREVER_MS)),
      size_vram: graphicsBytes,
      context_length: options.numCtx,
    }
  })
  exchange.answer(200, GIN_JSON, goJson({ models }))
}

export const show = nativeRoute('api.ShowRequest', (exchange, ollama, fields) => {
  const spelled = modelField(fields)
  const model = resolveModel(ollama, spelled)
  exchange.answer(200, GIN_JSON, goJson(shown(model)))
})

export const copy = nativeRoute('api.CopyRequest', (exchange, ollama, fields) => {
  const source = fields.text('source')
  const destination = fields.text('destination')
  for (const [what, name] of Object.entries({ source, destination })) {
    if (!parseModelName(name)) throw new WireError(400, `${what} ${JSON.stringify(name)} is invalid`)
  }
  const model = ollama.library.find(source)
  if (!model) throw new WireError(404, `model ${JSON.stringify(source)} not found`)
  ollama.library.copy(model, destination)
  exchange.answer(200, undefined, '')
})

export const remove = nativeRoute('api.DeleteRequest', (exchange, ollama, fields) => {
  const spelled = modelField(fields)
  if (!parseModelName(pullNameOf(spelled)))
    throw new WireError(400, `name ${JSON.stringify(spelled)} is invalid`)
  if (!ollama.library.delete(pullNameOf(spelled))) throw new WireError(404, missingForChat(spelled))
  exchange.answer(200, undefined, '')
})

export const listV1: Handler = (exchange, ollama) => {
  const models = ollama.library.list()
  const { type, text } = jsonLine({ object: 'list', data: models.length > 0 ? models.map(modelV1) : null })
  exchange.answer(200, type, text)
}

export const retrieveV1: Handler = (exchange, ollama) => {
  const spelled = exchange.path.slice('/v1/models/'.length)
  const model = resolveModel(ollama, spelled)
  const { type, text } = jsonLine({ ...modelV1(model), id: spelled })
  exchange.answer(200, type, text)
}

function modelV1(model: Model): { [key: string]: Json } {
  return {
    id: model.name,
    object: 'model',
    created: Math.floor(model.modifiedAt / 1000),
    owned_by: model.name.includes('/') ? (model.name.split('/').at(-2) ?? '') : 'library',
  }
}
