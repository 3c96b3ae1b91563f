import type { ModelReading, Readings } from '../telemetry/history.ts'
import type { Level, Metric, ModelMetric } from './rules.ts'

const SAYS: Readonly<Record<Metric, (model: string | null, value: number) => string>> = {
  rejection_rate: (model, value) => `${model} refuses ${value} % of its calls`,
  average_wait: (model, value) => `calls of ${model} wait ${value} s on average`,
  queue_depth: (model, value) => `the line of ${model} is ${value} % full`,
  memory: (_model, value) => `${value} % of the memory is in use`,
}

/** One line: `llama2 refuses 3.2 % of its calls (warning from 1 %)`. */
export function messageOf(
  { metric, model, value }: { metric: Metric; model: string | null; value: number },
  level: Level,
  threshold: number,
): string {
  const unit = metric === 'average_wait' ? 's' : '%'
  return `${SAYS[metric](model, value)} (${level} from ${threshold} ${unit})`
}

/** What somebody on call can do, in words that name the option or the command. Numbers are those in force now. */
export function adviceForModel(
  metric: ModelMetric,
  model: string,
  reading: ModelReading,
  memoryIsShort: boolean,
): string {
  if (reading.paused) {
    return `${model} is paused: start it again with POST /admin/queue/resume ${JSON.stringify({ model })}.`
  }
  return `${moreSlots(model, reading, memoryIsShort)} ${OTHERWISE[metric](model, reading)}`
}

const OTHERWISE: Readonly<Record<ModelMetric, (model: string, reading: ModelReading) => string>> = {
  rejection_rate: (model, reading) =>
    `${longerLine(model, reading)} When the line is not full, calls are refused because they would wait past ` +
    'request_timeout or because max_queue_bytes is reached.',
  average_wait: (_model, { limits }) =>
    `A queue_limit below ${limits.queue} refuses at once whom it would keep too long.`,
  queue_depth: longerLine,
}

function moreSlots(model: string, { limits }: ModelReading, memoryIsShort: boolean): string {
  if (memoryIsShort) {
    return `Memory is short: for more slots than ${limits.parallel} add memory, or serve a smaller model or context.`
  }
  return (
    `Raise parallel_limit (now ${limits.parallel}): ${update({ model, parallel_limit: limits.parallel + 1 })}, ` +
    'and OLLAMA_NUM_PARALLEL of Ollama with it; each slot takes memory (GET /queue/memory).'
  )
}

function longerLine(model: string, { limits }: ModelReading): string {
  const queue_limit = Math.max(16, limits.queue * 2)
  return (
    `If a longer wait is bearable, raise queue_limit (now ${limits.queue}): ${update({ model, queue_limit })}; ` +
    'ollama_max_queue does it for all models.'
  )
}

export function adviceForMemory({ models }: Readings): string {
  let busiest = ''
  let most = 0
  for (const [model, { active }] of models) if (active > most) [busiest, most] = [model, active]
  const who = most === 0 ? '' : ` ${busiest} holds most slots now (${most}).`
  return (
    'Run fewer calls at once: lower OLLAMA_NUM_PARALLEL of Ollama, and ollama_num_parallel or parallel_limit here ' +
    'with it (GET /queue/memory recommends a number). Or unload a model with `ollama stop`, or add memory.' +
    who
  )
}

function update(change: object): string {
  return `POST /admin/queue/update ${JSON.stringify(change)}`
}
