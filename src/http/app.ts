import { type Context, Hono } from 'hono'
import { GATED_PATHS } from '../ollama/routes.ts'
import { dialectOf } from './dialect.ts'
import { type ErrorParts, errorRenderer } from './errors.ts'
import { ForeignHost } from './host-guard.ts'
import { HttpProblem } from './problem.ts'
import { adminRoutes } from './routes/admin.ts'
import { configRoutes } from './routes/config.ts'
import { healthRoutes } from './routes/health.ts'
import { inference } from './routes/inference.ts'
import { monitorRoutes } from './routes/monitor.ts'
import { queueRoutes } from './routes/queue.ts'
import { reloadRoutes } from './routes/reload.ts'
import type { CallServices, Services } from './services.ts'
import { SharedPages } from './shared-pages.ts'

/** Our own pages with their methods. Never passed on, whatever the method. */
const OWN = {
  '/health': 'GET, HEAD',
  '/health/live': 'GET, HEAD',
  '/health/ready': 'GET, HEAD',
  '/queue/stats': 'GET, HEAD',
  '/queue/memory': 'GET, HEAD',
  '/config': 'GET, HEAD',
  '/admin/queue/reset': 'POST',
  '/admin/queue/update': 'POST',
}

/** Those that need a monitor. */
const MONITORED = {
  '/queue/requests': 'GET, HEAD',
  '/queue/history': 'GET, HEAD',
  '/queue/events': 'GET, HEAD',
  '/queue/alerts': 'GET, HEAD',
  '/metrics': 'GET, HEAD',
  '/dashboard': 'GET, HEAD',
  '/admin/queue/cancel': 'POST',
  '/admin/queue/pause': 'POST',
  '/admin/queue/resume': 'POST',
}

const RELOAD = { '/admin/reload': 'POST' }

/** Below these nothing is Ollama's: a slip of the pen must not end up there. */
const OWN_TREES = ['/health/*', '/queue/*', '/admin/*', '/dashboard/*', '/metrics/*']

/**
 * The whole surface. Gated routes have one handler and no middleware, which Hono calls without its composing;
 * what no route matches is Ollama's, and that is what `notFound` means here.
 */
export function createApp(services: Services): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.on('POST', [...GATED_PATHS], inference(services))
  const shared = new SharedPages(services.clock, services.changes)
  // Whoever changes something sees it in whatever page is asked for next.
  app.use('/admin/*', async (_c, next) => {
    await next()
    shared.forget()
  })
  app.route('/', healthRoutes(services, shared))
  app.route('/', queueRoutes(services, shared))
  app.route('/', configRoutes(services, shared))
  app.route('/', adminRoutes(services))
  if (services.monitor) app.route('/', monitorRoutes(services, services.monitor, shared))
  if (services.reload) app.route('/', reloadRoutes(services, services.reload))
  const own = { ...OWN, ...(services.monitor && MONITORED), ...(services.reload && RELOAD) }
  for (const [path, allow] of Object.entries(own)) {
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

/**
 * What a request for a foreign Host gets: a sentence, and nothing else of ours or of Ollama's. A preflight goes on to
 * Ollama, since it brings nothing and changes nothing, and without its answer no page could read the sentence.
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

/** The surface of a process that has no lanes itself. `pages` brings our own pages from where the lanes are. */
export function createRelayApp(
  services: CallServices & { readonly pages: (c: Context) => Promise<Response> },
): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.on('POST', [...GATED_PATHS], inference(services))
  for (const path of [...Object.keys({ ...OWN, ...MONITORED }), ...OWN_TREES])
    app.all(path, (c) => services.pages(c))
  app.notFound((c) => services.passThrough(c))
  app.onError(errorRenderer(services))
  return app
}
