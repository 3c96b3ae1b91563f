import { canStream, type JsonPath } from '../../ollama/routes.ts'

/** Content of one call, independent of the route. */
interface Question {
  readonly model: string
  readonly prompt: string
  /** Most tokens of the answer. */
  readonly tokens: number
  readonly stream: boolean
}

type MakeBody = (question: Question) => object

interface Route {
  readonly streams: boolean
  readonly body: MakeBody
}

const messages = (prompt: string) => [{ role: 'user', content: prompt }]
/** Without `include_usage`, an OpenAI stream does not report its tokens. */
const streaming = (stream: boolean) =>
  stream ? { stream, stream_options: { include_usage: true } } : { stream }

/** A PNG of one pixel: the load tests the line, not the decoder of images. */
const ONE_PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='

/** The body of a call, for each route that reads JSON. */
const BODIES: Readonly<Record<JsonPath, MakeBody>> = {
  '/api/chat': ({ model, prompt, tokens, stream }) => ({
    model,
    messages: messages(prompt),
    stream,
    options: { num_predict: tokens },
  }),
  '/api/generate': ({ model, prompt, tokens, stream }) => ({
    model,
    prompt,
    stream,
    options: { num_predict: tokens },
  }),
  '/api/embed': ({ model, prompt }) => ({ model, input: prompt }),
  '/api/embeddings': ({ model, prompt }) => ({ model, prompt }),
  '/v1/chat/completions': ({ model, prompt, tokens, stream }) => ({
    model,
    messages: messages(prompt),
    max_tokens: tokens,
    ...streaming(stream),
  }),
  '/v1/completions': ({ model, prompt, tokens, stream }) => ({
    model,
    prompt,
    max_tokens: tokens,
    ...streaming(stream),
  }),
  '/v1/embeddings': ({ model, prompt }) => ({ model, input: prompt }),
  '/v1/responses': ({ model, prompt, tokens, stream }) => ({
    model,
    input: prompt,
    max_output_tokens: tokens,
    stream,
  }),
  '/v1/messages': ({ model, prompt, tokens, stream }) => ({
    model,
    messages: messages(prompt),
    max_tokens: tokens,
    stream,
  }),
  '/v1/images/generations': ({ model, prompt }) => ({ model, prompt }),
  '/v1/images/edits': ({ model, prompt }) => ({ model, prompt, image: ONE_PIXEL }),
}

/** The routes that a load can be put on. */
export const ROUTES: Readonly<Record<string, Route>> = Object.fromEntries(
  Object.entries(BODIES).map(([path, body]) => [path, { streams: canStream(path), body }]),
)

/** Each of them is one token to the usual tokenizers. */
const WORDS =
  ' the people of this house have made their way to work and back every day with time for one more'

/**
 * A prompt of about `tokens` tokens. Every prompt begins with the number of its call, since an engine answers a prompt
 * that it has seen before at almost no cost.
 */
export function promptOf(number: number, tokens: number): string {
  const words = WORDS.split(' ').slice(1)
  const rounds = Math.floor(tokens / words.length)
  const rest = words.slice(0, tokens % words.length)
  return `${number}:${WORDS.repeat(rounds)}${rest.map((word) => ` ${word}`).join('')}`
}
