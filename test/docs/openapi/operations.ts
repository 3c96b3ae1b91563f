import type { ErrorCode } from '../../../src/http/error-codes.ts'
import { OWN_PAGES } from '../../../src/http/own-pages.ts'
import type { SchemaName } from './schemas.ts'

/** An answer that is no error of ours. */
export interface Answer {
  readonly status: number
  readonly description: string
  /** Several: the answer is one of them. */
  readonly json?: readonly SchemaName[]
  /** Content types that the answer has besides or instead of JSON. */
  readonly types?: readonly string[]
  /** Schema of the data of each server-sent event, by the name of the event. */
  readonly events?: Readonly<Record<string, SchemaName>>
}

export interface Operation {
  readonly method: 'get' | 'post'
  /** As Hono spells it: `*` stands for the parameter `file`, `:id` for `id`. */
  readonly path: string
  readonly tag: 'Health' | 'Queue' | 'Configuration' | 'Administration' | 'Monitoring'
  readonly summary: string
  readonly description?: string
  /** What the query parameter `model` does. */
  readonly model?: string
  /** Schema of the request body. */
  readonly body?: SchemaName
  readonly answers: readonly Answer[]
  /** Who may ask, where not everybody may. view: operators, and keys that may view. key: every key. */
  readonly guard?: 'admin' | 'view' | 'key'
  /** Errors besides those that every page of ours can give. */
  readonly errors?: readonly ErrorCode[]
}

/** The path as OpenAPI spells it. */
export function templateOf(path: string): string {
  return path.replace('*', '{file}').replace(/:(\w+)/, '{$1}')
}

const json = (description: string, ...names: SchemaName[]): Answer => ({
  status: 200,
  description,
  json: names,
})

/** Errors of a page that is switched off by `enable_queue_stats: false`, or that the runtime does not have. */
const OPTIONAL: readonly ErrorCode[] = ['stats_disabled', 'not_found']
const GUARDED: readonly ErrorCode[] = ['unauthorized', 'too_many_attempts']
const WITH_BODY: readonly ErrorCode[] = ['invalid_request', 'body_stalled', 'body_too_large']

const WITHOUT_KEY: readonly ErrorCode[] = ['invalid_api_key', 'too_many_attempts']
const WITHOUT_VIEW: readonly ErrorCode[] = [...WITHOUT_KEY, 'use_not_allowed']

const pages: readonly Operation[] = [
  {
    method: 'get',
    path: '/health',
    tag: 'Health',
    summary: 'How the proxy and Ollama are. Always 200 while the process runs; `status` tells the state.',
    answers: [json('The state.', 'Health')],
  },
  {
    method: 'get',
    path: '/health/live',
    tag: 'Health',
    summary: 'Whether the process runs: for a liveness probe.',
    answers: [json('The process runs.', 'Live')],
  },
  {
    method: 'get',
    path: '/health/ready',
    tag: 'Health',
    summary: 'Whether a call would be served now: for a readiness probe or a load balancer.',
    answers: [
      json('The proxy takes calls and Ollama answers.', 'Ready'),
      { status: 503, description: 'The proxy drains, or Ollama cannot be reached.', json: ['NotReady'] },
    ],
  },
  {
    method: 'get',
    path: '/queue/stats',
    tag: 'Queue',
    summary: 'Slots, queue, totals and times of every model.',
    model: 'One model alone: a name in any spelling.',
    answers: [
      json('The figures of all models, or with `model` the figures of one.', 'Stats', 'ModelFigures'),
    ],
    errors: ['stats_disabled', 'model_not_found'],
  },
  {
    method: 'get',
    path: '/queue/memory',
    tag: 'Queue',
    summary: 'Memory of this machine, and the number of slots that fits.',
    answers: [json('The memory.', 'Memory')],
  },
  {
    method: 'get',
    path: '/queue/requests',
    tag: 'Queue',
    summary: 'Every call that is read, waits or runs now.',
    model: 'Only calls for this model: a name in any spelling. A name without calls gives an empty list.',
    answers: [json('The calls.', 'Requests')],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/queue/me',
    tag: 'Queue',
    summary: 'Who the client is for the proxy, what it may do, what it has used, and its own calls.',
    description:
      'Tells of nobody else. With `auth: enforce` the client sends its key as it does with its calls. With Open WebUI in front, the calls are those of the person that the request names.',
    guard: 'key',
    answers: [json('The caller.', 'Me')],
    errors: [...OPTIONAL, ...WITHOUT_KEY],
  },
  {
    method: 'get',
    path: '/queue/requests/:id',
    tag: 'Queue',
    summary:
      'One call of the client, as it is now or as it ended; with `Accept: text/event-stream` as it moves.',
    description:
      'The id is the `X-Request-Id` that the client chose, or that the answer of the call has. With `auth: enforce` a client sees its own calls, with Open WebUI in front those of the person that the request names; operators, and keys that may view, see all. Where several calls had the id one after the other, the newest one counts. A call of somebody else is answered like a call that does not exist. The proxy remembers the last calls for ten minutes after their end: at most 1 000 refused ones and 2 000 others. A stream begins with the call as it is. An event comes at most once a second, when more has changed than a running time: the state, the position, the estimate in whole seconds, or the number of parts. The event of `state: done` is the last one, and the stream ends. A comment comes after 15 seconds without an event.',
    guard: 'key',
    answers: [
      {
        status: 200,
        description: 'The call. `x-events` names the schema of the data of each event.',
        json: ['OwnCall'],
        types: ['text/event-stream'],
        events: { request: 'OwnCall' },
      },
    ],
    errors: [...OPTIONAL, ...WITHOUT_KEY, 'request_not_found', 'too_many_listeners'],
  },
  {
    method: 'get',
    path: '/queue/ticket/:id',
    tag: 'Queue',
    summary: 'A page that shows one call to a person, live. The page itself holds nothing and needs no key.',
    answers: [
      { status: 200, description: 'The page.', types: ['text/html'] },
      { status: 304, description: 'The client has this version of the page already.' },
    ],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/queue/history',
    tag: 'Queue',
    summary:
      'The last five minutes, as a sample every five seconds, and the turns of the last fifteen minutes.',
    answers: [json('The samples.', 'History')],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/queue/alerts',
    tag: 'Queue',
    summary: 'Alerts that stand now, and what to do about them.',
    answers: [json('The alerts.', 'Alerts')],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/queue/events',
    tag: 'Queue',
    summary: 'The pages above as server-sent events.',
    description:
      'A new listener gets `history` and every other page once, then a page again when it has changed, at most twice a second. `sample` is the newest sample, null before the first. `turns` has the turns that changed last; a listener knows a turn that it has seen before by its number. A comment comes after 15 seconds without an event. A request with the admin token gets a place as long as another listener has one.',
    answers: [
      {
        status: 200,
        description: 'Events until the client leaves. `x-events` names the schema of the data of each event.',
        types: ['text/event-stream'],
        events: {
          history: 'History',
          stats: 'Stats',
          requests: 'Requests',
          alerts: 'Alerts',
          health: 'Health',
          turns: 'NewestTurns',
          sample: 'Sample',
        },
      },
    ],
    errors: [...OPTIONAL, 'too_many_listeners'],
  },
  {
    method: 'get',
    path: '/config',
    tag: 'Configuration',
    summary: 'The configuration that is in force, and where each value comes from. Secrets are hidden.',
    answers: [json('The configuration.', 'Config')],
  },
  {
    method: 'get',
    path: '/metrics',
    tag: 'Monitoring',
    summary: 'Figures for Prometheus; docs/monitoring.md explains them.',
    answers: [{ status: 200, description: 'The text format of Prometheus, 0.0.4.', types: ['text/plain'] }],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/dashboard',
    tag: 'Monitoring',
    summary: 'All of it on one page, for a browser.',
    answers: [
      { status: 200, description: 'The page.', types: ['text/html'] },
      { status: 304, description: 'The client has this version of the page already.' },
    ],
    errors: OPTIONAL,
  },
  {
    method: 'get',
    path: '/dashboard/*',
    tag: 'Monitoring',
    summary: 'The files of the dashboard.',
    answers: [
      { status: 200, description: 'The file.', types: ['text/javascript', 'text/css'] },
      { status: 304, description: 'The client has this version of the file already.' },
      { status: 308, description: 'An empty name: the page itself is at `/dashboard`.' },
    ],
    errors: OPTIONAL,
  },
]

