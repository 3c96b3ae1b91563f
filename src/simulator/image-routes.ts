import { createHash } from 'node:crypto'
import type { AnswerFormat } from './answer-format.ts'
import type { GoStruct } from './go-struct.ts'
import { runJob } from './inference.ts'
import { refuseEmbeddingModel } from './native-routes.ts'
import { creationSeconds, jsonLine, openaiError } from './openai-format.ts'
import { emptyNotFound, resolveModel, v1Route } from './request.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

const MAX_SIDE_PIXELS = 4_096
const IMAGE_URL = /^data:(?:image\/(?:jpeg|jpg|png|webp))?;base64,([A-Za-z0-9+/]*={0,2})$/

/**
 * The image routes of Ollama 0.14.3 to 0.32.5. Ollama turns both into /api/generate, and reads JSON whatever the
 * Content-Type is.
 */
export const generations = v1Route('openai.ImageGenerationRequest', (exchange, ollama, fields) => {
  runJob(exchange, ollama, jobOf(ollama, fields, readInput(fields)))
})

/** OpenAI's own clients send a form here, which Ollama does not accept. */
export const edits = v1Route('openai.ImageEditRequest', (exchange, ollama, fields) => {
  const input = readInput(fields)
  const image = fields.text('image')
  if (image === '') throw new WireError(400, 'image is required')
  if (/^https?:\/\//.test(image))
    throw new WireError(
      400,
      'invalid image: image URLs are not currently supported, please use base64 encoded data instead',
    )
  if (!IMAGE_URL.test(image)) throw new WireError(400, 'invalid image: invalid image input')
  runJob(exchange, ollama, jobOf(ollama, fields, input))
})

function readInput(fields: GoStruct): { model: string; prompt: string } {
  const model = fields.text('model')
  const prompt = fields.text('prompt')
  if (prompt === '') throw new WireError(400, 'prompt is required')
  if (model === '') throw new WireError(400, 'model is required')
  return { model, prompt }
}

function jobOf(ollama: SimulatedOllama, fields: GoStruct, input: { model: string; prompt: string }) {
  const model = resolveModel(ollama, input.model, emptyNotFound)
  refuseEmbeddingModel(model, input.model, 'generate')
  const makesImages = model.capabilities.includes('image')
  if (makesImages) {
    const [, width = 0, height = 0] = /^\s*(\d+)x(\d+)/.exec(fields.text('size')) ?? []
    if (Math.max(Number(width), Number(height)) > MAX_SIDE_PIXELS)
      throw new WireError(400, `width and height must be <= ${MAX_SIDE_PIXELS}`, 'handler')
  }
  return {
    model,
    input,
    kind: 'generate',
    // Ollama streams inside: the answer has the head of an NDJSON stream, and its only line is the image.
    stream: true,
    format: imageFormat(makesImages ? pngOf(input) : undefined, ollama.wallTime),
    errorFormat: openaiError,
  } as const
}

/** `image` is undefined for a model that makes none: the model computes its text, and the answer is an empty 200. */
function imageFormat(image: string | undefined, now: () => number): AnswerFormat {
  const created = creationSeconds(now)
  const end = () =>
    image === undefined ? [] : [jsonLine({ created: created(), data: [{ b64_json: image }] }).text]
  return {
    streamHeaders: { 'Content-Type': 'application/x-ndjson' },
    piece: () => [],
    end,
    whole: () => ({ type: 'application/x-ndjson', text: end().join('') }),
    failed: () => [],
  }
}

/** Bytes with the signature of a PNG; equal inputs give equal bytes. */
function pngOf({ model, prompt }: { model: string; prompt: string }): string {
  const pixels = createHash('sha512').update(`${model}\n${prompt}`).digest()
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), pixels]).toString(
    'base64',
  )
}
