import { z } from 'zod'
import {
  authorization,
  boolean,
  host,
  integer,
  levels,
  MOST_PARALLEL,
  MOST_QUEUED,
  numberFrom,
  oneOf,
  parallel,
  seconds,
  settings,
  size,
  text,
  token,
  url,
  webhook,
} from './values.ts'

/** What is told about an option wherever it is shown: help, config.yaml, documentation. */
export interface About {
  readonly sentence: string
  /** Unit of the value, where it has one. */
  readonly unit?: string
  /** Environment variable; absent where the file alone can say it. */
  readonly env?: string
  /** Environment variable that names a file holding the value. */
  readonly envFile?: string
  /** Flag without its dashes. */
  readonly flag?: string
  /** Never shown. */
  readonly secret?: boolean
  /** In the environment its words count in any case. */
  readonly anyCase?: boolean
  /** What other programs take in the same variable, what it means here, and what is said about it. */
  readonly alsoInEnvironment?: { readonly text: string; readonly value: unknown; readonly warning: string }
  /** A value to show in place of a default, for an option that is unset by default. */
  readonly example?: unknown
}

export interface OptionAbout extends About {
  /** As one would write it; undefined where the option is unset by default. */
  readonly defaultWritten?: unknown
}

const registry = z.registry<OptionAbout>()

function option<S extends z.ZodType>(schema: S, written: z.core.util.NoUndefined<z.input<S>>, about: About) {
  const described = z.prefault(schema, written)
  registry.add(described, { ...about, defaultWritten: written })
  return described
}

function unsetOption<S extends z.ZodType>(schema: S, about: About) {
  const described = z.optional(schema)
  registry.add(described, about)
  return described
}

const modelLimits = z.strictObject(
  {
    parallel_limit: integer(1, MOST_PARALLEL).optional(),
    queue_limit: integer(0, MOST_QUEUED).optional(),
  },
  { error: 'expected a map of parallel_limit and queue_limit' },
)

/** A window of some samples of five seconds, and no longer than the samples that are kept. */
const ALERTS = {
  window: 60,
  rejection_rate: { warning: 1, critical: 5 },
  average_wait: { warning: 5, critical: 10 },
  queue_depth: { warning: 80, critical: 95 },
  memory: { warning: 80, critical: 90 },
}

const alerts = settings(
  {
    window: numberFrom('seconds', 10, 300).prefault(ALERTS.window),
    rejection_rate: levels('percent', ALERTS.rejection_rate),
    average_wait: levels('seconds', ALERTS.average_wait),
    queue_depth: levels('percent', ALERTS.queue_depth),
    memory: levels('percent', ALERTS.memory),
  },
  'a map of window, rejection_rate, average_wait, queue_depth and memory',
)

