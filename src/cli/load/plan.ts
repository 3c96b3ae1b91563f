import { type Arrival, poissonArrivals, replayed } from './arrivals.ts'
import type { Asked } from './ask.ts'
import type { Random } from './random.ts'

/** How long calls are sent when nothing else says it, in seconds. */
const DURATION_SECONDS = 30

export interface Plan {
  readonly arrivals: Iterator<Arrival>
  /** Calls to be expected, rounded. */
  readonly calls: number
  readonly durationMs: number
}

export function planOf(asked: Asked, random: Random): Plan {
  const { trace, speed, rate, duration, tokens } = asked
  if (trace) {
    const durationMs = duration === undefined ? Number.POSITIVE_INFINITY : duration * 1_000
    const lastMs = (trace.arrivals.at(-1)?.atMs ?? 0) / speed
    const calls = trace.arrivals.filter(({ atMs }) => atMs / speed < durationMs).length
    return {
      arrivals: replayed(trace.arrivals, speed, durationMs),
      calls,
      durationMs: Math.min(lastMs, durationMs),
    }
  }
  const durationMs = (duration ?? DURATION_SECONDS) * 1_000
  const load = { rate, durationMs, promptTokens: asked['prompt-tokens'], outputTokens: tokens }
  return {
    arrivals: poissonArrivals(load, random),
    calls: Math.round((rate * durationMs) / 1_000),
    durationMs,
  }
}

/** What is about to happen, said before it does. */
export function planNote(asked: Asked, { calls, durationMs }: Plan): string {
  const { url, route, stream, 'max-in-flight': most } = asked
  const models = asked.model.map(({ model }) => model).join(', ')
  const what = `${calls} calls over ${(durationMs / 1_000).toFixed(1)} s, at most ${most} at once`
  const lines = [
    `Sending ${asked.trace ? '' : 'about '}${what}, to ${url}${route}${stream ? ' (streams)' : ''}: ${models}`,
  ]
  if (!isLoopback(new URL(url).hostname))
    lines.push(`${url} is not this machine: every call makes it run a model. Ctrl-C stops sending.`)
  return lines.map((line) => `${line}\n`).join('')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
