import type { ModelReading } from '../telemetry/history.ts'
import { RECENT_MINUTES } from '../telemetry/recent-count.ts'
import type { ReloadPair } from '../telemetry/reload-counts.ts'
import type { RunnerReloads } from '../telemetry/reloads.ts'
import type { Mismatch } from './mismatches.ts'
import { listed, updateRequest } from './words.ts'

/** From so many loads because of options within ten minutes on, they are told. */
const LEAST_RELOADS = 3
/** Of more, a sentence would be too long. The metric has all. */
const PAIRS_SHOWN = 2

/** Why Ollama runs one call at a time on a runner, whatever is set. */
const FORCED = {
  embedding: 'a model without the capability "completion"',
  family: 'a model of this family',
  format: 'a model of format safetensors',
} as const

/**
 * The runners with a configured number of slots that is higher than the number of calls that Ollama runs at once.
 * `models`: those with a call within the window. `forced`: why Ollama runs one call of a model at a time, whatever is set.
 */
export function parallelMismatches(
  models: ReadonlyMap<string, ModelReading>,
  forced: (model: string) => keyof typeof FORCED | undefined,
): readonly Mismatch[] {
  const lanes = new Map(Array.from(models.values(), ({ lane }) => [lane.runner, lane]))
  return [...lanes.values()].flatMap(({ names, limits: { parallel }, runsFewer }) => {
    const [model] = names
    if (runsFewer === undefined || model === undefined) return []
    const request = updateRequest({ model, parallel_limit: runsFewer })
    const reason = names.map(forced).find((each) => each !== undefined)
    return {
      metric: 'parallel_too_high',
      model,
      value: parallel,
      threshold: runsFewer,
      unit: 'slots',
      message: `Ollama runs ${runsFewer} of the calls of ${listed(names)} at once, but parallel_limit is ${parallel}`,
      action:
        `Set models.${model}.parallel_limit: ${runsFewer} in config.yaml, or send ${request}. ` +
        (reason === undefined
          ? `Or set OLLAMA_NUM_PARALLEL=${parallel} for Ollama, if there is memory for it, and restart Ollama.`
          : `No setting of Ollama helps: Ollama runs one call of ${FORCED[reason]} at a time.`),
    }
  })
}

/**
 * The runners that Ollama loaded again and again because clients send different options. `namesOf`: the models of a
 * runner; empty for a runner that is forgotten.
 */
export function reloadMismatches(
  runners: readonly RunnerReloads[],
  namesOf: (runner: string) => readonly string[],
): readonly Mismatch[] {
  return runners.flatMap(({ runner, count, pairs }) => {
    const names = namesOf(runner)
    const [model] = names
    const [most] = pairs
    if (count < LEAST_RELOADS || model === undefined || most === undefined) return []
    const subject = names.length === 1 ? model : `the runner of ${listed(names)}`
    const shown = pairs.slice(0, PAIRS_SHOWN).filter((pair) => pair.count > 0)
    return {
      metric: 'reloads',
      model,
      value: count,
      threshold: LEAST_RELOADS,
      unit: 'loads',
      message: `${subject} was loaded ${count} times in ${RECENT_MINUTES} min because ${shown.map(alternation).join(', and ')}`,
      action: adviceForReloads(model, most),
    }
  })
}

function alternation({ option, from, to, callers }: ReloadPair): string {
  const value = (value: string) => {
    const clients = callers.filter((caller) => caller.value === value).map(({ client }) => client)
    return clients.length === 0 ? value : `${value} (${clients.join(', ')})`
  }
  return `${option} alternates between ${value(from)} and ${value(to)}`
}

function adviceForReloads(model: string, { option, from, to }: ReloadPair): string {
  const isContext = option === 'num_ctx'
  // The text of the larger number. An automatic value is no number.
  const value = Number(from) > Number(to) || to === 'automatic' ? from : to
  return (
    `Give all clients of ${model} one ${option}: set PARAMETER ${option} ${value} in the Modelfile of the model` +
    `${isContext ? ', or OLLAMA_CONTEXT_LENGTH for Ollama' : ''}, and remove the option from the clients. ` +
    'A copy of the model (ollama cp) does not help, because copies share one runner. Two values side by side need a ' +
    'second Ollama, or a model with other weights.'
  )
}
