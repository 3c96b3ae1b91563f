import { z } from 'zod'
import { CALL_CLASSES } from './callers.ts'
import { byModel, count, figure, list, moment, percent, text, word } from './fields.ts'
import { LEVELS } from './health.ts'
import { turn } from './turns.ts'

export const liveCall = z
  .object({
    id: text(
      "Name of the call: the client's X-Request-Id, or a name that the proxy made. `cancel` takes this name.",
    ),
    ticket: text('Path of a page of this proxy on which a person can follow the call.'),
    model: text(
      'Key of the model; null while the call is still read, or when the call names no model.',
    ).nullable(),
    runner: text(
      'What Ollama runs for the model, as in /queue/stats; null while the model is not known, or after its last call.',
    ).nullable(),
    client: text("Address of the client's socket."),
    caller: text(
      'The party that the call is charged to: the name of a key, or an address (of IPv6 the /64).',
    ),
    user: text('The person behind the key, as Open WebUI says; null where nobody says.').nullable(),
    class: word(CALL_CLASSES, 'How urgent the call is.'),
    path: text('Path of the request.'),
    state: word(
      ['reading', 'waiting', 'running'],
      'reading: the body still comes; waiting: the call is in the queue; running: Ollama has the call.',
    ),
    position: count(
      'Place in the queue of the model: 1 is the next to run; null when the call does not wait.',
    ).nullable(),
    waiting_for: word(
      ['slot', 'turn', 'load', 'paused', 'stuck', 'budget', 'caller'],
      'What the call waits for; null when the call does not wait. slot: the model is loaded, and all slots are taken; turn: another model has the machine; load: the model is being loaded; paused: an operator holds the queue; stuck: Ollama does not work on the calls of the model; budget: its turn is due, and a switch now would take more than `max_switching` of the time; caller: as many calls of the caller run as it may have at once.',
    ).nullable(),
    waited_ms: figure('Time in the queue so far, or in all, in milliseconds.'),
    estimated_start_ms: figure(
      'Milliseconds from now to the start of the call, as estimated; null when too little is known, while the model is paused or stuck or the call waits for its caller, or when the call does not wait.',
    ).nullable(),
    running_ms: figure('Milliseconds since the call was sent to Ollama; null before.').nullable(),
    bytes_in: count('Bytes of the request body.'),
    bytes_out: count('Bytes of the answer so far.'),
    tokens_out: count('Parts of the streamed answer so far. Ollama sends one token in each part.'),
  })
  .describe('One call that is read, waits or runs.')

export const requests = z
  .object({
    total: count('All such calls, also the calls that the list leaves out.'),
    requests: list(
      liveCall,
      'At most 500 calls: the running calls first, the longest before the others; then the waiting calls in their order.',
    ),
  })
  .describe('The calls that are read, wait or run now.')

export const spread = z
  .object({ p50: figure('Median, in milliseconds.'), p95: figure('95th percentile, in milliseconds.') })
  .describe('How long something took.')

export const modelSample = z
  .object({
    active: count('Calls that held a slot at the end of the interval.'),
    queued: count('Calls that waited at the end of the interval.'),
    arrived: count('Calls that came within the interval.'),
    done: count('Calls that ran to their end within the interval.'),
    refused: count('Calls that found no place within the interval.'),
    tokens_out: count('Tokens that the model gave within the interval.'),
    wait_ms: spread
      .nullable()
      .describe(
        'Time in the queue of the calls that left the queue within the interval. Null when there is no such call.',
      ),
    processing_ms: spread
      .nullable()
      .describe(
        'Time in a slot of the calls that gave their slot back within the interval. Null when there is no such call.',
      ),
  })
  .describe('One model within one interval.')

export const sample = z
  .object({
    at: moment('End of the interval.'),
    models: byModel(modelSample, 'Figures by the key of the model. Of more than 100 models the 100 busiest.'),
    memory_percent: percent('Memory in use, in percent; null where it cannot be read.').nullable(),
  })
  .describe('All models within one interval.')

export const history = z
  .object({
    interval_seconds: count('Length of an interval, in seconds.'),
    samples: list(sample, 'At most 60 samples, the oldest first.'),
    turns: list(
      turn,
      'The turns that go on, or ended within the last fifteen minutes: at most 2000, in the order of their beginning.',
    ),
  })
  .describe('The last five minutes in samples, and the turns of the last fifteen minutes.')

export const thresholds = z
  .object({
    warning: figure('From this value on the alert is a warning.'),
    critical: figure('From this value on the alert is critical.'),
  })
  .describe('From which values on an alert is raised. The name of the field holds the unit.')

export const alert = z
  .object({
    id: text('The same for as long as the alert stands: `rejection_rate:llama3.2`, `memory`.'),
    metric: word(
      [
        'rejection_rate',
        'average_wait',
        'queue_depth',
        'memory',
        'parallel_too_high',
        'reloads',
        'loading',
        'model_stuck',
      ],
      'The figure that is watched. parallel_too_high: Ollama runs fewer calls of a model at once than `parallel_limit` says. reloads: Ollama loads a model again and again because clients send different options. loading: much of the time goes into loading models. model_stuck: Ollama does not work on the calls of a model.',
    ),
    model: text(
      'Key of the model, or of one of the models that share a runner; null where all models are meant.',
    ).nullable(),
    level: word(LEVELS, 'How bad the figure is.'),
    value: figure(
      'The figure at the last sample, in `unit`. For parallel_too_high the configured number of slots, for model_stuck the time for which nothing has moved.',
    ),
    threshold: figure(
      'The threshold of this level, in `unit`. For parallel_too_high the number of slots to set, for model_stuck the time after which the model counted as stuck.',
    ),
    unit: word(
      ['percent', 'seconds', 'slots', 'loads'],
      'Unit of `value` and `threshold`. loads: loads in the last ten minutes.',
    ),
    since: moment('When the alert was raised. A change of level does not move this moment.'),
    message: text('What is wrong, as a sentence.'),
    action: text('What an operator can do, with the option or the command.'),
  })
  .describe('A figure that is past a threshold, or settings that do not fit together.')

export const alerts = z
  .object({
    window_seconds: figure('Length of the window over which the figures are taken, in seconds.'),
    thresholds: z
      .object({
        rejection_rate_percent: thresholds.nullable(),
        average_wait_seconds: thresholds.nullable(),
        queue_depth_percent: thresholds.nullable(),
        memory_percent: thresholds.nullable(),
      })
      .describe(
        'Thresholds by metric; null for a metric that is switched off. The other metrics have no thresholds.',
      ),
    alerts: list(alert, 'Alerts that stand now: the critical ones first, then the oldest.'),
  })
  .describe('Alerts that stand now, and the thresholds.')

export type LiveRequest = z.infer<typeof liveCall>
export type LiveQueue = z.infer<typeof requests>
export type ModelSample = z.infer<typeof modelSample>
export type Sample = z.infer<typeof sample>
export type HistoryPage = z.infer<typeof history>
export type AlertFigures = z.infer<typeof alert>
export type AlertsPage = z.infer<typeof alerts>
