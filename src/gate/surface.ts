import type { Context } from 'hono'
import type { LocalAdmission } from '../admission/local-admission.ts'
import { describeConfig } from '../config/describe.ts'
import type { Access } from '../http/access.ts'
import { AdminGuard } from '../http/admin-guard.ts'
import { createApp, createForeignHostApp } from '../http/app.ts'
import { HostGuard } from '../http/host-guard.ts'
import { isLoopbackName } from '../http/peer.ts'
import { HttpProblem } from '../http/problem.ts'
import type { Services } from '../http/services.ts'
import type { ClientRequest } from '../relay/contract.ts'
import type { Origins } from '../relay/origins.ts'
import type { Relay } from '../relay/relay.ts'
import type { Shares } from '../telemetry/shares.ts'
import type { Stats } from '../telemetry/stats.ts'
import type { UpstreamHealth } from '../upstream/health.ts'
import { callRoutes } from './call-routes.ts'
import { callerPages } from './caller-pages.ts'
import type { GateEnv, GateParts } from './contract.ts'
import { ModelLists } from './model-lists.ts'
import type { RunningMonitor } from './monitor.ts'
import type { InForce } from './reload.ts'
import { modelKeyOf } from './runners.ts'

/** The composed parts that answer requests. */
export interface Composed {
  readonly access: Access
  readonly admin: AdminGuard
  readonly admission: LocalAdmission
  readonly health: UpstreamHealth
  readonly inForce: InForce
  readonly monitor: RunningMonitor
  readonly origins: Origins
  readonly relay: Relay
  readonly reload: Services['reload']
  readonly shares: Shares
  readonly stats: Stats
}

/** `accountOf`: see AdminGuardParts. */
export function createAdminGuard<Env extends GateEnv>(
  parts: GateParts<Env>,
  accountOf: (c: Context) => string,
): AdminGuard {
  const { clock, loaded, log, own, peer } = parts
  return new AdminGuard({
    clock,
    log,
    token: loaded.config.admin_token,
    hostname: own.hostname,
    peer: (c) => peer(c.env as Env),
    accountOf,
  })
}

/** Returns what answers each request: the app, or on a loopback address the refusal of a foreign Host. */
export function createFetch<Env extends GateEnv>(parts: GateParts<Env>, composed: Composed) {
  const { admin } = composed
  const services = servicesOf(parts, composed)
  const app = createApp(services)
  const foreignHostApp = createForeignHostApp(services)
  const { host, loaded, log, own, peer } = parts
  const guard = new HostGuard({ own, warn: (message, fields) => log.warn(message, fields) })
  const listensOnLoopback = isLoopbackName(loaded.config.proxy_host)
  return (request: Request, env: Env): Response | Promise<Response> => {
    if (!listensOnLoopback || !guard.refuses(host(env, request))) return app.fetch(request, env)
    const path = env.target?.path
    if (path?.startsWith('/admin/')) admin.refusedHost(peer(env), path)
    return foreignHostApp.fetch(request, env)
  }
}

function servicesOf<Env extends GateEnv>(parts: GateParts<Env>, composed: Composed): Services {
  const { clock, loaded, log, memory, runtimeName, version } = parts
  const { access, admin, admission, health, inForce, monitor, origins, relay, reload, shares, stats } =
    composed
  /** @throws HttpProblem invalid_target */
  const clientRequest = (c: Parameters<Services['relay']>[0]): ClientRequest => {
    const env = c.env as Env
    if (env.target === undefined) throw new HttpProblem('invalid_target')
    return parts.clientRequest(env, c.req.raw, env.target)
  }
  return {
    config: {
      ...loaded.config,
      get language() {
        return inForce.loaded.config.language
      },
    },
    clock,
    access,
    admin,
    admission,
    health,
    origins,
    version,
    runtimeName,
    modelKey: modelKeyOf,
    memory,
    draining: () => admission.closed,
    changes: () => stats.changes,
    describeConfig: () => describeConfig(inForce.loaded),
    path: (_request, env) => (env as Env).target?.path ?? '',
    ...callRoutes({
      access,
      clientRequest,
      lists: new ModelLists((question) => parts.upstream.ask(question)),
      log,
      origins,
      relay: () => relay,
    }),
    reportError: (error) => log.error('unexpected error in a request', { error }),
    monitor: monitor.pages,
    callers: callerPages({
      access,
      admission,
      budgets: parts.usage.budgets,
      clock,
      config: () => inForce.loaded.config,
      shares,
    }),
    reload,
  }
}
