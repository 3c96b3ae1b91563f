/** How a route words its errors: like Ollama itself, like OpenAI or like Anthropic. */
export type Dialect = 'ollama' | 'openai' | 'anthropic'

/** A key whose value is what the model gets to work on. */
export type ContentKey = 'messages' | 'prompt' | 'input'

/** What the proxy knows about one gated route: a POST route on which Ollama runs a model. */
export interface GatedRoute {
  readonly path: string
  readonly dialect: Dialect
  /**
   * What the route does, in the words of OpenTelemetry's gen_ai.operation.name. A transcription turns sound into text,
   * an image route turns text into a picture. For both the conventions only have the word of multimodal calls:
   * generate_content.
   */
  readonly operation: 'chat' | 'embeddings' | 'generate_content' | 'text_completion'
  /** Whether the answer is a stream when the body does not say. 'never': the route cannot stream. */
  readonly streams: 'by default' | 'if asked' | 'never'
  /** 'json or form': Ollama reads JSON whatever the Content-Type says. A form counts where no JSON names a model. */
  readonly modelIn: 'json' | 'form' | 'json or form'
  /** Whether Ollama decodes a zstd body. Ollama does so on its /v1 routes that read JSON. */
  readonly zstd: boolean
  /**
   * With nothing under this key Ollama only loads the model. Undefined: the call counts as work. Most other routes
   * refuse a call without content; on /v1/responses the loading depends on two keys. Source: the handlers in Ollama's
   * server/routes.go, and middleware/openai.go for /v1.
   */
  readonly loadsWithout?: ContentKey
  /** Whether a call that would only load the model unloads the model when its keep_alive is 0. */
  readonly unloads?: true
  /** Ollama runs each element of an array under this key by itself, in a parallel place of its own. */
  readonly runsEach?: 'input'
  /** Whether the body can set the options with which Ollama loads the model. */
  readonly takesOptions: boolean
}

/** What most routes under /api, and most routes under /v1, have in common. A row can differ. */
const NATIVE = { dialect: 'ollama', modelIn: 'json', zstd: false, takesOptions: true } as const
const OPENAI = { dialect: 'openai', modelIn: 'json', zstd: true, takesOptions: false } as const

// biome-ignore format: one line a route.
const ROUTES = [
  { ...NATIVE, path: '/api/generate', operation: 'text_completion', streams: 'by default', loadsWithout: 'prompt', unloads: true },
  { ...NATIVE, path: '/api/chat', operation: 'chat', streams: 'by default', loadsWithout: 'messages', unloads: true },
  { ...NATIVE, path: '/api/embed', operation: 'embeddings', streams: 'never', loadsWithout: 'input', runsEach: 'input' },
  { ...NATIVE, path: '/api/embeddings', operation: 'embeddings', streams: 'never', loadsWithout: 'prompt' },
  { ...OPENAI, path: '/v1/chat/completions', operation: 'chat', streams: 'if asked' },
  { ...OPENAI, path: '/v1/completions', operation: 'text_completion', streams: 'if asked', loadsWithout: 'prompt' },
  { ...OPENAI, path: '/v1/embeddings', operation: 'embeddings', streams: 'never', runsEach: 'input' },
  { ...OPENAI, path: '/v1/responses', operation: 'chat', streams: 'if asked' },
  { ...OPENAI, path: '/v1/messages', operation: 'chat', streams: 'if asked', dialect: 'anthropic' },
  { ...OPENAI, path: '/v1/audio/transcriptions', operation: 'generate_content', streams: 'never', modelIn: 'form', zstd: false },
  { ...OPENAI, path: '/v1/images/generations', operation: 'generate_content', streams: 'never' },
  { ...OPENAI, path: '/v1/images/edits', operation: 'generate_content', streams: 'never', modelIn: 'json or form' },
] as const satisfies readonly GatedRoute[]

/** The gated routes whose body may be JSON. */
export type JsonPath = Exclude<(typeof ROUTES)[number], { modelIn: 'form' }>['path']

export const GATED_PATHS: readonly string[] = ROUTES.map(({ path }) => path)

const BY_PATH: ReadonlyMap<string, GatedRoute> = new Map(ROUTES.map((route) => [route.path, route]))

/** `path`: decoded, without query. Undefined for a route that is not gated. */
export function gatedRoute(path: string): GatedRoute | undefined {
  return BY_PATH.get(path)
}

/** Routes that change which models Ollama has, or what a name stands for. */
const MODEL_CHANGES: ReadonlySet<string> = new Set(['/api/pull', '/api/create', '/api/copy', '/api/delete'])

/** Whether a request that went well may have changed the models of Ollama. `path`: decoded, without query. */
export function changesModels(path: string): boolean {
  return MODEL_CHANGES.has(path)
}

/** Whether a gated route can answer with a stream. */
export function canStream(path: string): boolean {
  const route = BY_PATH.get(path)
  return route !== undefined && route.streams !== 'never'
}

/** The dialect of any path of Ollama, gated or not. `path`: decoded, without query. */
export function dialectOf(path: string): Dialect {
  const gated = BY_PATH.get(path)
  if (gated !== undefined) return gated.dialect
  if (path.startsWith('/v1/messages/')) return 'anthropic'
  return path.startsWith('/v1/') ? 'openai' : 'ollama'
}
