import { type Context, Hono } from 'hono'
import { GATED_PATHS } from '../ollama/routes.ts'
import { sortedCalls } from '../telemetry/live-queue.ts'
import { answerText } from './answer.ts'
import { dialectOf } from './dialect.ts'
import { type ErrorParts, errorRenderer } from './errors.ts'
import { ForeignHost } from './host-guard.ts'
import { ListedCalls, listForCallers } from './listed-calls.ts'
import { OWN_PAGES, OWN_TREES } from './own-pages.ts'
import { HttpProblem } from './problem.ts'
import { adminRoutes } from './routes/admin.ts'
import { healthRoutes } from './routes/health.ts'
import { meRoutes } from './routes/me.ts'
import { monitorRoutes } from './routes/monitor.ts'
import { queueRoutes } from './routes/queue.ts'
import type { CallServices, Monitor, Services } from './services.ts'
import { JsonText, SharedPages } from './shared-pages.ts'

/**
 * All routes. A gated route has one handler and no middleware: Hono then calls the handler directly. A request that
 * matches no route is for Ollama, so `notFound` sends it on.
 */
export function createApp(services: Services): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.on('POST', [...GATED_PATHS], (c) => services.relay(c))
  const shared = new SharedPages(services.clock, services.changes)
  // An operator sees a change in the next page that it asks for.
  app.use('/admin/*', async (_c, next) => {
    await next()
    shared.forget()
  })
  for (const { path, view } of OWN_PAGES) if (view) app.use(path, services.access.view)
  app.route('/', healthRoutes(services, shared))
  app.route('/', queueRoutes(services, shared))
  const config = shared.share(() => new JsonText(services.describeConfig()))
  app.get('/config', () => answerText(config()))
  app.route('/', adminRoutes(services))
  const { callers, monitor } = services
  const calls = monitor && shared.share(() => listCalls(services, monitor))
  const forCallers = calls && listForCallers(calls, services.clock)
  if (monitor && calls && forCallers)
    app.route('/', monitorRoutes(services, monitor, shared, { all: calls, forCallers }))
  if (callers) app.route('/', meRoutes(services, callers, forCallers, shared))
  for (const { path, allow, part } of OWN_PAGES) {
    if (part !== undefined && services[part] === undefined) continue
    app.all(path, () => {
      throw new HttpProblem('method_not_allowed', { headers: ['Allow', allow] })
    })
  }
  for (const tree of OWN_TREES) {
    app.all(tree, () => {
      throw new HttpProblem('not_found')
    })
  }
  app.notFound((c) => services.passThrough(c))
  app.onError(errorRenderer(services))
  return app
}

function listCalls({ admission, clock }: Services, { calls }: Monitor): ListedCalls {
  const now = clock.now()
  return new ListedCalls(sortedCalls(calls.live(), admission.lanes(), now), now)
}

/**
 * Answers requests with a foreign Host: each gets an error message, and no page of ours or of Ollama. A preflight goes
 * on to Ollama. It carries no data and changes nothing, and without its answer no web page could read the error message.
 */
export function createForeignHostApp(
  services: ErrorParts & Pick<CallServices, 'path' | 'passThrough'>,
): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.all('*', (c) => {
    if (c.req.method === 'OPTIONS' && dialectOf(c.req.path) !== 'own') return services.passThrough(c)
    throw new ForeignHost()
  })
  app.onError(errorRenderer(services))
  return app
}

/** The routes of a process without lanes. `pages` gets our own pages from the process with the lanes. */
export function createRelayApp(
  services: CallServices & { readonly pages: (c: Context) => Promise<Response> },
): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.on('POST', [...GATED_PATHS], (c) => services.relay(c))
  for (const path of [...OWN_PAGES.map(({ path }) => path), ...OWN_TREES])
    app.all(path, (c) => services.pages(c))
  app.notFound((c) => services.passThrough(c))
  app.onError(errorRenderer(services))
  return app
}
