import { defineCommand } from 'citty'
import { z } from 'zod'
import { EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { patience, readFlags } from './flag-values.ts'
import { proxyAddress, urlFlag } from './top/address.ts'
import { duration } from './top/figures.ts'
import { Unreachable } from './top/get.ts'
import { upstreamText } from './top/header.ts'
import { EXIT_UNREACHABLE, readState } from './top/pages.ts'
import { safeJson, safeText } from './top/safe-text.ts'
import type { ShownHealth } from './top/shapes.ts'

const flags = z.object({ timeout: patience })

/** Reads the state once. The exit code tells the state, so a container can use this command as its HEALTHCHECK. */
export const statusCommand = defineCommand({
  meta: {
    name: 'status',
    description:
      'Show the state of a running proxy. Exit code 0: healthy, 1: degraded or draining, 2: not reachable (or a wrong flag), 78: wrong configuration.',
  },
  args: {
    url: urlFlag,
    timeout: { type: 'string', default: '3', valueHint: 'seconds', description: 'Wait at most this long.' },
    json: { type: 'boolean', description: 'Print one JSON object.' },
  },
  async run({ args }) {
    const values = readFlags(flags, args)
    if (!values) return EXIT_USAGE
    const url = proxyAddress(args.url)
    if (typeof url === 'number') return url
    try {
      const { health, ready } = await readState({ url, timeoutMs: values.timeout * 1_000 })
      const { status } = health.data
      const output = args.json
        ? json({ status, ready, url, health: health.raw, error: null })
        : statusText(health.data, url)
      process.stdout.write(output)
      return exitCode(status, ready)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      const { message } = error
      if (args.json) {
        process.stdout.write(json({ status: 'unreachable', ready: false, url, health: null, error: message }))
      } else process.stderr.write(`${message}\n`)
      return EXIT_UNREACHABLE
    }
  },
})

function exitCode(status: string, ready: boolean): number {
  return status === 'healthy' && ready ? 0 : EXIT_FAILED
}

function json(answer: object): string {
  return `${safeJson(answer)}\n`
}

function statusText(health: ShownHealth, url: string): string {
  const { version, runtime, uptime_seconds, upstream, concurrency, alerts } = health
  const { used_gb, total_gb, percent } = concurrency.memory
  const lines = [
    ['status', health.status],
    ['proxy', `${version} (${runtime}) at ${url}, up ${duration(uptime_seconds * 1_000)}`],
    ['upstream', upstreamText(upstream)],
    ...(upstream.error ? [['', upstreamErrorText(upstream.error)]] : []),
    ['calls', `${concurrency.active_requests} running, ${concurrency.queued_requests} waiting`],
  ]
  if (percent !== null) lines.push(['memory', `${used_gb} of ${total_gb} GB used (${percent} %)`])
  // An older proxy does not report alerts. Its alerts are unknown, so 'none' would be wrong.
  if (alerts !== undefined)
    lines.push(['alerts', alerts.map(({ id, level }) => `${id} (${level})`).join(', ') || 'none'])
  return lines.map(([name = '', text = '']) => `${name.padEnd(9)} ${safeText(text)}\n`).join('')
}

function upstreamErrorText({ code, message, advice }: NonNullable<ShownHealth['upstream']['error']>): string {
  return `${message} (${code}): ${advice}`
}
