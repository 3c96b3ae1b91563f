import { safeText } from '../top/safe-text.ts'
import { type Arrival, poissonArrivals, replayed } from './arrivals.ts'
import type { Asked } from './ask.ts'
import type { Random } from './random.ts'

/** Default of --duration without a trace. */
const DURATION_SECONDS = 30

export interface Plan {
  readonly arrivals: Iterator<Arrival>
  /** Expected number of calls, rounded. */
  readonly calls: number
  readonly durationMs: number
  /** All models of the load; the models of a trace are in the order of their first calls. */
  readonly models: readonly string[]
}

export function planOf(asked: Asked, random: Random): Plan {
  const { trace, speed, rate, duration, tokens } = asked
  const mix = asked.model.map(({ model }) => model)
  if (trace) {
    const durationMs = duration === undefined ? Number.POSITIVE_INFINITY : duration * 1_000
    const lastMs = (trace.arrivals.at(-1)?.atMs ?? 0) / speed
    const due = trace.arrivals.filter(({ atMs }) => atMs / speed < durationMs)
    return {
      arrivals: replayed(trace.arrivals, speed, durationMs),
      calls: due.length,
      durationMs: Math.min(lastMs, durationMs),
      models: [...new Set(due.flatMap(({ model }) => model ?? mix))],
    }
  }
  const durationMs = (duration ?? DURATION_SECONDS) * 1_000
  const load = { rate, durationMs, promptTokens: asked['prompt-tokens'], outputTokens: tokens }
  return {
    arrivals: poissonArrivals(load, random),
    calls: Math.round((rate * durationMs) / 1_000),
    durationMs,
    models: mix,
  }
}

/** Describes the load before the first call. */
export function planNote(asked: Asked, { calls, durationMs, models }: Plan): string {
  const { url, route, stream, 'max-in-flight': most } = asked
  const what = `${calls} calls over ${(durationMs / 1_000).toFixed(1)} s, at most ${most} at once`
  const lines = [
    `Sending ${asked.trace ? '' : 'about '}${what}, to ${url}${route}${stream ? ' (streams)' : ''}: ${safeText(models.join(', '))}`,
  ]
  if (!isLoopback(new URL(url).hostname))
    lines.push(`${url} is not this machine: every call makes that machine run a model. Ctrl-C stops sending.`)
  return lines.map((line) => `${line}\n`).join('')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
