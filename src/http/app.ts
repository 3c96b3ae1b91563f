import { type Context, Hono } from 'hono'
import { GATED_PATHS } from '../ollama/routes.ts'
import { answerText } from './answer.ts'
import { dialectOf } from './dialect.ts'
import { type ErrorParts, errorRenderer } from './errors.ts'
import { ForeignHost } from './host-guard.ts'
import { OWN_PAGES, OWN_TREES } from './own-pages.ts'
import { HttpProblem } from './problem.ts'
import { adminRoutes } from './routes/admin.ts'
import { healthRoutes } from './routes/health.ts'
import { monitorRoutes } from './routes/monitor.ts'
import { queueRoutes } from './routes/queue.ts'
import { reloadRoutes } from './routes/reload.ts'
import type { CallServices, Services } from './services.ts'
import { JsonText, SharedPages } from './shared-pages.ts'

/**
 * The whole surface. Gated routes have one handler and no middleware, which Hono calls without its composing;
 * what no route matches is Ollama's, and that is what `notFound` means here.
 */
export function createApp(services: Services): Hono {
  const app = new Hono({ getPath: (request, options) => services.path(request, options?.env) })
  app.on('POST', [...GATED_PATHS], (c) => services.relay(c))
  const shared = new SharedPages(services.clock, services.changes)
  // Whoever changes something sees it in whatever page is asked for next.
  app.use('/admin/*', async (_c, next) => {
    await next()
    shared.forget()
  })
  app.route('/', healthRoutes(services, shared))
  app.route('/', queueRoutes(services, shared))
  const config = shared.share(() => new JsonText(services.describeConfig()))
  app.get('/config', () => answerText(config()))
  app.route('/', adminRoutes(services))
  if (services.monitor) app.route('/', monitorRoutes(services, services.monitor, shared))
  if (services.reload) app.route('/', reloadRoutes(services, services.reload))
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
  app.on('POST', [...GATED_PATHS], (c) => services.relay(c))
  for (const path of [...OWN_PAGES.map(({ path }) => path), ...OWN_TREES])
    app.all(path, (c) => services.pages(c))
  app.notFound((c) => services.passThrough(c))
  app.onError(errorRenderer(services))
  return app
}