type AdminOperation = Pick<Operation, 'summary' | 'model' | 'body' | 'errors'> & {
  readonly answer: Answer
}

const actions: Readonly<Record<string, AdminOperation>> = {
  '/admin/queue/reset': {
    summary: 'Zeroes the totals and the times. The queue and the slots stay as they are.',
    model: 'One model alone: a name in any spelling.',
    answer: json('The figures are zero.', 'Reset'),
    errors: ['invalid_request', 'model_not_found'],
  },
  '/admin/queue/update': {
    summary: 'Changes the limits of one model, or the defaults, in the running proxy.',
    body: 'UpdateBody',
    answer: json('The limits are in force.', 'Updated'),
    errors: WITH_BODY,
  },
  '/admin/queue/cancel': {
    summary: 'Ends one call, whether the call waits or runs. Its client gets the status 499.',
    body: 'CancelBody',
    answer: json('The call is over.', 'Cancelled'),
    errors: [...WITH_BODY, 'request_not_found', 'not_found'],
  },
  '/admin/queue/pause': {
    summary: 'Holds the queue of one model or of all: running calls go on, waiting calls stay.',
    body: 'PauseBody',
    answer: json('The models are paused.', 'Paused'),
    errors: [...WITH_BODY, 'not_found'],
  },
  '/admin/queue/resume': {
    summary: 'Lets the queue of one model or of all go on.',
    body: 'PauseBody',
    answer: json('The models go on.', 'Paused'),
    errors: [...WITH_BODY, 'not_found'],
  },
  '/admin/reload': {
    summary: 'Reads the configuration again and puts in force what can change without a restart.',
    answer: json('The configuration was read.', 'Reloaded'),
    errors: ['invalid_config', 'shutting_down', 'not_found'],
  },
}

/** Every route of ours. */
export const operations: readonly Operation[] = [
  ...pages.map(viewed),
  ...Object.entries(actions).map(
    ([path, { answer, errors = [], ...about }]): Operation => ({
      method: 'post',
      path,
      tag: 'Administration',
      guard: 'admin',
      answers: [answer],
      errors: [...GUARDED, ...errors],
      ...about,
    }),
  ),
]

function viewed(operation: Operation): Operation {
  if (!OWN_PAGES.some(({ path, view }) => view && path === operation.path)) return operation
  return { ...operation, guard: 'view', errors: [...WITHOUT_VIEW, ...(operation.errors ?? [])] }
}
