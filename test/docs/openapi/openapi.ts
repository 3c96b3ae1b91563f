import { Document, isScalar, visit } from 'yaml'
import { z } from 'zod'
import type { ErrorCode } from '../../../src/http/error-codes.ts'
import { CALL_DIALECTS, type CallDialect, callErrors as errorOfDialect, ownError } from './errors.ts'
import { allHeaders } from './headers.ts'
import { type Operation, operations, templateOf } from './operations.ts'
import { callErrors, errorName, OwnErrors, refTo, success } from './responses.ts'
import { SCHEMAS } from './schemas.ts'
import { type Json, tidy } from './tidy.ts'

/** Errors that every page of ours can give. */
const EVERYWHERE: readonly ErrorCode[] = ['forbidden', 'internal_error']

/** Errors below our own paths, at an address or with a method that has no operation. */
const NO_ROUTE: readonly ErrorCode[] = ['not_found', 'method_not_allowed', ...EVERYWHERE]

interface CallNames {
  readonly item: string
  readonly schema: string
  readonly where: string
}

const CALLS: Readonly<Record<CallDialect, CallNames>> = {
  ollama: { item: 'OllamaCall', schema: 'OllamaError', where: 'on a path that is not below /v1' },
  openai: { item: 'OpenAiCall', schema: 'OpenAiError', where: 'below /v1, except /v1/messages' },
  anthropic: { item: 'AnthropicCall', schema: 'AnthropicError', where: 'of /v1/messages' },
}

/** Of the description. It stays while fields and routes are only added. */
const VERSION = '1.0.0'

const ABOUT = `The routes that the proxy answers itself. Every other path is Ollama's: its answers pass unchanged and are not described here. Where the proxy refuses such a call, or Ollama cannot be reached, the proxy answers in the dialect of the path: see \`components.pathItems\`.

Every GET also answers HEAD, without a body. An answer of the proxy carries \`Cache-Control: no-store\`, a file of the dashboard \`no-cache\`.

The name of a field ends with its unit: \`_ms\` milliseconds, \`_seconds\` seconds, \`_percent\` percent, \`_gb\` 2^30 bytes. Fields may be added, and are never renamed: a program skips fields and words that it does not know.`

const HEAD = `# The description of the proxy's own routes, made from src/pages and test/docs/openapi.
# Change the schemas there, then write this file again: node --import tsx test/docs/openapi/write-openapi.ts
`

/** The text of docs/openapi.yaml. */
export function renderOpenApi(): string {
  const document = new Document(openApi(), { aliasDuplicateObjects: false })
  visit(document, {
    Map: (_key, node) => {
      const [only, ...others] = node.items
      if (others.length === 0 && isScalar(only?.key) && only.key.value === '$ref') node.flow = true
    },
    Seq: (_key, node) => {
      if (node.items.every((item) => isScalar(item))) node.flow = true
    },
  })
  return HEAD + document.toString({ lineWidth: 110 })
}

function openApi(): Json {
  const errors = new OwnErrors()
  const paths = operations.map((each): [string, Json] => [
    templateOf(each.path),
    { [each.method]: operation(each, errors) },
  ])
  const noRoute = { description: NO_ROUTE_AT, get: { responses: errors.of(NO_ROUTE) } }
  return {
    openapi: '3.1.1',
    info: {
      title: 'ollama-guard-proxy',
      version: VERSION,
      description: ABOUT,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:8080', description: 'A proxy with the default configuration.' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: Object.fromEntries(paths),
    components: {
      schemas: schemas(),
      responses: errors.responses,
      headers: allHeaders,
      securitySchemes: { adminToken: ADMIN_TOKEN, key: KEY },
      pathItems: {
        NoRoute: noRoute,
        ...Object.fromEntries(CALL_DIALECTS.map((dialect) => [CALLS[dialect].item, callItem(dialect)])),
      },
    },
  }
}

const ADMIN_TOKEN: Json = {
  type: 'http',
  scheme: 'bearer',
  description:
    'The `admin_token` of the configuration. While no token is set, a client on the same machine needs none, and no other client is let in.',
}

const KEY: Json = {
  type: 'http',
  scheme: 'bearer',
  description:
    'A key of the configuration, needed with `auth: enforce`. The headers of calls do as well: `x-api-key`, `api-key`, Basic with the key as the password, a signature of the `ollama` command, or an address that a key lists.',
}

/** What a request may carry. `{}`: nothing, which a client on the same machine, or a proxy without keys, asks for. */
const SECURITY = {
  admin: [{ adminToken: [] }, {}],
  view: [{ key: [] }, { adminToken: [] }, {}],
  key: [{ key: [] }, {}],
} as const satisfies Record<NonNullable<Operation['guard']>, readonly Json[]>

const NO_ROUTE_AT =
  'Below /health, /queue, /config, /admin, /metrics and /dashboard: an address that is not listed, or a listed address with another method.'

function callItem(dialect: CallDialect): Json {
  const { schema, where } = CALLS[dialect]
  return {
    description: `What the proxy itself answers to a call ${where}, with any method.`,
    post: { responses: callErrors(dialect, schema) },
  }
}

function operation(each: Operation, own: OwnErrors): Json {
  const { answers, body, description, errors = [], guard, model, path, summary, tag } = each
  const schema = { type: 'string' }
  const parameters = [
    ...Array.from(templateOf(path).matchAll(/\{(\w+)\}/g), ([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema,
    })),
    ...(model === undefined ? [] : [{ name: 'model', in: 'query', description: model, schema }]),
  ]
  return {
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(guard && { security: SECURITY[guard] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: refTo(body) } } },
    }),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, success(answer)])),
      ...own.of([...EVERYWHERE, ...errors]),
    },
  }
}

/** Every schema under its name, each referring to the others by their names. */
function schemas(): Json {
  const registry = z.registry<{ id: string }>()
  const codes = new Set([...NO_ROUTE, ...operations.flatMap(({ errors = [] }) => errors)])
  const named: Readonly<Record<string, z.ZodType>> = {
    ...SCHEMAS,
    ...Object.fromEntries(CALL_DIALECTS.map((dialect) => [CALLS[dialect].schema, errorOfDialect[dialect]])),
    ...Object.fromEntries(Array.from(codes, (code) => [errorName(code), ownError(code)])),
  }
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    // The values of a few options are made by code of ours, which says nothing of their type.
    unrepresentable: 'any',
  })
  return Object.fromEntries(Object.entries(made.schemas).map(([id, schema]) => [id, tidy(schema)]))
}
