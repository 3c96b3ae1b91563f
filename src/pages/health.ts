import { z } from 'zod'
import { count, figure, flag, list, moment, text, word } from './fields.ts'
import { memory, totals } from './queue.ts'

export const LEVELS = ['warning', 'critical']

const STATES = {
  healthy: 'healthy',
  degraded: 'degraded: Ollama does not answer',
  draining: 'draining: the proxy ends and takes no calls',
}

export const cause = z
  .object({
    code: text('Name of the cause, such as ECONNREFUSED; docs/guide.md lists the codes.'),
    message: text('What is wrong, as a sentence.'),
    advice: text('What an operator can do about the cause.'),
  })
  .describe('Why Ollama cannot be reached, or why Ollama told no version.')

export const upstream = z
  .object({
    reachable: flag('Whether Ollama answers. False until the first answer.'),
    version: text('The version of Ollama that was seen last; null when none was seen.').nullable(),
    latency_ms: figure(
      'Duration of the last good probe, in milliseconds; null while Ollama does not answer.',
    ).nullable(),
    checked_at: moment('When the proxy last learned how Ollama is; null before the first probe.').nullable(),
    status: count('HTTP status of the answer to the last probe; null when there was no answer.').nullable(),
    error: cause.nullable(),
  })
  .describe('Ollama as the last probe and the calls have found it. The proxy probes every 5 seconds.')

export const namedUpstream = upstream
  .extend({ name: text('Name of the upstream: `ollama` for the one that `ollama_url` stands for.') })
  .describe('One Ollama, as in `upstream`.')

export const health = z
  .object({
    status: word(Object.keys(STATES), `${Object.values(STATES).join('; ')}.`),
    timestamp: moment('When this page was made.'),
    version: text('Version of the proxy.'),
    runtime: text('What the proxy runs on: node, bun or workerd.'),
    uptime_seconds: figure('Seconds since the start of the proxy.'),
    upstream,
    upstreams: list(namedUpstream, 'Every Ollama behind the proxy. The first is the one in `upstream`.'),
    concurrency: totals
      .extend({
        active_requests: count('Calls that hold a slot now, all models together.'),
        queued_requests: count('Calls that wait now, all models together.'),
        memory,
      })
      .describe('Limits and load, all models together.'),
    alerts: list(
      z.object({
        id: text('The id of the alert in `/queue/alerts`.'),
        level: word(LEVELS, 'How bad the figure is.'),
      }),
      'Alerts that stand now. Absent on runtimes that keep calls and lanes in different processes.',
    ).optional(),
  })
  .describe('How the proxy and Ollama are.')

export const live = z
  .object({ status: word(['live'], 'The process runs.') })
  .describe('The answer while the process runs.')

export const ready = z
  .object({ status: word(['ready'], 'The proxy takes calls and Ollama answers.') })
  .describe('The answer while a call would be served.')

export const notReady = z
  .object({ status: word(['degraded', 'draining'], 'As in `/health`.') })
  .describe('The answer while Ollama cannot be reached or the proxy drains.')

export type Health = z.infer<typeof health>
