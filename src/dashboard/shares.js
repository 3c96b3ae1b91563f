import { counted } from './figures.js'

/**
 * How the places of a runner are taken: `own` by calls of this name, `others` by calls of the runner's other names.
 * `limit` is null where there is no limit. `free`: free places as the proxy counts them.
 */
function share(own, others, limit, free) {
  if (limit === null) return { own, others: 0, limit }
  const calls = own + others
  // A call with several inputs is one call and takes several slots. Those slots count for this name where it has calls.
  const taken = Math.max(calls, free > 0 ? limit - free : limit)
  return own > 0 ? { own: taken - others, others, limit } : { own, others: taken, limit }
}

/** The slots of a model. `models`: all models of /queue/stats, by name. */
export function slotsOf(stats, models) {
  const { active_requests, effective_limit, available_slots, aliases } = stats
  const others = sum(models, aliases, 'active_requests')
  return share(active_requests, others, effective_limit, available_slots)
}

/** The line of a model, as `slotsOf` has the slots. */
export function lineOf(stats, models) {
  const { queued_requests, queue_limit, aliases } = stats
  return { own: queued_requests, others: sum(models, aliases, 'queued_requests'), limit: queue_limit }
}

function sum(models, names, field) {
  return names.reduce((total, name) => total + (models[name]?.[field] ?? 0), 0)
}

const REASONS = {
  memory: () => 'auto, by the memory of this machine',
  measured: (slots) => `Ollama runs ${slots} at once`,
  embedding: () => 'Ollama runs an embedding model one call at a time',
  family: () => 'Ollama runs a model of this family one call at a time',
  format: () => 'Ollama runs a model of this format one call at a time',
}

/** Where the number of slots comes from. Empty where an operator chose the number. */
export function reasonOf({ parallel_limit, effective_limit, limit_reason, runner }) {
  if (effective_limit === null) return limit_reason === 'cloud' ? 'Runs in the cloud, no limit.' : 'No limit.'
  const inForce = effective_limit < parallel_limit ? `${effective_limit} of ` : ''
  const slots = inForce + counted(parallel_limit, 'slot')
  const reason = Object.hasOwn(REASONS, limit_reason) ? REASONS[limit_reason](effective_limit) : ''
  if (reason !== '') return `${slots}: ${reason}.`
  return runner === 'cloud' ? `Runs in the cloud, ${slots}.` : ''
}
