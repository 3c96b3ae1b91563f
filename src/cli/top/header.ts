import { count, duration } from './figures.ts'
import { flow, span, type TextLine, type Tone } from './line.ts'
import { safeText } from './safe-text.ts'
import type { ShownHealth } from './shapes.ts'
import type { TopState } from './watch.ts'

const STATUS_TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  degraded: 'critical',
  draining: 'warning',
}

/** Name, state and totals of the proxy, on as many lines as the width requires. */
export function header({ url, pages, lastError, ageMs }: TopState, width: number): TextLine[] {
  const connection = lastError === undefined ? [] : connectionLines(lastError, pages && ageMs, width)
  if (!pages)
    return [...flow([[span('ollama-guard-proxy', 'bold')], [span(safeText(url))]], width), ...connection]
  const health = pages.health.data
  const { active_requests, queued_requests } = health.concurrency
  const items: TextLine[] = [
    [span('ollama-guard-proxy', 'bold'), span(` ${safeText(health.version)} (${safeText(health.runtime)})`)],
    // Without a connection the last status may be out of date, so the status loses its colour.
    [span(safeText(health.status), lastError === undefined ? STATUS_TONES[health.status] : 'dim')],
    [span(`up ${duration(health.uptime_seconds * 1_000)}`)],
    [span(safeText(url))],
    upstreamItem(health),
    ...memoryItem(health),
    [span(`${count(active_requests)} running, ${count(queued_requests)} waiting`)],
  ]
  return [...flow(items, width), ...connection]
}

function connectionLines(lastError: string, ageMs: number | undefined, width: number): TextLine[] {
  const state = ageMs === undefined ? 'no connection yet' : 'connection lost'
  const items: TextLine[] = [[span(`${state}, trying again`, 'critical')], [span(safeText(lastError), 'dim')]]
  if (ageMs !== undefined) items.push([span(`the figures are ${duration(ageMs)} old`, 'dim')])
  return flow(items, width)
}

function upstreamItem({ upstream }: ShownHealth): TextLine {
  const code = upstream.error ? ` (${upstream.error.code})` : ''
  return [span(safeText(upstreamText(upstream) + code), upstream.reachable ? undefined : 'critical')]
}

/** Whether Ollama answers, in words. The caller must still apply safeText(). */
export function upstreamText({ reachable, version, latency_ms: ms }: ShownHealth['upstream']): string {
  if (!reachable) return 'Ollama does not answer'
  // One decimal below 10 ms, unlike duration(): Ollama answers /api/version within a millisecond or two.
  const latency = ms === null ? '' : ` in ${ms < 10 ? `${ms.toFixed(1)}ms` : duration(ms)}`
  return `Ollama${version === null ? '' : ` ${version}`} answers${latency}`
}

function memoryItem({ concurrency: { memory } }: ShownHealth): TextLine[] {
  const { percent, used_gb, total_gb } = memory
  if (percent === null || used_gb === null || total_gb === null) return []
  const tone = percent >= 90 ? 'critical' : percent >= 80 ? 'warning' : undefined
  return [
    [span(`memory ${used_gb.toFixed(1)}/${total_gb.toFixed(1)} GB `), span(`${percent.toFixed(0)} %`, tone)],
  ]
}
