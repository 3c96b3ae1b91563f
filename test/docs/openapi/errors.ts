import { z } from 'zod'
import { errorBody } from '../../../src/http/dialect.ts'
import { type ErrorCode, messageIn, STATUSES } from '../../../src/http/error-codes.ts'
import { count, list, text, word } from '../../../src/pages/fields.ts'

/** The dialects in which a gated call or a call that is passed through can be refused. */
export const CALL_DIALECTS = ['ollama', 'openai', 'anthropic'] as const
export type CallDialect = (typeof CALL_DIALECTS)[number]

/** What a call can get in place of an answer of Ollama's. */
export const CALL_CODES: readonly ErrorCode[] = [
  'invalid_form',
  'invalid_request',
  'invalid_target',
  'invalid_api_key',
  'forbidden',
  'use_not_allowed',
  'route_not_allowed',
  'model_not_allowed',
  'body_stalled',
  'body_too_large',
  'too_many_attempts',
  'insufficient_quota',
  'cancelled',
  'superseded',
  'internal_error',
  'upstream_error',
  'queue_full',
  'load_failed',
  'model_stuck',
  'shutting_down',
  'timeout',
]

const message = text("A sentence for people, in the language of the request's Accept-Language.")

const problem = z
  .object({
    where: text('Place of the problem: `config.yaml:12`, `environment OLLAMA_URL` or `flag --port`.'),
    key: text(
      'Path of the key in the file; null where `where` names the option or the whole file.',
    ).nullable(),
    message: text('What is wrong.'),
  })
  .describe('One problem of the configuration.')

/** What the body of an error of our own pages holds besides its code and its message. */
const MORE: Partial<Record<ErrorCode, z.ZodRawShape>> = {
  invalid_request: {
    issues: list(
      z.object({
        path: text('Path of the field; empty for the whole request.'),
        message: text('What is wrong with the field.'),
      }),
      'Every problem of the request.',
    ),
  },
  model_not_found: { available_models: list(z.string(), 'Keys of the models that the proxy knows.') },
  invalid_config: { problems: list(problem, 'Every problem of the configuration.') },
}

/** The body of one error of our own pages. */
export function ownError(code: ErrorCode): z.ZodType {
  return z
    .object({ error: word([code], 'The code, for programs.'), message, ...MORE[code] })
    .describe(`${sentence(code)} Status ${STATUSES[code]}.`)
}

/** What the code means, as clients are told in English. */
export function sentence(code: ErrorCode): string {
  return messageIn('en', code)
}

export function byStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const groups = new Map<number, ErrorCode[]>()
  for (const code of codes.toSorted((a, b) => STATUSES[a] - STATUSES[b])) {
    const group = groups.get(STATUSES[code])
    if (group) group.push(code)
    else groups.set(STATUSES[code], [code])
  }
  return groups
}

const estimated_wait_ms = count(
  'How long the call would have waited, in milliseconds. Only where the call was refused because of this estimate.',
).optional()

const scope = word(
  ['caller', 'model'],
  'Whose line is full: that of the caller, which has its own limit, or that of the model. Only with `queue_full`.',
).optional()

/** The body of an error of a call, in each dialect. */
export const callErrors: Readonly<Record<CallDialect, z.ZodType>> = {
  ollama: z
    .object({
      error: text('The code and the sentence: clients of Ollama show this field alone to their user.'),
      code: word(CALL_CODES, 'The code, for programs.'),
      message,
      model: text('Key of the model, where one is known.').optional(),
      estimated_wait_ms,
      scope,
    })
    .describe('An error on /api and on every other path that is not below /v1.'),
  openai: z
    .object({
      error: z.object({
        message,
        type: word(kinds('openai'), 'The kind of error as OpenAI names it.'),
        param: z.null().describe('Always null.'),
        code: word(CALL_CODES, 'The code, for programs.'),
        estimated_wait_ms,
        scope,
      }),
    })
    .describe('An error below /v1, except /v1/messages.'),
  anthropic: z
    .object({
      type: word(['error'], 'Always `error`.'),
      error: z.object({
        type: word(kinds('anthropic'), 'The kind of error as Anthropic names it.'),
        message,
        estimated_wait_ms,
        scope,
      }),
      request_id: z.string().meta({ pattern: '^req_[0-9a-f]{24}$', description: 'A name for this answer.' }),
    })
    .describe('An error of /v1/messages.'),
}

/** How the body says that it is one of these errors: a schema to be used beside the one of the dialect. */
export function saysOneOf(dialect: CallDialect, codes: readonly ErrorCode[]): object {
  switch (dialect) {
    case 'ollama':
      return { properties: { code: { enum: codes } } }
    case 'openai':
      return { properties: { error: { properties: { code: { enum: codes } } } } }
    case 'anthropic':
      return { properties: { error: { properties: { type: { enum: kinds(dialect, codes) } } } } }
  }
}

/** The `type` in the body of these errors. */
function kinds(dialect: 'openai' | 'anthropic', codes = CALL_CODES): string[] {
  const kind = z.object({ error: z.object({ type: z.string() }) })
  return [...new Set(codes.map((code) => kind.parse(errorBody(dialect, { code, message: '' })).error.type))]
}
