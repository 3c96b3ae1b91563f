import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

/** The head of an answer, and what was asked. */
export interface AnswerHead {
  readonly method: string
  /** Decoded, without query. */
  readonly path: string
  readonly status: number
  readonly header: (name: string) => string | null
}

const FILE = new URL('../../docs/openapi.yaml', import.meta.url)
const ISO_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
/** Statuses with which a parser of HTTP ends a connection before there is a request. Its answer is never JSON. */
const OF_THE_PARSER = new Set([400, 408, 413, 431])

/** docs/openapi.yaml as committed: what an answer may be. Places in the document are JSON pointers. */
export class Description {
  readonly #document: unknown = parse(readFileSync(FILE, 'utf8'))
  readonly #ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true })
  readonly #validators = new Map<string, ValidateFunction>()
  readonly #paths: readonly string[]
  readonly #ownTrees: RegExp

  constructor() {
    this.#ajv.addFormat('date-time', ISO_UTC)
    this.#ajv.addSchema(objectOf(this.#document), 'openapi.yaml')
    this.#paths = keysOf(this.#at('/paths'))
    const trees = new Set(this.#paths.map((path) => path.split('/')[1]))
    this.#ownTrees = new RegExp(`^/(?:${[...trees].join('|')})(?:/|$)`)
  }

  /** Whether an answer is the proxy's own. Every other answer is Ollama's, or that of a parser of HTTP. */
  isOurs({ header, path, status }: AnswerHead): boolean {
    if (OF_THE_PARSER.has(status) && !header('content-type')?.startsWith('application/json')) return false
    if (this.#ownTrees.test(path)) return true
    return status >= 400 && header('cache-control') === 'no-store'
  }

  /** What differs in an answer of ours. `body`: undefined where it was not read. */
  problemsOf(head: AnswerHead, body: string | undefined): readonly string[] {
    const operation = this.#operationOf(head)
    const response = this.#resolved(`${operation}/responses/${head.status}`)
    if (response === undefined) return [`the status is not described at ${operation}`]
    return [...this.#headerProblems(head, response), ...this.#bodyProblems(head, body, response)]
  }

  /** What differs in the data of a server-sent event of a path. */
  problemsOfEvent(path: string, name: string, data: string): readonly string[] {
    const media = pointer(
      '/paths',
      this.#templateOf(path) ?? '',
      'get',
      'responses',
      '200',
      'content',
      'text/event-stream',
    )
    const schema = pointer(media, 'x-events', name)
    if (this.#at(schema) === undefined) return [`the event ${name} is not described`]
    // Before the first sample there is none.
    if (name === 'sample' && data === 'null') return []
    return this.#validate(schema, data)
  }

  /** What differs in the body of a request that was accepted. */
  problemsOfRequest(method: string, path: string, body: string): readonly string[] {
    const schema = pointer(
      '/paths',
      path,
      method.toLowerCase(),
      'requestBody',
      'content',
      'application/json',
      'schema',
    )
    return this.#at(schema) === undefined ? [] : this.#validate(schema, body)
  }

  #operationOf({ method, path }: AnswerHead): string {
    const items = '/components/pathItems'
    if (this.#ownTrees.test(path)) {
      const operation = pointer(
        '/paths',
        this.#templateOf(path) ?? '',
        method === 'HEAD' ? 'get' : method.toLowerCase(),
      )
      return this.#at(operation) === undefined ? `${items}/NoRoute/get` : operation
    }
    if (/^\/v1\/messages(?:\/|$)/.test(path)) return `${items}/AnthropicCall/post`
    return `${items}/${path.startsWith('/v1/') ? 'OpenAiCall' : 'OllamaCall'}/post`
  }

  /** The path as the description names it. */
  #templateOf(path: string): string | undefined {
    return this.#paths.find((each) => each === path) ?? this.#paths.find((each) => isTemplateOf(each, path))
  }

  #headerProblems({ header }: AnswerHead, response: string): readonly string[] {
    return keysOf(this.#at(`${response}/headers`)).flatMap((name) => {
      const described = this.#resolved(pointer(response, 'headers', name)) ?? ''
      const value = header(name)
      if (value === null)
        return this.#at(`${described}/required`) === true ? [`the header ${name} is missing`] : []
      const isNumber = this.#at(`${described}/schema/type`) !== 'string'
      const problems = this.#validate(`${described}/schema`, isNumber ? value : JSON.stringify(value))
      return problems.map((problem) => `the header ${name} is "${value}": ${problem}`)
    })
  }

  #bodyProblems(
    { header, method }: AnswerHead,
    body: string | undefined,
    response: string,
  ): readonly string[] {
    const type = header('content-type')?.split(';', 1)[0] ?? ''
    const types = keysOf(this.#at(`${response}/content`))
    if (types.length === 0) return body ? ['there is a body, and none is described'] : []
    if (!types.includes(type)) return [`the content type "${type}" is not described`]
    if (type !== 'application/json' || method === 'HEAD' || body === undefined) return []
    return this.#validate(pointer(response, 'content', type, 'schema'), body)
  }

  #validate(schema: string, json: string): readonly string[] {
    const validate = this.#validatorOf(schema)
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      return ['the text is not JSON']
    }
    if (validate(value)) return []
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      [instancePath || 'the whole', message, JSON.stringify(params)].join(' '),
    )
  }

  #validatorOf(schema: string): ValidateFunction {
    const known = this.#validators.get(schema)
    if (known) return known
    const validate = this.#ajv.getSchema(`openapi.yaml#${encodeURI(schema)}`)
    if (!validate) throw new Error(`docs/openapi.yaml has no schema at ${schema}`)
    this.#validators.set(schema, validate)
    return validate
  }

  /** Where a value really stands: it may be a reference. Undefined where there is none. */
  #resolved(place: string): string | undefined {
    const reference = this.#at(`${place}/$ref`)
    if (typeof reference === 'string') return this.#resolved(reference.slice(1))
    return this.#at(place) === undefined ? undefined : place
  }

  #at(place: string): unknown {
    let found = this.#document
    for (const part of place.split('/').slice(1))
      found = valueAt(found, part.replaceAll('~1', '/').replaceAll('~0', '~'))
    return found
  }
}

function pointer(base: string, ...parts: readonly string[]): string {
  return [base, ...parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function valueAt(value: unknown, key: string): unknown {
  return Object.entries(objectOf(value)).find(([name]) => name === key)?.[1]
}

function keysOf(value: unknown): readonly string[] {
  return Object.keys(objectOf(value))
}

/** `/dashboard/{file}` is the template of `/dashboard/page.js` and of `/dashboard/`. */
function isTemplateOf(template: string, path: string): boolean {
  const start = template.indexOf('{')
  return start > 0 && path.startsWith(template.slice(0, start))
}
