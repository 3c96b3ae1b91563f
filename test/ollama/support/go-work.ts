import { parseModelName } from '../../../src/ollama/model-name.ts'
import { decodeFirst, GoObject, GoSyntaxError, type GoValue } from '../../../src/simulator/go-decode.ts'

/** What Ollama does for a call whose model is there. refused: Ollama answers with an error before it loads a model. */
export type OllamaWork = 'refused' | 'unload' | 'load' | 'run'

/**
 * What Ollama's handlers do for a JSON body, step by step as Go's encoding/json decodes the body and as
 * server/routes.go and middleware/openai.go go on. Slow and simple on purpose: the scan of the proxy shares none of its
 * ways. Fields that do not decide about the work are not looked at.
 */
export function ollamaWork(path: string, body: Uint8Array): OllamaWork {
  try {
    const decoded = decodeFirst(Buffer.from(body))
    if (decoded !== null && !(decoded instanceof GoObject)) return 'refused'
    const fields = new Fields(decoded ?? new GoObject([]))
    // test/ollama/model-name.test.ts is the measure of names.
    if (parseModelName(fields.text('model')) === undefined) return 'refused'
    return handlers[path]?.(fields) ?? 'run'
  } catch (error) {
    if (error instanceof Refused || error instanceof GoSyntaxError) return 'refused'
    throw error
  }
}

class Refused extends Error {}

/** The fields of a Go struct. Each method reads all values of a key in their order, as the decoder sets the field. */
class Fields {
  readonly #object: GoObject

  constructor(object: GoObject) {
    this.#object = object
  }

  /** A field of type string. */
  text(name: string): string {
    let field = ''
    for (const value of this.#values(name)) {
      if (typeof value === 'string') field = value
      else if (value !== null) throw new Refused()
    }
    return field
  }

  /** A field of type any. */
  any(name: string): GoValue {
    return this.#values(name).at(-1) ?? null
  }

  /** The length of a field of type []struct. A null element is an empty struct. */
  length(name: string): number {
    let field = 0
    for (const value of this.#values(name)) {
      if (value === null) field = 0
      else if (!isArray(value)) throw new Refused()
      else if (value.some((element) => element !== null && !(element instanceof GoObject)))
        throw new Refused()
      else field = value.length
    }
    return field
  }

  /** A field of type *api.Duration, in whole nanoseconds. Null: a nil pointer. */
  duration(name: string): number | null {
    let field: number | null = null
    for (const value of this.#values(name)) field = value === null ? null : nanoseconds(value)
    return field
  }

  /** foldName of encoding/json: letters of ASCII, the long s and the Kelvin sign match without case. */
  #values(name: string): GoValue[] {
    const folded = (key: string) =>
      key.replace(/[A-Z\u017f\u212a]/g, (letter) =>
        letter === '\u017f' ? 's' : letter === '\u212a' ? 'k' : letter.toLowerCase(),
      )
    return this.#object.entries.filter(([key]) => folded(key) === name).map(([, value]) => value)
  }
}

const handlers: Readonly<Record<string, (fields: Fields) => OllamaWork>> = {
  '/api/generate': (fields) => {
    const keepAlive = fields.duration('keep_alive')
    if (fields.text('prompt') !== '') return 'run'
    return keepAlive === 0 ? 'unload' : 'load'
  },
  '/api/chat': (fields) => {
    const keepAlive = fields.duration('keep_alive')
    if (fields.length('messages') > 0) return 'run'
    return keepAlive === 0 ? 'unload' : 'load'
  },
  '/api/embed': (fields) => {
    fields.duration('keep_alive')
    return inputsOf(fields.any('input')).length === 0 ? 'load' : 'run'
  },
  '/api/embeddings': (fields) => {
    fields.duration('keep_alive')
    return fields.text('prompt') === '' ? 'load' : 'run'
  },
  // Through GenerateHandler: the request has no keep_alive.
  '/v1/completions': (fields) => (fields.text('prompt') === '' ? 'load' : 'run'),
  // Through EmbedHandler. The middleware makes a list of an empty text and refuses an empty list.
  '/v1/embeddings': (fields) => {
    const input = fields.any('input')
    if (input === null || (isArray(input) && input.length === 0)) return 'refused'
    inputsOf(input)
    return 'run'
  },
  '/v1/chat/completions': (fields) => (fields.length('messages') === 0 ? 'refused' : 'run'),
  '/v1/messages': (fields) => (fields.length('messages') === 0 ? 'refused' : 'run'),
}

/** EmbedHandler: the texts to embed. */
function inputsOf(input: GoValue): readonly string[] {
  if (input === null || input === '') return []
  if (typeof input === 'string') return [input]
  if (!isArray(input)) throw new Refused()
  return input.map((element) => {
    if (typeof element !== 'string') throw new Refused()
    return element
  })
}

/** Duration.UnmarshalJSON of api/types.go. */
function nanoseconds(value: GoValue): number {
  const read =
    typeof value === 'number'
      ? Math.trunc(value * 1e9)
      : typeof value === 'string'
        ? parseDuration(value)
        : undefined
  if (read === undefined) throw new Refused()
  return read < 0 || (typeof value === 'number' && value < 0) ? Number.POSITIVE_INFINITY : read
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** time.ParseDuration, in whole nanoseconds. Undefined: an error. */
function parseDuration(text: string): number | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  let rest = text.slice(sign.length)
  if (rest === '0') return 0
  if (rest === '') return undefined
  let sum = 0
  while (rest !== '') {
    const [part = '', whole = '', fraction = '', name = ''] = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest) ?? []
    const unit = UNITS[name]
    if (unit === undefined || whole + fraction === '') return undefined
    sum += Number(whole) * unit + Math.trunc(Number(`0${fraction}`) * (unit / 10 ** fraction.length))
    rest = rest.slice(part.length)
  }
  return sign === '-' ? -sum : sum
}

function isArray(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value)
}
