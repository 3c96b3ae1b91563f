import type { ErrorCode } from '../../../src/http/error-codes.ts'
import { byStatus, CALL_CODES, type CallDialect, saysOneOf, sentence } from './errors.ts'
import { callHeaders, ownHeaders } from './headers.ts'
import type { Answer } from './operations.ts'
import type { Json } from './tidy.ts'

export const refTo = (schema: string): Json => ({ $ref: `#/components/schemas/${schema}` })

/** Name of the schema of an error of our own pages: `ModelNotFound`. */
export function errorName(code: ErrorCode): string {
  return code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

export function success({ description, json, types = [], events }: Answer): Json {
  const media = {
    schema: { type: 'string' },
    ...(events && {
      'x-events': Object.fromEntries(Object.entries(events).map(([name, schema]) => [name, refTo(schema)])),
    }),
  }
  const content = {
    ...(json && { 'application/json': { schema: oneOf(json) } }),
    ...Object.fromEntries(types.map((type) => [type, media])),
  }
  return { description, ...(Object.keys(content).length > 0 && { content }) }
}

/** Errors of our own pages. Most pages share them, so each is written once and referred to. */
export class OwnErrors {
  readonly #responses = new Map<string, Json>()

  /** References by status. */
  of(codes: readonly ErrorCode[]): Json {
    return perStatus(codes, (group) => {
      const names = group.map(errorName)
      const name = names.join('Or')
      this.#responses.set(name, {
        description: meaning(group),
        ...withHeaders(ownHeaders(group)),
        content: { 'application/json': { schema: oneOf(names) } },
      })
      return { $ref: `#/components/responses/${name}` }
    })
  }

  /** All that were referred to so far, by name. */
  get responses(): Json {
    return Object.fromEntries([...this.#responses].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Errors of calls in a dialect, by status. `schema`: the name of the schema of the dialect. */
export function callErrors(dialect: CallDialect, schema: string): Json {
  return perStatus(CALL_CODES, (group) => ({
    description: meaning(group),
    headers: callHeaders(group),
    content: { 'application/json': { schema: { allOf: [refTo(schema), saysOneOf(dialect, group)] } } },
  }))
}

function perStatus(codes: readonly ErrorCode[], response: (group: readonly ErrorCode[]) => Json): Json {
  return Object.fromEntries(Array.from(byStatus(codes), ([status, group]) => [status, response(group)]))
}

function meaning(codes: readonly ErrorCode[]): string {
  return codes.map((code) => `\`${code}\`: ${sentence(code)}`).join(' ')
}

function withHeaders(headers: Json): Json {
  return Object.keys(headers).length === 0 ? {} : { headers }
}

function oneOf(names: readonly string[]): Json {
  const [first = '', ...others] = names
  return others.length === 0 ? refTo(first) : { anyOf: names.map(refTo) }
}
