import { type Dialect, gatedRoute } from './routes.ts'

/** How the answer to a gated call is written: lines of JSON, server-sent events, or one JSON value. */
export type AnswerForm = 'ndjson' | 'events' | 'json'

/** The form in which Ollama answers a call, and the dialect of its errors. */
export interface ExpectedAnswer {
  readonly form: AnswerForm
  readonly dialect: Dialect
  /** The Content-Type that Ollama gives such an answer. */
  readonly contentType: string
}

/**
 * The answer that a call expects. `streams`: the call asks for its answer piece by piece. Undefined for a route whose
 * answer can be plain text, as a transcription can: there is no byte that such a text can begin with and still be the same.
 */
export function expectedAnswer(path: string, streams: boolean): ExpectedAnswer | undefined {
  const route = gatedRoute(path)
  if (route === undefined || route.modelIn === 'form') return undefined
  const { dialect } = route
  const native = dialect === 'ollama'
  if (!streams) return { form: 'json', dialect, contentType: wholeType(path, native) }
  return native
    ? { form: 'ndjson', dialect, contentType: 'application/x-ndjson' }
    : { form: 'events', dialect, contentType: 'text/event-stream' }
}

/** Ollama calls the answer of an image route NDJSON, and clients read an answer by its type. */
function wholeType(path: string, native: boolean): string {
  if (path.startsWith('/v1/images/')) return 'application/x-ndjson'
  return native ? 'application/json; charset=utf-8' : 'application/json'
}

/**
 * What may follow a begun answer of each form. A native call that only loads its model is answered with one JSON value,
 * which is a line as well.
 */
const FOLLOWS: Readonly<Record<AnswerForm, readonly string[]>> = {
  ndjson: ['application/x-ndjson', 'application/json'],
  events: ['text/event-stream'],
  json: ['application/json', 'application/x-ndjson'],
}

/** Whether an answer with these headers can go on where an answer of `form` has begun. */
export function follows(
  form: AnswerForm,
  contentType: string | undefined,
  contentEncoding: string | undefined,
): boolean {
  if (!/^(?:identity)?$/i.test(contentEncoding ?? '')) return false
  return FOLLOWS[form].includes(contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '')
}