/** The only home of an option. Keys are those of config.yaml; times are seconds, sizes bytes. */
export const configSchema = z.strictObject({
  ollama_url: option(url(), 'http://127.0.0.1:11434', {
    sentence: 'Address of the Ollama to guard; OLLAMA_HOST is not read, clients use it to find this proxy.',
    env: 'OLLAMA_URL',
    flag: 'upstream',
  }),
  ollama_authorization: unsetOption(authorization(), {
    sentence:
      'Authorization header for Ollama, or for the server before it: for the probes, and for calls that bring none of their own.',
    env: 'OLLAMA_AUTHORIZATION',
    envFile: 'OLLAMA_AUTHORIZATION_FILE',
    secret: true,
    example: 'Bearer another-long-random-text',
  }),
  proxy_host: option(host(), '127.0.0.1', {
    sentence: 'Address to listen on; 0.0.0.0 opens the proxy to the network.',
    env: 'PROXY_HOST',
    flag: 'host',
  }),
  proxy_port: option(integer(0, 65_535), 8080, {
    sentence: 'Port to listen on; 0 takes any free one and prints it.',
    env: 'PROXY_PORT',
    flag: 'port',
  }),
  ollama_num_parallel: option(parallel(), 'auto', {
    sentence:
      'Slots per model: how many calls run at once. "auto" chooses 1, 2 or 4 from the available memory.',
    unit: 'calls',
    env: 'OLLAMA_NUM_PARALLEL',
    // Ollama reads the same variable, where 0 lets it choose.
    alsoInEnvironment: { text: '0', value: 'auto', warning: '0 is read as auto' },
    flag: 'parallel',
  }),
  ollama_max_queue: option(integer(0, MOST_QUEUED), 512, {
    sentence: 'How many calls may wait for a slot, per model; 0 never lets one wait.',
    unit: 'calls',
    env: 'OLLAMA_MAX_QUEUE',
    flag: 'max-queue',
  }),
  request_timeout: option(seconds('above zero'), 300, {
    sentence: 'Longest time from the arrival of a call to the first byte of its answer, waiting included.',
    unit: 'seconds',
    env: 'REQUEST_TIMEOUT',
    flag: 'timeout',
  }),
  first_byte_timeout: unsetOption(seconds('zero or more'), {
    sentence:
      'Longest silence of Ollama before the first byte of an answer; 0 sets no limit. Set, request_timeout bounds the time in line alone.',
    unit: 'seconds',
    env: 'FIRST_BYTE_TIMEOUT',
    example: 600,
  }),
  stream_idle_timeout: option(seconds('zero or more'), 300, {
    sentence: 'Longest silence of Ollama once an answer has begun; 0 switches it off.',
    unit: 'seconds',
    env: 'STREAM_IDLE_TIMEOUT',
  }),
  max_body_size: option(size('one buffer'), '100MiB', {
    sentence: 'Largest body of a gated call.',
    unit: 'bytes, or KiB, MiB, GiB',
    env: 'MAX_BODY_SIZE',
  }),
  max_queue_bytes: option(size('any'), '512MiB', {
    sentence: 'Memory for the bodies of calls that wait or are still being read, all models together.',
    unit: 'bytes, or KiB, MiB, GiB',
    env: 'MAX_QUEUE_BYTES',
  }),
  enable_queue_stats: option(boolean(), true, {
    sentence: 'Whether GET /queue/stats answers.',
    env: 'ENABLE_QUEUE_STATS',
  }),
  models: option(
    z.record(text('a model name'), modelLimits, { error: 'expected a map of model names' }),
    {},
    {
      sentence: 'Limits of single models; what is left out here follows the two limits above.',
      example: { 'llama3:70b': { parallel_limit: 1, queue_limit: 16 } },
    },
  ),
  alerts: option(alerts, ALERTS, {
    sentence:
      'From where on an alert is raised, per model and for memory; "memory: off" would not watch it, and so for each.',
    unit: 'seconds (window, average_wait), percent (the others)',
  }),
  alert_webhook: unsetOption(webhook(), {
    sentence:
      'Address that every alert is posted to, as JSON, when it is raised, changes its level or is cleared.',
    env: 'ALERT_WEBHOOK',
    secret: true,
    example: 'https://example.com/alerts',
  }),
  alert_webhook_secret: unsetOption(token(), {
    sentence: 'Signs what is posted there: HMAC-SHA256 in X-Guard-Signature.',
    env: 'ALERT_WEBHOOK_SECRET',
    envFile: 'ALERT_WEBHOOK_SECRET_FILE',
    secret: true,
    example: 'another-long-random-text',
  }),
  admin_token: unsetOption(token(), {
    sentence:
      'Bearer token of /admin/*; while it is unset, anybody on this machine administers, and whatever forwards to the proxy without a trace.',
    env: 'ADMIN_TOKEN',
    envFile: 'ADMIN_TOKEN_FILE',
    secret: true,
    example: 'a-long-random-text',
  }),
  log_level: option(oneOf(['debug', 'info', 'warn', 'error']), 'info', {
    sentence: 'Least level that is logged: debug, info, warn or error.',
    env: 'LOG_LEVEL',
    anyCase: true,
    flag: 'log-level',
  }),
  log_format: unsetOption(oneOf(['text', 'json']), {
    sentence: 'text or json; while it is unset, text on a terminal and json elsewhere.',
    env: 'LOG_FORMAT',
    anyCase: true,
    example: 'json',
  }),
  log_file: unsetOption(text('a file path'), {
    sentence:
      'File that gets the log as well, rotated at 10 MiB, five files kept; relative to the working directory.',
    env: 'LOG_FILE',
    example: 'logs/ollama_guard_proxy.log',
  }),
  language: option(oneOf(['auto', 'en', 'zh', 'vi', 'ja', 'ko', 'ru', 'ar']), 'auto', {
    sentence:
      "Language of the proxy's own messages: auto (the client's Accept-Language), en, zh, vi, ja, ko, ru or ar.",
    env: 'PROXY_LANGUAGE',
    anyCase: true,
    flag: 'language',
  }),
})

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** The effective configuration: times in seconds, sizes in bytes, models named as they were written. */
export type Config = DeepReadonly<z.output<typeof configSchema>>
export type OptionKey = keyof typeof configSchema.shape

export interface Option extends OptionAbout {
  readonly key: OptionKey
  readonly schema: z.ZodType
}

/** Every option in the order of the schema, which is the order of config.yaml and of every listing. */
export const options: readonly Option[] = Object.entries(configSchema.shape).map(([key, schema]) => {
  const about = registry.get(schema)
  if (!about) throw new Error(`option ${key} is not described`)
  return { key: key as OptionKey, schema, ...about }
})
