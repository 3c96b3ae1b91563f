import { Decompress } from 'fzstd'
import { decodeFirst, GoObject, GoSyntaxError, type GoValue } from './go-decode.ts'
import { GoStruct, isList } from './go-struct.ts'
import type { HttpExchange } from './http-exchange.ts'
import { namesTwoSources, parseModelRef } from './model-ref.ts'
import type { Model } from './model-spec.ts'
import { parseModelName } from './names.ts'
import type { Handler, SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

const MAX_UNPACKED_BYTES = 20 * 1024 * 1024

type StructHandler = (exchange: HttpExchange, ollama: SimulatedOllama, fields: GoStruct) => void

/** An /api route. `answer` does not run when the client left before its body was complete. */
export function nativeRoute(struct: string, answer: StructHandler): Handler {
  return async (exchange, ollama) => {
    const body = await exchange.body()
    if (body) answer(exchange, ollama, decode(body, struct, 'missing request body'))
  }
}

/** As nativeRoute, for a /v1 route: Ollama accepts zstd there and nowhere else. */
export function v1Route(struct: string, answer: StructHandler): Handler {
  return async (exchange, ollama) => {
    const body = await exchange.body()
    if (!body) return
    const packed = exchange.request.headers['content-encoding'] === 'zstd'
    answer(exchange, ollama, decode(packed ? unpack(body) : body, struct, 'EOF'))
  }
}

/** The model of a request. Throws WireError: `whenEmpty` for an empty name, 404 with `missing` for an unknown one. */
export function resolveModel(
  ollama: SimulatedOllama,
  spelled: string,
  whenEmpty = modelRequired,
  missing = missingForChat,
): Model {
  if (spelled.trim() === '') throw whenEmpty
  if (namesTwoSources(spelled)) {
    const message = `use either :local or :cloud, not both: ${JSON.stringify(spelled.trim())}`
    throw new WireError(400, message, 'handler')
  }
  const { base, source } = parseModelRef(spelled)
  if (!parseModelName(base)) throw new WireError(400, 'invalid model name', 'handler')
  const model = source === 'cloud' ? ollama.library.cloudModel(base) : ollama.library.find(base)
  if (!model || (source === 'local' && model.remote)) throw new WireError(404, missing(spelled), 'handler')
  return model
}

/** Older clients send the model as `name`. */
export function modelField(fields: GoStruct): string {
  return fields.text('model') || fields.text('name')
}

export const modelRequired = new WireError(400, 'model is required', 'handler')

export const emptyNotFound = new WireError(404, missingForChat(''), 'handler')

export function missingForChat(name: string): string {
  return `model '${name}' not found`
}

export function missingForEmbed(name: string): string {
  return `model "${name}" not found, try pulling it first`
}

/** All text of a message's content: a string, or a list of parts, some of which have text. */
export function contentText(content: GoValue | undefined): string {
  if (typeof content === 'string') return content
  if (!isList(content)) return ''
  return content.map((part) => (part instanceof GoObject ? partText(part) : '')).join('')
}

function partText(part: GoObject): string {
  const fields = new GoStruct('ContentPart', part)
  const text = fields.raw('text')
  return typeof text === 'string' ? text : contentText(fields.raw('content'))
}

function decode(body: Buffer, struct: string, whenEmpty: string): GoStruct {
  try {
    return new GoStruct(struct, decodeFirst(body))
  } catch (error) {
    if (!(error instanceof GoSyntaxError)) throw error
    throw new WireError(400, error.message === 'EOF' ? whenEmpty : error.message)
  }
}

function unpack(body: Buffer): Buffer {
  const parts: Uint8Array[] = []
  let length = 0
  const stream = new Decompress((part) => {
    length += part.length
    if (length > MAX_UNPACKED_BYTES) throw new WireError(400, 'http: request body too large', 'bare')
    parts.push(part)
  })
  try {
    stream.push(body, true)
  } catch (error) {
    if (error instanceof WireError) throw error
    throw new WireError(400, 'failed to decode zstd request body', 'bare')
  }
  return Buffer.concat(parts)
}
