/** What a call asks for. */
export interface Question {
  readonly model: string
  readonly prompt: string
  /** Tokens to answer with, at most. */
  readonly tokens: number
  readonly stream: boolean
}

interface Route {
  readonly streams: boolean
  readonly body: (question: Question) => object
}

const messages = (prompt: string) => [{ role: 'user', content: prompt }]
/** Without it an OpenAI stream ends without telling how many tokens it had. */
const streaming = (stream: boolean) =>
  stream ? { stream, stream_options: { include_usage: true } } : { stream }

/** The smallest PNG there is: a load tests the line, not the decoder of images. */
const ONE_PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='

/** The routes that a load can be put on, with their bodies. */
export const ROUTES: Readonly<Record<string, Route>> = {
  '/api/chat': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      messages: messages(prompt),
      stream,
      options: { num_predict: tokens },
    }),
  },
  '/api/generate': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      prompt,
      stream,
      options: { num_predict: tokens },
    }),
  },
  '/api/embed': { streams: false, body: ({ model, prompt }) => ({ model, input: prompt }) },
  '/api/embeddings': { streams: false, body: ({ model, prompt }) => ({ model, prompt }) },
  '/v1/chat/completions': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      messages: messages(prompt),
      max_tokens: tokens,
      ...streaming(stream),
    }),
  },
  '/v1/completions': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      prompt,
      max_tokens: tokens,
      ...streaming(stream),
    }),
  },
  '/v1/embeddings': { streams: false, body: ({ model, prompt }) => ({ model, input: prompt }) },
  '/v1/responses': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      input: prompt,
      max_output_tokens: tokens,
      stream,
    }),
  },
  '/v1/messages': {
    streams: true,
    body: ({ model, prompt, tokens, stream }) => ({
      model,
      messages: messages(prompt),
      max_tokens: tokens,
      stream,
    }),
  },
  '/v1/images/generations': { streams: false, body: ({ model, prompt }) => ({ model, prompt }) },
  '/v1/images/edits': {
    streams: false,
    body: ({ model, prompt }) => ({ model, prompt, image: ONE_PIXEL }),
  },
}

/** Each of them is one token to the usual tokenizers. */
const WORDS =
  ' the people of this house have made their way to work and back every day with time for one more'

/**
 * About `tokens` tokens. It begins with the number of the call: a prompt that an engine has seen before costs it
 * next to nothing.
 */
export function promptOf(number: number, tokens: number): string {
  const words = WORDS.split(' ').slice(1)
  const rounds = Math.floor(tokens / words.length)
  const rest = words.slice(0, tokens % words.length)
  return `${number}:${WORDS.repeat(rounds)}${rest.map((word) => ` ${word}`).join('')}`
}
