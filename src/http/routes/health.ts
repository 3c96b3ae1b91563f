import { Hono } from 'hono'
import { hundredths, takeTotals } from '../../telemetry/snapshot.ts'
import { answer, answerText } from '../answer.ts'
import type { Services } from '../app.ts'
import { memoryFigures } from '../memory-figures.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'

/** Ollama is not asked: what its last probe and the calls have shown is told. */
export function healthRoutes(services: Services, shared: SharedPages): Hono {
  const page = healthPage(services)
  const text = shared.shareEach(async () => new JsonText(await page()))
  return (
    new Hono()
      // A variant for each status, because a drain has to show at once.
      .get('/health', async () => answerText(await text(statusOf(services))))
      .get('/health/live', () => answer({ status: 'live' }))
      .get('/health/ready', () => {
        const now = statusOf(services)
        return now === 'healthy' ? answer({ status: 'ready' }) : answer({ status: now }, 503)
      })
  )
}

/** How we are, as `GET /health` says it. */
export function healthPage(services: Services): () => Promise<object> {
  const { admission, clock, monitor, upstream } = services
  const startedAt = clock.now()
  return async () => {
    const memory = memoryFigures(await services.memory())
    const { reachable, version, latency_ms, checked_at, status, error } = upstream.status()
    return {
      status: statusOf(services),
      timestamp: new Date(clock.wallTime()).toISOString(),
      version: services.version,
      runtime: services.runtimeName,
      uptime_seconds: hundredths((clock.now() - startedAt) / 1_000),
      upstream: {
        reachable,
        version,
        latency_ms: latency_ms === null ? null : hundredths(latency_ms),
        checked_at,
        status,
        error,
      },
      concurrency: { ...takeTotals(admission), memory },
      ...(monitor && { alerts: monitor.alerts.brief() }),
    }
  }
}

function statusOf({ draining, upstream }: Services): 'draining' | 'healthy' | 'degraded' {
  if (draining()) return 'draining'
  return upstream.status().reachable ? 'healthy' : 'degraded'
}
