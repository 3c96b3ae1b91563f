import type { ErrorCode } from '../../../src/http/error-codes.ts'
import type { Json } from './tidy.ts'

/** By the name of the component, which is the name of the header where there is one component for it. */
const HEADERS = {
  'Retry-After': {
    description: 'Whole seconds after which another attempt makes sense.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  'Retry-After-IfWaiting': {
    description:
      'Whole seconds after which another attempt makes sense. Only where the call was still waiting when its time was up.',
    schema: { type: 'integer', minimum: 1 },
  },
  'retry-after-ms': {
    description:
      'Retry-After in milliseconds. The SDKs of OpenAI read this header first. Only with `queue_full`.',
    schema: { type: 'integer', minimum: 1, maximum: 60_000 },
  },
  'x-should-retry': {
    description:
      'Tells the SDKs not to send the call again: an operator or a newer call ended it, Ollama had it until its time limit, or the budget of the key is used up.',
    schema: { type: 'string', enum: ['false'] },
  },
  'X-Request-Id': {
    description: "Name of the call: the client's X-Request-Id, or a name that the proxy made.",
    schema: { type: 'string' },
  },
  'X-Queue-Wait-Ms': {
    description: 'Time in the queue, in milliseconds.',
    schema: { type: 'number', minimum: 0 },
  },
  'Server-Timing': {
    description: 'X-Queue-Wait-Ms for the developer tools of a browser.',
    schema: { type: 'string' },
  },
  'WWW-Authenticate': {
    description: 'Asks for the admin token, or for a key.',
    required: true,
    schema: { type: 'string' },
  },
  Allow: { description: 'The methods of this address.', required: true, schema: { type: 'string' } },
} as const satisfies Record<string, Json>

type Component = keyof typeof HEADERS

export const allHeaders: Json = HEADERS

/** Headers that come with an error of our own pages, always. */
const OWN: Partial<Record<ErrorCode, Component>> = {
  unauthorized: 'WWW-Authenticate',
  invalid_api_key: 'WWW-Authenticate',
  too_many_attempts: 'Retry-After',
  shutting_down: 'Retry-After',
  method_not_allowed: 'Allow',
}

export function ownHeaders(codes: readonly ErrorCode[]): Json {
  return refer(codes.flatMap((code) => OWN[code] ?? []))
}

/** Headers of a call that the proxy answers with one of these errors. */
export function callHeaders(codes: readonly ErrorCode[]): Json {
  const components: Component[] = ['X-Request-Id', 'X-Queue-Wait-Ms', 'Server-Timing']
  if (codes.includes('invalid_api_key')) components.push('WWW-Authenticate')
  if (codes.includes('insufficient_quota')) components.push('Retry-After', 'x-should-retry')
  if (codes.includes('queue_full')) components.push('Retry-After', 'retry-after-ms')
  if (codes.includes('timeout')) components.push('Retry-After-IfWaiting', 'x-should-retry')
  if (codes.includes('cancelled') || codes.includes('superseded')) components.push('x-should-retry')
  return refer(components)
}

function refer(components: readonly Component[]): Json {
  return Object.fromEntries(
    components.map((component) => [
      component.replace('-IfWaiting', ''),
      { $ref: `#/components/headers/${component}` },
    ]),
  )
}
