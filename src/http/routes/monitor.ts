import { type Context, Hono } from 'hono'
import type { LiveCall } from '../../relay/live-call.ts'
import { liveQueue } from '../../telemetry/live-queue.ts'
import type { HistoryPage, WindowFigures } from '../../telemetry/snapshot.ts'
import { answer } from '../answer.ts'
import type { Services } from '../app.ts'
import { EventFeed } from '../event-feed.ts'
import { HttpProblem } from '../problem.ts'
import { healthPage } from './health.ts'
import { statsPage } from './queue.ts'

/** What only a process can show that keeps its lanes and its calls itself. */
export interface Monitor {
  readonly calls: {
    live(): Iterable<LiveCall>
    /** Ends a call; what it was at, or undefined when there is none of this id. */
    cancel(id: string): LiveCall | undefined
  }
  /** `model`: a key, or `*` for all. Returns the lanes that are in that state now because of it. */
  pause(model: string, paused: boolean): readonly { readonly model: string }[]
  readonly history: { page(): HistoryPage; window(model: string): WindowFigures }
  readonly alerts: {
    /** As `GET /queue/alerts` shows them. */
    page(): unknown
    /** As `GET /health` mentions them. */
    brief(): readonly { readonly id: string; readonly level: string }[]
  }
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly dashboard: (c: Context) => Response | Promise<Response>
}

const EVENT_STREAM: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // It has no end: nothing that is sent behind it on the same connection would ever have its turn.
  Connection: 'close',
  // nginx would hold the events back.
  'X-Accel-Buffering': 'no',
}

/** How the queue lives, for people on call and their tools. */
export function monitorRoutes(services: Services, monitor: Monitor): Hono {
  const { admin, admission, config, modelKey } = services
  const requests = (model?: string) => liveQueue(monitor.calls.live(), admission.lanes(), model)
  const feed = new EventFeed({
    clock: services.clock,
    first: { history: () => monitor.history.page() },
    pages: {
      stats: statsPage(services),
      requests: () => requests(),
      alerts: () => monitor.alerts.page(),
      health: healthPage(services),
      sample: () => monitor.history.page().samples.at(-1) ?? null,
    },
    failed: services.reportError,
    ended: services.draining,
  })

  const app = new Hono()
  for (const path of [
    '/queue/requests',
    '/queue/history',
    '/queue/events',
    '/queue/alerts',
    '/metrics',
    '/dashboard',
    '/dashboard/*',
  ]) {
    app.use(path, async (_c, next) => {
      if (!config.enable_queue_stats) throw new HttpProblem('stats_disabled')
      await next()
    })
  }
  return app
    .get('/dashboard', monitor.dashboard)
    .get('/dashboard/*', monitor.dashboard)
    .get('/queue/requests', (c) => {
      const model = c.req.query('model')
      return answer(requests(model === undefined ? undefined : (modelKey(model) ?? model)))
    })
    .get('/queue/history', () => answer(monitor.history.page()))
    .get('/queue/alerts', () => answer(monitor.alerts.page()))
    .get(
      '/queue/events',
      async (c) =>
        // A head has no body, and a stream that nobody reads would never be closed.
        new Response(c.req.method === 'HEAD' ? null : await feed.open(admin.listener(c)), {
          headers: EVENT_STREAM,
        }),
    )
    .get('/metrics', async () => {
      const { contentType, text } = await monitor.metrics()
      return new Response(text, { headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' } })
    })
}
