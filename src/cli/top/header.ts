import { count, duration } from './figures.ts'
import { flow, type Line, span, type Tone } from './line.ts'
import { safeText } from './safe-text.ts'
import type { Health } from './shapes.ts'
import type { TopState } from './watch.ts'

const STATUS_TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  degraded: 'critical',
  draining: 'warning',
}

/** Whose figures these are and how the proxy is, on as many lines as the width asks for. */
export function header({ url, pages, lost, ageMs }: TopState, width: number): Line[] {
  const connection = lost === undefined ? [] : connectionLines(lost, pages ? ageMs : undefined, width)
  if (!pages)
    return [...flow([[span('ollama-guard-proxy', 'bold')], [span(safeText(url))]], width), ...connection]
  const health = pages.health.data
  const { active_requests, queued_requests } = health.concurrency
  const items: Line[] = [
    [span('ollama-guard-proxy', 'bold'), span(` ${safeText(health.version)} (${safeText(health.runtime)})`)],
    // What was true before the connection was lost may not be any more.
    [span(safeText(health.status), lost === undefined ? STATUS_TONES[health.status] : 'dim')],
    [span(`up ${duration(health.uptime_seconds * 1_000)}`)],
    [span(safeText(url))],
    upstreamItem(health),
    ...memoryItem(health),
    [span(`${count(active_requests)} running, ${count(queued_requests)} waiting`)],
  ]
  return [...flow(items, width), ...connection]
}

function connectionLines(lost: string, ageMs: number | undefined, width: number): Line[] {
  const what = ageMs === undefined ? 'no connection yet' : 'connection lost'
  const items: Line[] = [[span(`${what}, trying again`, 'critical')], [span(safeText(lost), 'dim')]]
  if (ageMs !== undefined) items.push([span(`the figures are ${duration(ageMs)} old`, 'dim')])
  return flow(items, width)
}

function upstreamItem({ upstream }: Health): Line {
  const { error } = upstream
  const code = error ? ` (${safeText(error.code)})` : ''
  if (!upstream.reachable) return [span(`Ollama does not answer${code}`, 'critical')]
  const version = upstream.version === null ? '' : ` ${safeText(upstream.version)}`
  return [span(`Ollama${version} answers${latency(upstream.latency_ms)}${code}`)]
}

/** One decimal, unlike everywhere else: a version is told within a millisecond or two. */
export function latency(ms: number | null): string {
  return ms === null ? '' : ` in ${ms < 10 ? `${ms.toFixed(1)}ms` : duration(ms)}`
}

function memoryItem({ concurrency: { memory } }: Health): Line[] {
  const { percent, used_gb, total_gb } = memory
  if (percent === null || used_gb === null || total_gb === null) return []
  const tone = percent >= 90 ? 'critical' : percent >= 80 ? 'warning' : undefined
  return [
    [span(`memory ${used_gb.toFixed(1)}/${total_gb.toFixed(1)} GB `), span(`${percent.toFixed(0)} %`, tone)],
  ]
}
