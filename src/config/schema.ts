import { z } from 'zod'
import { callerOptions } from './caller-options.ts'
import { aboutOf, type DeepReadonly, type OptionAbout, option, unsetOption } from './option.ts'
import { ALERTS, alerts, modelLimits, TURN, turn, WAITING, waiting } from './option-maps.ts'
import { CLASS_FROM, CLASSES, classes, classRules } from './sharing.ts'
import {
  authorization,
  boolean,
  host,
  integer,
  MOST_PARALLEL,
  MOST_QUEUED,
  oneOf,
  parallel,
  seconds,
  size,
  text,
  token,
  url,
  webhook,
} from './values.ts'

/**
 * Every option is defined here, those about callers in caller-options.ts, and nowhere else. Keys are the keys of
 * config.yaml; times are seconds, sizes bytes.
 */
export const configSchema = z.strictObject({
  ollama_url: option(url(), 'http://127.0.0.1:11434', {
    sentence:
      'Address of the Ollama to guard. OLLAMA_HOST is not read: clients use that variable to find this proxy.',
    env: 'OLLAMA_URL',
    flag: 'upstream',
  }),
  ollama_authorization: unsetOption(authorization(), {
    sentence:
      'Authorization header for Ollama, or for the server in front of Ollama. The proxy sends it with its probes and with every request that has no Authorization of its own.',
    env: 'OLLAMA_AUTHORIZATION',
    envFile: 'OLLAMA_AUTHORIZATION_FILE',
    secret: true,
    example: 'Bearer another-long-random-text',
  }),
  proxy_host: option(host(), '127.0.0.1', {
    sentence: 'Address to listen on. 0.0.0.0 opens the proxy to the network.',
    env: 'PROXY_HOST',
    flag: 'host',
  }),
  proxy_port: option(integer(0, 65_535), 8080, {
    sentence: 'Port to listen on. 0 takes any free port; the start prints its number.',
    env: 'PROXY_PORT',
    flag: 'port',
  }),
  ollama_num_parallel: option(parallel(), 'auto', {
    sentence:
      'Slots of a model: how many of its calls run at once. Names with the same weights share their slots, as in Ollama. "auto" begins with 1, 2 or 4, by the available memory, and runs fewer calls where Ollama does.',
    unit: 'calls',
    env: 'OLLAMA_NUM_PARALLEL',
    // Ollama reads the same variable; there, 0 lets Ollama choose.
    alsoInEnvironment: { text: '0', value: 'auto', warning: '0 is read as auto' },
    flag: 'parallel',
  }),
  ollama_max_queue: option(integer(0, MOST_QUEUED), 512, {
    sentence:
      'How many calls may wait for the slots of a model. With 0, a call that finds no free slot is refused at once.',
    unit: 'calls',
    env: 'OLLAMA_MAX_QUEUE',
    flag: 'max-queue',
  }),
  request_timeout: option(seconds('above zero'), 300, {
    sentence:
      'Longest time from the arrival of a call to the first byte of its answer. The wait in line counts as part of this time.',
    unit: 'seconds',
    env: 'REQUEST_TIMEOUT',
    flag: 'timeout',
  }),
  first_byte_timeout: unsetOption(seconds('zero or more'), {
    sentence:
      'Longest time that Ollama may take to begin an answer; 0 sets no limit. When this option is set, request_timeout limits only the wait in line.',
    unit: 'seconds',
    env: 'FIRST_BYTE_TIMEOUT',
    example: 600,
  }),
  stream_idle_timeout: option(seconds('zero or more'), 300, {
    sentence: 'Longest silence of Ollama after an answer has begun; 0 sets no limit.',
    unit: 'seconds',
    env: 'STREAM_IDLE_TIMEOUT',
  }),
  max_body_size: option(size('one buffer'), '100MiB', {
    sentence: 'Largest body of a call that needs a slot.',
    unit: 'bytes, or KiB, MiB, GiB',
    env: 'MAX_BODY_SIZE',
  }),
  max_queue_bytes: option(size('any'), '512MiB', {
    sentence: 'Memory for the bodies of calls that wait or are still being read, for all models together.',
    unit: 'bytes, or KiB, MiB, GiB',
    env: 'MAX_QUEUE_BYTES',
  }),
  enable_queue_stats: option(boolean(), true, {
    sentence:
      'Whether the pages with figures answer: /dashboard, /metrics, and all of /queue except /queue/memory.',
    env: 'ENABLE_QUEUE_STATS',
  }),
  models: option(
    z.record(text('a model name'), modelLimits, { error: 'expected a map of model names' }),
    {},
    {
      sentence:
        'Limits of single models. A limit that is left out follows ollama_num_parallel or ollama_max_queue. A limit counts for all names with the same weights. "*:cloud" is the name for all models in the cloud, which have no limit of slots while none is set.',
      innerKeys: Object.keys(modelLimits.shape),
      example: { 'llama3:70b': { parallel_limit: 1, queue_limit: 16 }, '*:cloud': { parallel_limit: 8 } },
    },
  ),
  turns: option(oneOf(['auto', 'off']), 'auto', {
    sentence:
      'Whether models that do not fit into memory together take turns: auto or off. With off, every call goes to Ollama as soon as its model has a free slot, and Ollama loads models as the calls come.',
    env: 'TURNS',
    anyCase: true,
    flag: 'turns',
  }),
  turn: option(turn, TURN, {
    sentence:
      'How models take turns. The turn of a model that has calls ends when a call for another model has waited max_wait, as long as such switches take at most max_switching of the time. With a max_switching of 0, a turn ends only when the model has no calls. together lists models that fit into memory together, as in "together: [[llama3.2, nomic-embed-text]]"; the proxy finds other such models by itself.',
    unit: 'seconds (max_wait), percent of the time (max_switching)',
  }),
  fairness: option(oneOf(['on', 'off']), 'on', {
    sentence:
      'Whether the calls in line share the slots fairly: on or off. With on, callers that wait get slot-time in proportion to the weights of their classes and keys. With off, calls go in the order of their arrival.',
    env: 'FAIRNESS',
    anyCase: true,
  }),
  classes: option(classes, CLASSES, {
    sentence:
      'Weights of the classes of calls. While calls of all classes wait, the classes get slot-time in these proportions. A class that is left out keeps its default.',
  }),
  reserve: option(integer(0, MOST_PARALLEL), 0, {
    sentence:
      'Slots of each model that calls of the class batch never take. One slot is always left to such calls.',
    unit: 'slots',
    env: 'RESERVE',
  }),
  class_from: option(classRules(), CLASS_FROM, {
    sentence:
      'Headers that tell the class of a call. The first rule that matches counts. A rule without then matches a value that names a class: interactive, normal or batch. A rule with then matches any value that is not empty, and means that class. The max_class of a key is the limit; without a key it is normal.',
  }),
  waiting: option(waiting, WAITING, {
    sentence:
      'Signs of life for calls without a first byte: the answer begins early, with bytes that every client ignores. The first sign comes after the time "after", the next ones come "every" so often. when: off, auto or always. auto: for streams that came through Cloudflare, and for calls that ask with "X-Queue-Notify: 1" or whose key has "notify: true". always: for all streams. An answer that is no stream gets signs only when its call or key asks.',
    unit: 'seconds (after, every)',
    env: 'WAITING',
    json: true,
  }),
  alerts: option(alerts, ALERTS, {
    sentence:
      'Thresholds that raise an alert, per model and for memory. Set a metric to off to stop watching it, as in "memory: off". parallel_too_high, reloads, loading and model_stuck have no thresholds: each is on or off.',
    unit: 'seconds (window, average_wait), percent (rejection_rate, queue_depth, memory)',
  }),
  alert_webhook: unsetOption(webhook(), {
    sentence: 'Address that gets a POST with JSON when an alert is raised, changes its level or is cleared.',
    env: 'ALERT_WEBHOOK',
    secret: true,
    example: 'https://example.com/alerts',
  }),
  alert_webhook_secret: unsetOption(token(), {
    sentence: 'Secret that signs each POST to alert_webhook: HMAC-SHA256 in the header X-Guard-Signature.',
    env: 'ALERT_WEBHOOK_SECRET',
    envFile: 'ALERT_WEBHOOK_SECRET_FILE',
    secret: true,
    example: 'another-long-random-text',
  }),
  admin_token: unsetOption(token(), {
    sentence:
      'Bearer token for /admin/*. Without a token, everybody on this machine can administer the proxy, and so can every client of a program that forwards requests without a header such as X-Forwarded-For.',
    env: 'ADMIN_TOKEN',
    envFile: 'ADMIN_TOKEN_FILE',
    secret: true,
    example: 'a-long-random-text',
  }),
  ...callerOptions,
  log_level: option(oneOf(['debug', 'info', 'warn', 'error']), 'info', {
    sentence: 'Lowest level that is logged: debug, info, warn or error.',
    env: 'LOG_LEVEL',
    anyCase: true,
    flag: 'log-level',
  }),
  log_format: unsetOption(oneOf(['text', 'json']), {
    sentence: 'Format of the log: text or json. While it is unset: text on a terminal, json elsewhere.',
    env: 'LOG_FORMAT',
    anyCase: true,
    example: 'json',
  }),
  log_file: unsetOption(text('a file path'), {
    sentence:
      'File that gets a copy of the log. A relative path starts at the working directory. The file is rotated at 10 MiB; five files are kept.',
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

/** The effective configuration: times in seconds, sizes in bytes, model names as the user wrote them. */
export type Config = DeepReadonly<z.output<typeof configSchema>>
export type OptionKey = keyof typeof configSchema.shape

export interface Option extends OptionAbout {
  readonly key: OptionKey
  readonly schema: z.ZodType
}

/** Every option, in the order of config.yaml and of every listing. */
export const options: readonly Option[] = Object.entries(configSchema.shape).map(([key, schema]) => {
  const about = aboutOf(schema)
  if (!about) throw new Error(`option ${key} is not described`)
  return { key: key as OptionKey, schema, ...about }
})
