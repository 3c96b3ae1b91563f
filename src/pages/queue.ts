import { z } from 'zod'
import { auth, callers } from './callers.ts'
import { fairness } from './fairness.ts'
import { byModel, count, figure, flag, list, percent, percentiles, text, word } from './fields.ts'
import { turnsNow } from './turns.ts'

const LIMIT_REASONS = ['configured', 'memory', 'measured', 'embedding', 'family', 'format', 'cloud'] as const

const GIB = 'GB of 2^30 bytes; null where the memory of this machine cannot be read.'

export const memory = z
  .object({
    total_gb: figure(`Memory of this machine or its container. ${GIB}`).nullable(),
    available_gb: figure(`Memory that programs can still take. ${GIB}`).nullable(),
    used_gb: figure(`Memory in use: the total without the available memory. ${GIB}`).nullable(),
    percent: percent(
      'Memory in use, in percent of the total, to 0.1; null where it cannot be read.',
    ).nullable(),
    recommended_parallel: count(
      'Slots per model that fit the available memory: 4 from 16 GB, 2 from 8 GB, otherwise 1; 1 where the memory cannot be read.',
    ),
  })
  .describe('Memory of the machine on which the proxy runs.')

export const totals = z.object({
  default_parallel: count('Slots of a model that has no limit of its own.'),
  default_queue_limit: count('Calls that may wait for a model that has no limit of its own.'),
  total_models: count('Models that the proxy knows now.'),
})

export const windowFigures = z
  .object({
    seconds: figure('Length of the window, in seconds: `alerts.window` of the configuration.'),
    arrived: count('Calls that came within the window.'),
    rejection_rate_percent: percent('Calls that found no place, in percent of the calls that came.'),
    avg_wait_seconds: figure(
      'The larger of two means, in seconds: how long the calls had waited that left the queue within the window, and how long the calls have waited that are in the queue now.',
    ),
    queue_depth_percent: figure('Waiting calls, in percent of `queue_limit`; 0 where no call may wait.'),
    tokens_per_second: figure('Tokens that the model gave within the window, per second.'),
  })
  .describe('One model over the window that the alerts look at. The window ends with the last sample.')

export const modelFigures = z
  .object({
    model: text('Key of the model: the name in lower case, without registry, `library/` and `:latest`.'),
    runner: text(
      'What Ollama runs for this model: the id of the weights, or `cloud`. Models with the same runner share slots and queue. The name of the model while its weights are not known.',
    ),
    aliases: list(
      z.string(),
      'The other models with the same runner, as far as they were called or configured.',
    ),
    parallel_limit: count(
      'Slots as configured: how many calls may run at once on the runner. Null: no limit.',
    ).nullable(),
    effective_limit: count(
      'Slots in force: fewer than `parallel_limit` where `auto` has found that Ollama runs fewer calls at once. Null: no limit.',
    ).nullable(),
    limit_reason: word(
      LIMIT_REASONS,
      'Why `effective_limit` is what it is. configured: an operator chose the number; memory: `auto`, by the memory of this machine; measured: `auto`, Ollama was seen to run fewer calls at once; embedding, family, format: Ollama runs one call at a time on such a model; cloud: the model does not run on this Ollama.',
    ),
    queue_limit: count('How many calls may wait for a slot.'),
    active_requests: count('Calls for this model that hold a slot now.'),
    queued_requests: count('Calls for this model that wait for a slot now.'),
    available_slots: count(
      'Free slots of the runner; 0 while more calls run than a lowered limit allows. Null: no limit.',
    ).nullable(),
    queue_available: count('Free places in the queue of the runner.'),
    paused: flag(
      'True while an operator holds the queue of the runner: running calls go on, waiting calls stay.',
    ),
    stuck: flag(
      'True while Ollama does not work on the calls of the runner: new calls are refused, waiting calls stay.',
    ),
    loaded: flag(
      'Whether the runner is in memory; null when that is not known, and for a model in the cloud.',
    ).nullable(),
    turn: word(
      ['loaded', 'loading', 'leaving', 'waiting', 'none'],
      'What the turns mean for the runner. loaded, loading, leaving: as in `turns.loaded`; waiting: calls wait until the runner is loaded; none: the runner is not loaded, or that is not known, and no call waits for its turn.',
    ),
    total_processed: count('Calls that ran to their end.'),
    total_rejected: count(
      'Calls that were refused: the queue was full, the wait would have been too long, or the proxy was shutting down.',
    ),
    total_timed_out: count('Calls that were past their time limit, waiting or running.'),
    total_cancelled: count('Calls whose client left, or that an operator ended.'),
    total_failed: count(
      'Calls that Ollama did not answer or answered with a 5xx status, or whose answer broke off.',
    ),
    avg_wait_time_ms: figure(
      'Mean time in the queue, in milliseconds, over the calls that got a slot or left the queue: 0 for a call that got a slot at once. Refused calls do not count.',
    ),
    avg_processing_time_ms: figure(
      'Mean time in a slot, in milliseconds, over the calls that gave their slot back, whatever their end.',
    ),
    wait_time_ms: percentiles.describe('Time in the queue.'),
    processing_time_ms: percentiles.describe('Time in a slot.'),
    uptime_seconds: figure(
      'Seconds since the first call for this model or since the last reset: the totals and the times above are counted over this time.',
    ),
    window: windowFigures
      .optional()
      .meta({ description: 'Absent on runtimes that keep calls and lanes in different processes.' }),
  })
  .describe('Limits and figures of one model.')

export const stats = totals
  .extend({
    models: byModel(modelFigures, 'Figures by the key of the model.'),
    turns: turnsNow,
    callers: callers.optional(),
    auth: auth.optional(),
    ...fairness.partial().shape,
  })
  .describe('Limits and figures of all models, and who calls.')

export type MemoryFigures = z.infer<typeof memory>
export type WindowFigures = z.infer<typeof windowFigures>
export type ModelFigures = z.infer<typeof modelFigures>
export type StatsPage = z.infer<typeof stats>
