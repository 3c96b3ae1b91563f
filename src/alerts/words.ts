import type { ModelReading, Readings } from '../telemetry/history.ts'
import type { Level, Metric, ModelMetric } from './rules.ts'

const MESSAGE: Readonly<Record<Metric, (model: string | null, value: number) => string>> = {
  rejection_rate: (model, value) => `${model} refuses ${value} % of its calls`,
  average_wait: (model, value) => `calls of ${model} wait ${value} s on average`,
  queue_depth: (model, value) => `the line of ${model} is ${value} % full`,
  memory: (_model, value) => `${value} % of the memory is in use`,
}

/** Of more names, a sentence would be too long. */
const NAMES_SHOWN = 3

/** One line: `llama2 refuses 3.2 % of its calls (warning from 1 %)`. */
export function messageOf(
  { metric, model, value }: { metric: Metric; model: string | null; value: number },
  level: Level,
  threshold: number,
): string {
  const unit = metric === 'average_wait' ? 's' : '%'
  return `${MESSAGE[metric](model, value)} (${level} from ${threshold} ${unit})`
}

/** Advice for the engineer on call. It names the option or the request to send, and the limits in force. */
export function adviceForModel(
  metric: ModelMetric,
  model: string,
  reading: ModelReading,
  memoryIsShort: boolean,
): string {
  if (reading.lane.paused) {
    return `${model} is paused. Resume it with POST /admin/queue/resume ${JSON.stringify({ model })}.`
  }
  return `${moreSlots(model, reading, memoryIsShort)} ${ADVICE[metric](model, reading)}`
}

/** The second part of the advice. The first part is about slots. */
const ADVICE: Readonly<Record<ModelMetric, (model: string, reading: ModelReading) => string>> = {
  rejection_rate: (model, reading) =>
    `${longerLine(model, reading)} If the line is not full, calls are refused because they would wait longer than ` +
    'request_timeout, or because max_queue_bytes is reached.',
  average_wait: (_model, { lane: { limits } }) =>
    `To refuse calls at once instead of letting them wait too long, lower queue_limit (now ${limits.queue}).`,
  queue_depth: longerLine,
}

function moreSlots(
  model: string,
  { lane: { limits, effective, runsFewer } }: ModelReading,
  memoryIsShort: boolean,
): string {
  const runs = runsFewer ?? effective.parallel
  if (runs < limits.parallel) {
    return `Ollama runs ${runs} of these calls at once, so a higher parallel_limit (now ${limits.parallel}) does not help. GET /queue/stats has the reason in limit_reason.`
  }
  if (memoryIsShort) {
    return `Memory is short. Before you raise parallel_limit (now ${limits.parallel}), add memory, or use a smaller model or context.`
  }
  return (
    `Raise parallel_limit (now ${limits.parallel}) with ${updateRequest({ model, parallel_limit: limits.parallel + 1 })}, ` +
    'and raise OLLAMA_NUM_PARALLEL of Ollama as well. Each slot takes memory: see GET /queue/memory.'
  )
}

function longerLine(model: string, { lane: { limits } }: ModelReading): string {
  const queue_limit = Math.max(16, limits.queue * 2)
  return (
    `If callers can wait longer, raise queue_limit (now ${limits.queue}) with ${updateRequest({ model, queue_limit })}, ` +
    'or ollama_max_queue for all models.'
  )
}

export function adviceForMemory({ models }: Readings): string {
  let busiest = ''
  let most = 0
  for (const [model, { active }] of models) if (active > most) [busiest, most] = [model, active]
  const holder = most === 0 ? '' : ` ${busiest} holds the most slots now (${most}).`
  return (
    'Run fewer calls at once: lower OLLAMA_NUM_PARALLEL of Ollama, and lower ollama_num_parallel or parallel_limit ' +
    'here as well (GET /queue/memory recommends a number). Or unload a model with `ollama stop`, or add memory.' +
    holder
  )
}

/** The request that changes the limits of a model. */
export function updateRequest(change: object): string {
  return `POST /admin/queue/update ${JSON.stringify(change)}`
}

/** `a`, `a and b`, `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const left = names.length - NAMES_SHOWN
  const shown = left > 0 ? [...names.slice(0, NAMES_SHOWN), `${left} more`] : names
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
