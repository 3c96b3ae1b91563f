import { Hono } from 'hono'
import { answerText } from '../answer.ts'
import { EventFeed } from '../event-feed.ts'
import { EVENT_STREAM } from '../event-stream.ts'
import { ListedCalls } from '../listed-calls.ts'
import { OWN_PAGES } from '../own-pages.ts'
import type { Monitor, Services } from '../services.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'
import { healthPage } from './health.ts'
import { ownCallRoutes } from './own-call.ts'
import { refuseWithoutStats, statsPage } from './queue.ts'

const NO_CALLS = new ListedCalls([], 0)

/** The state of the queue, for people on call and their tools, and of one call for its caller. */
export function monitorRoutes(
  services: Services,
  monitor: Monitor,
  shared: SharedPages,
  { all: calls, forCallers }: Readonly<Record<'all' | 'forCallers', () => ListedCalls>>,
): Hono {
  const { access, admin, clock, modelKey } = services
  const history = shared.share(() => new JsonText({ ...monitor.history.page(), turns: monitor.turns.list() }))
  const alerts = shared.share(() => new JsonText(monitor.alerts.page()))
  const metrics = shared.share(() => monitor.metrics())
  const text = (make: () => unknown) => shared.share(async () => new JsonText(await make()))
  const [stats, health] = [text(statsPage(services)), text(healthPage(services))]
  const feed = new EventFeed({
    clock,
    first: { history: () => history() },
    pages: {
      stats: () => stats(),
      requests: () => calls().page(),
      alerts: () => alerts(),
      health: () => health(),
      turns: () => new JsonText({ turns: monitor.turns.newest() }),
      sample: () => new JsonText(monitor.history.page().samples.at(-1) ?? null),
    },
    failed: services.reportError,
    ended: services.draining,
    viewings: () => access.viewings,
  })

  const app = new Hono()
  const pages = OWN_PAGES.filter(({ part, stats }) => part === 'monitor' && stats).map(({ path }) => path)
  for (const path of [...pages, '/dashboard/*']) app.use(path, refuseWithoutStats(services))
  return app
    .get('/dashboard', monitor.dashboard)
    .get('/dashboard/*', monitor.dashboard)
    .get('/queue/ticket/:id', monitor.dashboard)
    .route('/', ownCallRoutes(services, monitor, forCallers))
    .get('/queue/requests', (c) => {
      const model = c.req.query('model')
      if (model === undefined) return answerText(calls().page())
      const key = modelKey(model)
      // A text that is no model's name has no calls.
      return answerText((key === undefined ? NO_CALLS : calls()).page(key))
    })
    .get('/queue/history', () => answerText(history()))
    .get('/queue/alerts', () => answerText(alerts()))
    .get(
      '/queue/events',
      async (c) =>
        // The answer to HEAD has no body, and a stream without a reader would never be closed.
        new Response(c.req.method === 'HEAD' ? null : await feed.open(admin.listener(c, access.needsKeys)), {
          headers: EVENT_STREAM,
        }),
    )
    .get('/metrics', async () => {
      const { contentType, text } = await metrics()
      return new Response(text, { headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' } })
    })
}
