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

/** Whose figures these are and how the proxy is, on as many lines as the width asks for. */
export function header({ url, pages, lost, ageMs }: TopState, width: number): TextLine[] {
  const connection = lost === undefined ? [] : connectionLines(lost, pages ? ageMs : undefined, width)
  if (!pages)
    return [...flow([[span('ollama-guard-proxy', 'bold')], [span(safeText(url))]], width), ...connection]
  const health = pages.health.data
  const { active_requests, queued_requests } = health.concurrency
  const items: TextLine[] = [
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

function connectionLines(lost: string, ageMs: number | undefined, width: number): TextLine[] {
  const what = ageMs === undefined ? 'no connection yet' : 'connection lost'
  const items: TextLine[] = [[span(`${what}, trying again`, 'critical')], [span(safeText(lost), 'dim')]]
  if (ageMs !== undefined) items.push([span(`the figures are ${duration(ageMs)} old`, 'dim')])
  return flow(items, width)
}

function upstreamItem({ upstream }: ShownHealth): TextLine {
  const code = upstream.error ? ` (${upstream.error.code})` : ''
  return [span(safeText(upstreamText(upstream) + code), upstream.reachable ? undefined : 'critical')]
}

/** Whether Ollama answers, in words. Not yet safe for a terminal. */
export function upstreamText({ reachable, version, latency_ms: ms }: ShownHealth['upstream']): string {
  if (!reachable) return 'Ollama does not answer'
  // One decimal, unlike everywhere else: a version is told within a millisecond or two.
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
