export interface GatedRoute {
  readonly path: string
  readonly dialect: 'ollama' | 'openai' | 'anthropic'
  /** Whether it can stream at all. */
  readonly streams: boolean
  /** A request of few tokens, for fetch; `stream` undefined leaves the key out. */
  readonly request: (model: string, stream?: boolean) => RequestInit
}

const messages = [{ role: 'user', content: 'hello' }]

function json(fields: (model: string) => object): GatedRoute['request'] {
  return (model, stream) => ({ method: 'POST', body: JSON.stringify({ ...fields(model), stream }) })
}

const LIMITED = { options: { num_predict: 4 } }

/** All routes that take a slot of their model. */
export const GATED_ROUTES: readonly GatedRoute[] = [
  {
    path: '/api/generate',
    dialect: 'ollama',
    streams: true,
    request: json((model) => ({ model, prompt: 'hello', ...LIMITED })),
  },
  {
    path: '/api/chat',
    dialect: 'ollama',
    streams: true,
    request: json((model) => ({ model, messages, ...LIMITED })),
  },
  {
    path: '/api/embed',
    dialect: 'ollama',
    streams: false,
    request: json((model) => ({ model, input: 'hello' })),
  },
  {
    path: '/api/embeddings',
    dialect: 'ollama',
    streams: false,
    request: json((model) => ({ model, prompt: 'hello' })),
  },
  {
    path: '/v1/chat/completions',
    dialect: 'openai',
    streams: true,
    request: json((model) => ({ model, messages, max_tokens: 4 })),
  },
  {
    path: '/v1/completions',
    dialect: 'openai',
    streams: true,
    request: json((model) => ({ model, prompt: 'hello', max_tokens: 4 })),
  },
  {
    path: '/v1/embeddings',
    dialect: 'openai',
    streams: false,
    request: json((model) => ({ model, input: 'hello' })),
  },
  {
    path: '/v1/responses',
    dialect: 'openai',
    streams: true,
    request: json((model) => ({ model, input: 'hello', max_output_tokens: 4 })),
  },
  {
    path: '/v1/messages',
    dialect: 'anthropic',
    streams: true,
    request: json((model) => ({ model, messages, max_tokens: 4 })),
  },
  { path: '/v1/audio/transcriptions', dialect: 'openai', streams: false, request: transcription },
  {
    path: '/v1/images/generations',
    dialect: 'openai',
    streams: false,
    request: json((model) => ({ model, prompt: 'a gate' })),
  },
  {
    path: '/v1/images/edits',
    dialect: 'openai',
    streams: false,
    request: json((model) => ({ model, prompt: 'a gate', image: 'data:image/png;base64,aGVsbG8=' })),
  },
]

function transcription(model: string): RequestInit {
  const body = new FormData()
  body.set('file', new Blob(['not much of a sound']), 'sound.wav')
  body.set('model', model)
  return { method: 'POST', body }
}
