import { Hono } from 'hono'
import { hundredths, takeTotals } from '../../telemetry/snapshot.ts'
import type { UpstreamStatus } from '../../upstream/health.ts'
import { answer, answerText } from '../answer.ts'
import { memoryFigures } from '../memory-figures.ts'
import type { Services } from '../services.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'

/** These pages send no request to Ollama. They show the result of the last probe and of the calls. */
export function healthRoutes(services: Services, shared: SharedPages): Hono {
  const page = healthPage(services)
  const text = shared.shareEach(async () => new JsonText(await page()))
  return (
    new Hono()
      // Each status is a variant of the shared page, so that a drain shows at once.
      .get('/health', async () => answerText(await text(currentStatus(services))))
      .get('/health/live', () => answer({ status: 'live' }))
      .get('/health/ready', () => {
        const now = currentStatus(services)
        return now === 'healthy' ? answer({ status: 'ready' }) : answer({ status: now }, 503)
      })
  )
}

/** The content of `GET /health`. */
export function healthPage(services: Services): () => Promise<object> {
  const { admission, clock, health, monitor } = services
  const startedAt = clock.now()
  return async () => {
    const memory = memoryFigures(await services.memory())
    const status = health.status()
    const upstream = upstreamOf(status)
    return {
      status: currentStatus(services),
      timestamp: new Date(clock.wallTime()).toISOString(),
      version: services.version,
      runtime: services.runtimeName,
      uptime_seconds: hundredths((clock.now() - startedAt) / 1_000),
      upstream,
      upstreams: [{ name: status.name, ...upstream }],
      concurrency: { ...takeTotals(admission), memory },
      ...(monitor && { alerts: monitor.alerts.brief() }),
    }
  }
}

function upstreamOf({ reachable, version, latencyMs, checkedAt, status, error }: UpstreamStatus) {
  return {
    reachable,
    version,
    latency_ms: latencyMs === null ? null : hundredths(latencyMs),
    checked_at: checkedAt === null ? null : new Date(checkedAt).toISOString(),
    status,
    error,
  }
}

function currentStatus({ draining, health }: Services): 'draining' | 'healthy' | 'degraded' {
  if (draining()) return 'draining'
  return health.status().reachable ? 'healthy' : 'degraded'
}
