import { duration } from './figures.ts'
import { latency } from './header.ts'
import { safeText } from './safe-text.ts'
import type { Health } from './shapes.ts'

/** A few lines for a person. */
export function statusText(health: Health, url: string): string {
  const { version, runtime, uptime_seconds, upstream, concurrency, alerts } = health
  const { used_gb, total_gb, percent } = concurrency.memory
  const lines = [
    ['status', health.status],
    ['proxy', `${version} (${runtime}) at ${url}, up ${duration(uptime_seconds * 1_000)}`],
    [
      'upstream',
      upstream.reachable
        ? `Ollama${upstream.version === null ? '' : ` ${upstream.version}`} answers${latency(upstream.latency_ms)}`
        : 'Ollama does not answer',
    ],
    ...(upstream.error ? [['', explained(upstream.error)]] : []),
    ['calls', `${concurrency.active_requests} running, ${concurrency.queued_requests} waiting`],
  ]
  if (percent !== null) lines.push(['memory', `${used_gb} of ${total_gb} GB used (${percent} %)`])
  // A proxy that is too old to have alerts does not have none of them.
  if (alerts !== undefined)
    lines.push(['alerts', alerts.map(({ id, level }) => `${id} (${level})`).join(', ') || 'none'])
  return lines.map(([name = '', text = '']) => `${name.padEnd(9)} ${safeText(text)}\n`).join('')
}

function explained({ code, message, advice }: NonNullable<Health['upstream']['error']>): string {
  return `${message} (${code}): ${advice}`
}
