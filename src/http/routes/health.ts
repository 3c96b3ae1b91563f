import { Hono } from 'hono'
import { hundredths, takeTotals } from '../../telemetry/snapshot.ts'
import { answer } from '../answer.ts'
import type { Services } from '../app.ts'
import { memoryFigures } from '../memory-figures.ts'

/** How we are. Ollama is not asked: what its last probe and the calls have shown is told. */
export function healthRoutes(services: Services): Hono {
  const { admission, clock, upstream } = services
  const startedAt = clock.now()

  const status = () => {
    if (services.draining()) return 'draining'
    return upstream.status().reachable ? 'healthy' : 'degraded'
  }

  return new Hono()
    .get('/health', async () => {
      const memory = memoryFigures(await services.memory())
      const { reachable, version, latency_ms, checked_at } = upstream.status()
      return answer({
        status: status(),
        timestamp: new Date(clock.wallTime()).toISOString(),
        version: services.version,
        runtime: services.runtimeName,
        uptime_seconds: hundredths((clock.now() - startedAt) / 1_000),
        upstream: {
          reachable,
          version,
          latency_ms: latency_ms === null ? null : hundredths(latency_ms),
          checked_at,
        },
        concurrency: { ...takeTotals(admission), memory },
      })
    })
    .get('/health/live', () => answer({ status: 'live' }))
    .get('/health/ready', () => {
      const now = status()
      return now === 'healthy' ? answer({ status: 'ready' }) : answer({ status: now }, 503)
    })
}
